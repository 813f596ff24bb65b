/**
 * A cursor over untrusted bytes: every read is bounded, and running past the end is a typed error, never `undefined`.
 *
 * @module
 */

import { toHex } from '../../foundations/crypto/index.ts';
import { malformed } from './errors.ts';

/** Reads little-endian fields from the front of a byte string. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #offset = 0;

  /** @param what - what the bytes are, for messages: "TDX quote". */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  #advance(sizeBytes: number): number {
    if (sizeBytes > this.remaining) {
      malformed(`${this.#what}: ${sizeBytes} bytes wanted at offset ${this.#offset}, ${this.remaining} left`);
    }
    const at = this.#offset;
    this.#offset += sizeBytes;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  /** A view of the next bytes; not a copy. */
  bytes(sizeBytes: number): Uint8Array {
    const at = this.#advance(sizeBytes);
    return this.#bytes.subarray(at, at + sizeBytes);
  }

  hex(sizeBytes: number): string {
    return toHex(this.bytes(sizeBytes));
  }

  /** Skips bytes that the format reserves. @throws {AttestationError} when one of them is not zero. */
  reserved(sizeBytes: number, name: string): void {
    const at = this.#offset;
    if (this.bytes(sizeBytes).some((byte) => byte !== 0)) {
      malformed(`${this.#what}: reserved bytes ${name} at offset ${at} are not zero`);
    }
  }

  /** @throws {AttestationError} when bytes are left. */
  end(): void {
    if (this.remaining > 0) malformed(`${this.#what}: ${this.remaining} bytes too many`);
  }
}

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
