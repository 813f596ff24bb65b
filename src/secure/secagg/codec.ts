/**
 * Canonical bytes: fixed-width little-endian integers, raw byte strings of known length and length-prefixed blocks.
 * There is one encoding of every value, and a reader that finds anything left over refuses.
 *
 * @module
 */

import { SecAggError } from './errors.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Collects the bytes of one message; every method returns the writer. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  /** `sizeHint` spares copies when the size is known. */
  constructor(sizeHint = 256) {
    this.#bytes = new Uint8Array(sizeHint);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #reserve(count: number): number {
    const start = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  f64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
    return this;
  }

  /** Raw bytes whose length the reader knows. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Bytes with a u32 length in front. */
  block(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** UTF-8 text of at most 255 bytes, with its length in front. */
  text(value: string): this {
    const utf8 = encoder.encode(value);
    if (utf8.length > 255) throw new RangeError('a text in a message is limited to 255 bytes of UTF-8');
    return this.u8(utf8.length).raw(utf8);
  }

  finish(): Uint8Array {
    return this.#at === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#at);
  }
}

/** Reads what a {@link ByteWriter} wrote; throws `secagg/malformed-message` at the first byte that does not fit. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array)) throw malformed('a message must be a Uint8Array');
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  #advance(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) throw malformed('a message ends too early');
    this.#at += count;
    return start;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  /** A view of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  block(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    try {
      return decoder.decode(this.raw(this.u8()));
    } catch {
      throw malformed('a text in a message is not UTF-8');
    }
  }

  /** A view of everything that is left. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at);
  }

  /** @throws {SecAggError} when bytes are left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed('a message has bytes left over');
  }
}

function malformed(message: string): SecAggError {
  return new SecAggError('secagg/malformed-message', message);
}
