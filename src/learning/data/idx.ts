/**
 * Reads IDX files, the format of MNIST and its relatives [LeCun98]: a big-endian magic number (two zero bytes, the
 * element type, the number of dimensions), the dimensions, then the elements row by row. Only unsigned bytes are read,
 * since every published image set of this family uses them.
 *
 * @module
 */

import { DataError } from './errors.ts';

/** The four file names of an IDX image folder, as MNIST and Fashion-MNIST ship them. */
export const IDX_FILE_NAMES = {
  trainInputs: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testInputs: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;

/** An array read from an IDX file: `data` is row-major and as long as the product of `shape`. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  0x09: 'signed bytes',
  0x0b: '16-bit integers',
  0x0c: '32-bit integers',
  0x0d: '32-bit floats',
  0x0e: '64-bit floats',
};

/**
 * Reads an IDX file of unsigned bytes.
 * @param bytes - the whole file; the result is a view of it, not a copy.
 * @param options - `name` stands for the file in messages.
 * @throws {DataError} when the magic number is another one, the file is compressed, its elements are not unsigned
 * bytes, or it is shorter or longer than its header says.
 */
export function readIdx(bytes: Uint8Array, { name = 'IDX data' }: { name?: string } = {}): IdxArray {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw new DataError('data/compressed', `${name} is gzip-compressed: unpack it first (gunzip)`, {
      details: { name },
    });
  }
  if (bytes.length < 4) {
    throw new DataError(
      'data/truncated',
      `${name} is truncated: an IDX file has at least 4 bytes, got ${bytes.length}`,
      {
        details: { name, expected: 4, actual: bytes.length },
      },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const type = (magic >>> 8) & 0xff;
  const dimensions = magic & 0xff;
  if (magic >>> 16 !== 0 || dimensions === 0 || (type !== UNSIGNED_BYTE && TYPE_NAMES[type] === undefined)) {
    throw new DataError(
      'data/not-idx',
      `${name} is not an IDX file: its magic number is 0x${magic.toString(16).padStart(8, '0')}, expected 0x000008nn`,
      { details: { name, magic } },
    );
  }
  if (type !== UNSIGNED_BYTE) {
    throw new DataError('data/unsupported-type', `${name} holds ${TYPE_NAMES[type]}; only unsigned bytes are read`, {
      details: { name, type },
    });
  }
  const headerBytes = 4 + 4 * dimensions;
  if (bytes.length < headerBytes) {
    throw new DataError(
      'data/truncated',
      `${name} is truncated: its header of ${dimensions} dimensions takes ${headerBytes} bytes, the file has ${bytes.length}`,
      { details: { name, expected: headerBytes, actual: bytes.length } },
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = headerBytes + shape.reduce((product, extent) => product * extent, 1);
  if (bytes.length !== expected) {
    const short = bytes.length < expected;
    throw new DataError(
      short ? 'data/truncated' : 'data/trailing-bytes',
      `${name} ${short ? 'is truncated' : 'has bytes after its end'}: shape ${shape.join(' × ')} takes ${expected} bytes, the file has ${bytes.length}`,
      { details: { name, expected, actual: bytes.length } },
    );
  }
  return { shape, data: bytes.subarray(headerBytes) };
}
