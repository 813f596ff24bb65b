/**
 * Beaver triples that two parties make themselves, without a dealer: each encrypts its factor under its own BFV key, the
 * other multiplies and masks, and the owner decrypts its share of the cross term. Products of 64-bit numbers are carried
 * as integers modulo several plaintext primes (CRT), with 40 bits of masking above the product, and the noise of every
 * answer is flooded by 60 bits. Semi-honest. [GMW87]-style cross terms with BFV as in [RSS19]
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { type BfvProducts, createBfvProducts } from '../homomorphic/index.ts';
import type { PartyChannel } from './channel.ts';
import { MpcError } from './errors.ts';
import type { Correlation, Preprocessing } from './preprocessing.ts';

/** The product of two 64-bit numbers has 128 bits; the mask exceeds it by 40. */
const MASK_BITS = 168;

function randomWords(count: number, rng: Rng): BigUint64Array {
  const bytes = rng.bytes(8 * count);
  return new BigUint64Array(bytes.slice().buffer);
}

/** Draws integers below 2^168: what a cross term is masked with. */
function randomMasks(count: number, rng: Rng): bigint[] {
  const bytes = rng.bytes((count * MASK_BITS) / 8);
  const size = MASK_BITS / 8;
  return Array.from({ length: count }, (_, i) => {
    let value = 0n;
    for (let b = 0; b < size; b += 1) value = (value << 8n) | BigInt(bytes[i * size + b] as number);
    return value;
  });
}

/**
 * Creates the preprocessing of one of two parties. It serves products and matrix products; truncation is then local, with
 * the small failure probability that `truncateShares` states, and comparisons are not available.
 * @throws {MpcError} `mpc/unsupported` for more than two parties.
 */
export async function createBfvPreprocessing(
  channel: PartyChannel,
  rng: Rng,
  { parties = 2 } = {},
): Promise<Preprocessing & { close(): void }> {
  if (parties !== 2) throw new MpcError('mpc/unsupported', 'triples by BFV are for two parties');
  const other = 1 - channel.endpoint;
  const products: BfvProducts = await createBfvProducts({ productBits: MASK_BITS + 1 });
  let bytes = 0;
  const send = (message: Uint8Array) => {
    bytes += message.length;
    return channel.send(other, message);
  };
  await send(products.publicKey);
  products.setPeerKey(await channel.receive(other));

  /** Shares of the cross terms a_i · b_j of both parties: what this party adds to its product. */
  async function cross(a: BigUint64Array, b: BigUint64Array): Promise<BigUint64Array> {
    const count = a.length;
    await send(products.encrypt(a));
    const theirs = await channel.receive(other);
    const masks = randomMasks(count, rng);
    await send(products.multiplyAndMask(theirs, b, masks, rng));
    const answer = products.decrypt(await channel.receive(other), count);
    return BigUint64Array.from(answer, (value, i) => BigInt.asUintN(64, value - (masks[i] as bigint)));
  }

  async function triple(a: BigUint64Array, b: BigUint64Array): Promise<BigUint64Array> {
    const terms = await cross(a, b);
    return terms.map((term, i) => BigInt.asUintN(64, term + (a[i] as bigint) * (b[i] as bigint)));
  }

  return {
    statement: 'triples made by the two parties through BFV with flooding: semi-honest, nobody else is trusted',
    supports: (kind) => kind === 'triple' || kind === 'matrix',
    bytes: () => bytes,
    async request(request): Promise<Correlation> {
      if (request.kind === 'triple') {
        const [a, b] = [randomWords(request.count, rng), randomWords(request.count, rng)];
        return [a, b, await triple(a, b)];
      }
      if (request.kind === 'matrix' && request.weight === undefined) {
        const { rows, inner, columns } = request;
        const [a, b] = [randomWords(rows * inner, rng), randomWords(inner * columns, rng)];
        const [left, right] = [new BigUint64Array(rows * inner * columns), new BigUint64Array(rows * inner * columns)];
        let at = 0;
        for (let i = 0; i < rows; i += 1) {
          for (let j = 0; j < columns; j += 1) {
            for (let k = 0; k < inner; k += 1) {
              left[at] = a[i * inner + k] as bigint;
              right[at] = b[k * columns + j] as bigint;
              at += 1;
            }
          }
        }
        const terms = await triple(left, right);
        const c = new BigUint64Array(rows * columns);
        for (let i = 0; i < terms.length; i += 1) {
          const target = Math.floor(i / inner);
          c[target] = BigInt.asUintN(64, (c[target] as bigint) + (terms[i] as bigint));
        }
        return [a, b, c];
      }
      throw new MpcError('mpc/unsupported', `${request.kind} needs a dealer; this session makes its own triples`);
    },
    close: () => products.close(),
  };
}
