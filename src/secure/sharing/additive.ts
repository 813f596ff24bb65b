/**
 * Additive sharing over Z_2^b and prime fields: shares that are uniform and sum to the secret. All shares but one are
 * the expansions of 16-byte seeds, so that splitting m bytes among n parties sends m + 16 (n − 1) bytes.
 *
 * Shares of floating-point numbers hide nothing (reals have no uniform distribution): encode first, see fixed-point.ts.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { hkdfSha256, utf8 } from '../../foundations/crypto/index.ts';
import { addKeystreamInto } from '../../foundations/kernels/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { addRingInto, assertResidues, reduceRingInto, type Ring } from '../../foundations/vector/index.ts';
import { SharingError } from './errors.ts';
import type { PrimeField } from './field.ts';

/** Bytes of a seed: a share expanded from it is uniform to whoever cannot make 2^128 guesses. */
export const SHARE_SEED_BYTES = 16;

/** One share of a vector: a seed that stands for its expansion, or the words themselves. */
export type AdditiveShare =
  | { readonly kind: 'seed'; readonly seed: Uint8Array }
  | { readonly kind: 'residues'; readonly residues: Uint32Array };

interface Expansion {
  readonly subtract: boolean;
  readonly binding: Uint8Array | undefined;
}

function expandInto(target: Uint32Array, seed: Uint8Array, ring: Ring, { subtract, binding }: Expansion): void {
  if (seed.length !== SHARE_SEED_BYTES) {
    throw new SharingError('sharing/not-an-element', `a seed has ${SHARE_SEED_BYTES} bytes, got ${seed.length}`);
  }
  const info = utf8(`sotto/sharing/additive/${ring.bitWidth}`);
  const key = hkdfSha256(seed, { info, sizeBytes: 32, ...(binding && { salt: binding }) });
  addKeystreamInto(target, { key, wordBits: ring.limbs === 1 ? 32 : 64, subtract });
  reduceRingInto(target, ring);
}

/**
 * Splits residues into one share a party.
 * Guarantee: any parties − 1 of the shares are uniform and independent of the residues, as long as `rng` is uniform and
 * ChaCha20 a pseudorandom function.
 * @param residues - `ring.limbs` words an entry, below 2^bitWidth.
 * @param options - `parties` ≥ 2; `correctionAt`, the party that gets the words instead of a seed (the last one);
 * `binding`, bytes that enter the expansion of every seed: who joins with others gets noise instead of the secret.
 * @throws {RangeError} when a residue is not one of the ring.
 */
export function splitAdditive(
  residues: Uint32Array,
  {
    ring,
    parties,
    correctionAt = parties - 1,
    binding,
  }: { readonly ring: Ring; readonly parties: number; readonly correctionAt?: number; readonly binding?: Uint8Array },
  rng: Rng,
): readonly AdditiveShare[] {
  assertInteger(parties, 'parties', { min: 2, max: 65_535 });
  assertInteger(correctionAt, 'correctionAt', { max: parties - 1 });
  assertResidues(residues, ring, residues.length / ring.limbs);
  const correction = residues.slice();
  return Array.from({ length: parties }, (_, party): AdditiveShare => {
    if (party === correctionAt) return { kind: 'residues', residues: correction };
    const seed = rng.bytes(SHARE_SEED_BYTES);
    expandInto(correction, seed, ring, { subtract: true, binding });
    return { kind: 'seed', seed };
  });
}

/**
 * Adds a share to `target`, in place: what a party does with every share it receives.
 * @param binding - as it was split with.
 * @throws {SharingError} `sharing/not-an-element` when the share is not one of a vector of this ring and length.
 */
export function addShareInto(target: Uint32Array, share: AdditiveShare, ring: Ring, binding?: Uint8Array): void {
  if (share.kind === 'seed') {
    expandInto(target, share.seed, ring, { subtract: false, binding });
    return;
  }
  try {
    assertResidues(share.residues, ring, target.length / ring.limbs);
  } catch (cause) {
    throw new SharingError('sharing/not-an-element', 'a share is not a vector of this ring and length', { cause });
  }
  addRingInto(target, share.residues, ring);
}

/** Joins the shares of all parties. @returns the residues. */
export function joinAdditive(
  shares: readonly AdditiveShare[],
  { ring, entries }: { readonly ring: Ring; readonly entries: number },
): Uint32Array {
  const sum = new Uint32Array(entries * ring.limbs);
  for (const share of shares) addShareInto(sum, share, ring);
  return sum;
}

/** Bytes that a split sends when no share stays at home. */
export function additiveSplitBytes({
  ring,
  entries,
  parties,
}: {
  ring: Ring;
  entries: number;
  parties: number;
}): number {
  return entries * ring.limbs * 4 + SHARE_SEED_BYTES * (parties - 1);
}

/**
 * Splits elements of a prime field into uniform shares that sum to them.
 * @returns one vector a party.
 * @throws {SharingError} `sharing/not-an-element` when a secret is not in the field.
 */
export function splitAdditiveField(
  secrets: readonly bigint[],
  { field, parties }: { readonly field: PrimeField; readonly parties: number },
  rng: Rng,
): readonly (readonly bigint[])[] {
  assertInteger(parties, 'parties', { min: 2, max: 65_535 });
  for (const secret of secrets) {
    if (secret < 0n || secret >= field.prime) {
      throw new SharingError('sharing/not-an-element', 'a secret is not an element of the field');
    }
  }
  const shares = Array.from({ length: parties - 1 }, () => secrets.map(() => field.sample(rng)));
  const last = secrets.map((secret, i) =>
    shares.reduce((rest, share) => field.reduce(rest - (share[i] as bigint)), secret),
  );
  return [...shares, last];
}

/**
 * Joins the shares of all parties over a prime field.
 * @throws {SharingError} `sharing/inconsistent` when they have different lengths, `sharing/not-an-element` when a share is
 * not of the field.
 */
export function joinAdditiveField(shares: readonly (readonly bigint[])[], field: PrimeField): readonly bigint[] {
  const [first = []] = shares;
  for (const share of shares) {
    if (share.length !== first.length)
      throw new SharingError('sharing/inconsistent', 'the shares have different lengths');
    if (share.some((value) => value < 0n || value >= field.prime))
      throw new SharingError('sharing/not-an-element', 'a share is not an element of the field');
  }
  return first.map((_, i) => shares.reduce((sum, share) => field.reduce(sum + (share[i] as bigint)), 0n));
}
