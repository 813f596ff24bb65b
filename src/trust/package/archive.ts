/**
 * The archive of a package: POSIX ustar [POSIX.1-2001], plain files alone, every header exactly as we write it. One set
 * of files has one archive, and no byte of it is free to change. Nothing is compressed.
 *
 * @module
 */

import { concatBytes, equalBytes } from '../../foundations/crypto/index.ts';
import { refuse } from './errors.ts';

const BLOCK = 512;
const MAX_NAME = 100;
/** Files of a package; a path of each once. */
export type PackageFiles = ReadonlyMap<string, Uint8Array>;

/** What is read at most. */
export interface ArchiveLimits {
  readonly maxFiles: number;
  readonly maxBytes: number;
}

/** Enough for the largest model that fits a safetensors header, little enough for a laptop. */
export const DEFAULT_LIMITS: ArchiveLimits = { maxFiles: 4096, maxBytes: 4 * 2 ** 30 };

const encoder = new TextEncoder();
const decoder = new TextDecoder('latin1');
/** Beginnings of what is compressed: gzip, zip, zstd, xz, bzip2. */
const COMPRESSED: readonly (readonly number[])[] = [
  [0x1f, 0x8b],
  [0x50, 0x4b, 0x03, 0x04],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x42, 0x5a, 0x68],
];

/**
 * Checks a path inside a package: parts of letters, digits, `.`, `_`, `-` joined by `/`, none of them `.` or `..`.
 * @throws {PackageError} `package/path`.
 */
export function assertPackagePath(path: string): void {
  const parts = path.split('/');
  const plain = parts.every((part) => /^[A-Za-z0-9._-]+$/.test(part) && part !== '.' && part !== '..');
  if (!plain || path.length > MAX_NAME) {
    refuse(
      'package/path',
      path.slice(0, MAX_NAME),
      'a path must be at most 100 letters, digits, ".", "_", "-" and "/", and stay inside',
    );
  }
}

function writeText(block: Uint8Array, at: number, text: string): void {
  block.set(encoder.encode(text), at);
}

/** The one header of a file: mode 0644, no owner, time 0. */
function headerOf(path: string, sizeBytes: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  writeText(block, 0, path);
  writeText(block, 100, '0000644\0');
  writeText(block, 108, '0000000\0');
  writeText(block, 116, '0000000\0');
  writeText(block, 124, `${sizeBytes.toString(8).padStart(11, '0')}\0`);
  writeText(block, 136, '00000000000\0');
  writeText(block, 148, '        ');
  writeText(block, 156, '0');
  writeText(block, 257, 'ustar\x0000');
  let sum = 0;
  for (const byte of block) sum += byte;
  writeText(block, 148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

/**
 * Writes an archive: files in the order of their paths.
 * @throws {PackageError} `package/path`, `package/too-large`.
 */
export function encodeArchive(files: PackageFiles, limits: ArchiveLimits = DEFAULT_LIMITS): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const path of [...files.keys()].sort()) {
    assertPackagePath(path);
    const bytes = files.get(path) as Uint8Array;
    total += bytes.length;
    parts.push(headerOf(path, bytes.length), bytes, new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  if (files.size > limits.maxFiles || total > limits.maxBytes) {
    refuse('package/too-large', 'archive', `${files.size} files of ${total} bytes are more than a package may have`);
  }
  return concatBytes(...parts, new Uint8Array(2 * BLOCK));
}

function fieldOf(header: Uint8Array, at: number, length: number): string {
  const text = decoder.decode(header.subarray(at, at + length));
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Reads one header. @throws {PackageError} the reason it is not one of ours. */
function readHeader(header: Uint8Array): { readonly path: string; readonly sizeBytes: number } {
  const path = fieldOf(header, 0, MAX_NAME);
  if (fieldOf(header, 257, 6) !== 'ustar') refuse('package/malformed', 'archive', 'a block is no ustar header');
  assertPackagePath(path);
  const type = fieldOf(header, 156, 1);
  if (type !== '0')
    refuse('package/not-a-file', path, `entry of type ${JSON.stringify(type)}: only plain files are read`);
  const size = fieldOf(header, 124, 12);
  if (!/^[0-7]{11}$/.test(size)) refuse('package/malformed', path, 'its size is not eleven octal digits');
  const sizeBytes = Number.parseInt(size, 8);
  if (!equalBytes(header, headerOf(path, sizeBytes))) {
    refuse('package/malformed', path, 'its header is not the one header that a file of this path and size has');
  }
  return { path, sizeBytes };
}

/**
 * Reads an archive whole; nothing is given out of one that is not sound to its last byte.
 * @throws {PackageError} `package/truncated`, `package/malformed`, `package/path`, `package/not-a-file`,
 * `package/duplicate`, `package/too-large`, `package/compressed`.
 */
export function decodeArchive(bytes: Uint8Array, { maxFiles, maxBytes }: ArchiveLimits = DEFAULT_LIMITS): PackageFiles {
  if (COMPRESSED.some((magic) => magic.every((byte, i) => bytes[i] === byte))) {
    refuse('package/compressed', 'archive', 'it is compressed; packages are plain ustar archives');
  }
  const files = new Map<string, Uint8Array>();
  const folded = new Set<string>();
  let last = '';
  let at = 0;
  let total = 0;
  for (;;) {
    if (at + BLOCK > bytes.length) refuse('package/truncated', 'archive', 'it ends before its last block');
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const { path, sizeBytes } = readHeader(header);
    total += sizeBytes;
    if (total > maxBytes || files.size >= maxFiles) {
      refuse('package/too-large', path, `more than ${maxFiles} files or ${maxBytes} bytes`);
    }
    if (files.has(path)) refuse('package/duplicate', path, 'it occurs twice');
    if (folded.has(path.toLowerCase())) {
      refuse(
        'package/duplicate',
        path,
        'it differs from another path by capitals alone, which some disks do not tell apart',
      );
    }
    folded.add(path.toLowerCase());
    if (last > path) refuse('package/malformed', path, 'it is out of order');
    last = path;
    at += BLOCK;
    const end = at + Math.ceil(sizeBytes / BLOCK) * BLOCK;
    if (end > bytes.length)
      refuse('package/truncated', path, `${sizeBytes} bytes are announced, ${bytes.length - at} are left`);
    if (bytes.subarray(at + sizeBytes, end).some((byte) => byte !== 0)) {
      refuse('package/malformed', path, 'the padding after it is not zero');
    }
    files.set(path, bytes.subarray(at, at + sizeBytes));
    at = end;
  }
  // A path that is a file cannot be a folder too: whichever was written first would be lost.
  const both = [...folded].find((path) =>
    path.split('/').some((_, i, parts) => i > 0 && folded.has(parts.slice(0, i).join('/'))),
  );
  if (both !== undefined) refuse('package/path', both, 'it lies below another file');
  const tail = bytes.subarray(at);
  if (tail.length < 2 * BLOCK) refuse('package/truncated', 'archive', 'its end is missing');
  if (tail.length > 2 * BLOCK || tail.some((byte) => byte !== 0)) {
    refuse('package/malformed', 'archive', 'there is something after its end');
  }
  return files;
}
