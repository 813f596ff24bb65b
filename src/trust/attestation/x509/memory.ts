/**
 * A short memory for decoders: chains share their upper ends, and evidence that is checked again brings the same chains
 * and lists.
 *
 * @module
 */

import { sha256, toHex } from '../../../foundations/crypto/index.ts';

/**
 * Keeps what a decoder made of its last inputs. Failures are not kept.
 * @param decode - a pure function of the bytes; it gets a copy of them. `what` is for messages alone.
 * @param size - how many values are kept; the oldest goes first.
 */
export function rememberDecoded<T>(
  decode: (der: Uint8Array, what: string) => T,
  size: number,
): (der: Uint8Array, what: string) => T {
  const values = new Map<string, T>();
  return (der, what) => {
    const key = toHex(sha256(der));
    const known = values.get(key);
    if (known !== undefined) return known;
    const value = decode(der.slice(), what);
    const [oldest] = values.keys();
    if (values.size >= size && oldest !== undefined) values.delete(oldest);
    values.set(key, value);
    return value;
  };
}
