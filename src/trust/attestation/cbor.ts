/**
 * Strict CBOR: definite lengths, minimal integers, no duplicate keys, no floats that are infinite; tags are kept as
 * values. [RFC8949] §4.2
 *
 * @module
 */

import { decode, encode, Tagged } from 'cborg';

import { malformed } from './errors.ts';

const MAX_CBOR_BYTES = 1 << 20;
/** Deeper nesting than this occurs in no format here; it is refused before the decoder recurses. */
const MAX_DEPTH = 32;

/** Keeps whatever tag occurs as a value with its number. */
const anyTag = new Proxy({} as Record<number, (decode: () => unknown) => Tagged>, {
  get: (_, key) => (inner: () => unknown) => new Tagged(Number(key), inner()),
  has: () => true,
});

/** Walks the heads of all items without building any, to bound depth and to see that they end where the bytes end. */
function assertShallow(bytes: Uint8Array, what: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const open: number[] = [1];
  while (open.length > 0) {
    const left = open.at(-1) as number;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    const head = bytes[offset];
    if (head === undefined) malformed(`${what}: truncated CBOR`);
    offset += 1;
    const info = head & 0x1f;
    const width = info < 24 ? 0 : 2 ** (info - 24);
    if (info > 27 || offset + width > bytes.length) malformed(`${what}: truncated or indefinite CBOR`);
    const argument =
      width === 0
        ? info
        : width === 1
          ? view.getUint8(offset)
          : width === 2
            ? view.getUint16(offset)
            : width === 4
              ? view.getUint32(offset)
              : Number(view.getBigUint64(offset));
    offset += width;
    const major = head >> 5;
    if (major === 2 || major === 3) {
      offset += argument;
      if (offset > bytes.length) malformed(`${what}: CBOR string runs past the end`);
    } else if (major >= 4 && major <= 6) {
      const items = major === 6 ? 1 : major === 5 ? 2 * argument : argument;
      if (items > bytes.length - offset) malformed(`${what}: CBOR collection runs past the end`);
      open.push(items);
      if (open.length > MAX_DEPTH) malformed(`${what}: CBOR nested deeper than ${MAX_DEPTH}`);
    }
  }
  if (offset !== bytes.length) malformed(`${what}: ${bytes.length - offset} bytes after the CBOR item`);
}

/**
 * Decodes one item; maps become `Map`, tags {@link Tagged}.
 * @throws {AttestationError} `attestation/malformed`.
 */
export function decodeCbor(bytes: Uint8Array, what: string): unknown {
  if (bytes.length > MAX_CBOR_BYTES) malformed(`${what}: longer than ${MAX_CBOR_BYTES} bytes`);
  assertShallow(bytes, what);
  try {
    return decode(bytes, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      tags: anyTag,
    });
  } catch (cause) {
    return malformed(`${what} is not strict CBOR`, cause);
  }
}

/** Encodes a value; maps keep cborg's canonical order. */
export function encodeCbor(value: unknown): Uint8Array {
  return encode(value);
}

export { Tagged } from 'cborg';
