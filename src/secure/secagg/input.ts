/**
 * A participant's input on its way into the ring: checked, weighted, and followed by the count coordinate.
 *
 * @module
 */

import { addRingInto, assertResidues, decodeRing, type Ring } from '../../foundations/vector/index.ts';
import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import { expandNoiseShare } from './noise.ts';
import type { SecAggPolicy } from './policy.ts';

/** Words of a whole vector: the entries and the count coordinate. */
export function vectorWords({ entries, countEntries, ring }: ResolvedConfig): number {
  return (entries + countEntries) * ring.limbs;
}

/** The public weight of a participant. @throws {SecAggError} when weights are declared and it has none. */
export function weightOf({ weights }: ResolvedConfig, id: string): number {
  if (weights === undefined) return 1;
  const weight = Object.hasOwn(weights.of, id) ? weights.of[id] : undefined;
  if (weight === undefined) {
    throw new SecAggError('secagg/input', `no weight is declared for participant "${id}"`, {
      details: { participants: [id] },
    });
  }
  return weight;
}

/** Writes a number as residue of every count entry. */
function writeCount(vector: Uint32Array, count: number, { entries, countEntries, ring }: ResolvedConfig): void {
  for (let i = entries; i < entries + countEntries; i += 1) writeResidue(vector, i, BigInt(count), ring);
}

/** Tells whether every count entry holds `count`. */
export function countMatches(
  vector: Uint32Array,
  count: number,
  { entries, countEntries, ring }: ResolvedConfig,
): boolean {
  const expected = new Uint32Array(ring.limbs);
  writeResidue(expected, 0, BigInt(count), ring);
  let difference = 0;
  for (let i = entries * ring.limbs; i < (entries + countEntries) * ring.limbs; i += 1) {
    difference |= (vector[i] as number) ^ (expected[i % ring.limbs] as number);
  }
  return difference === 0;
}

function writeResidue(vector: Uint32Array, index: number, value: bigint, ring: Ring): void {
  const residue = value % ring.modulus;
  vector[index * ring.limbs] = Number(residue & 0xffff_ffffn);
  if (ring.limbs === 2) vector[index * 2 + 1] = Number(residue >> 32n);
}

/**
 * Checks an input.
 * @throws {RangeError} when it is not a vector of the ring.
 * @throws {SecAggError} `secagg/input` beyond the declared magnitude, `secagg/sparse-input` below the policy's support.
 */
export function assertInput(residues: Uint32Array, config: ResolvedConfig, policy: SecAggPolicy): void {
  const { ring, entries, maxMagnitude } = config;
  assertResidues(residues, ring, entries);
  if (maxMagnitude !== undefined) {
    const values = decodeRing(residues, ring);
    for (let i = 0; i < values.length; i += 1) {
      if (Math.abs(values[i] as number) > maxMagnitude) {
        throw new SecAggError('secagg/input', `entry ${i} of the input is beyond the declared "maxMagnitude"`);
      }
    }
  }
  const minSupport = Math.min(policy.minSupport ?? 0, entries);
  if (minSupport > 0) {
    let support = 0;
    for (let i = 0; i < entries && support < minSupport; i += 1) {
      if (residues[i * ring.limbs] !== 0 || (ring.limbs === 2 && residues[2 * i + 1] !== 0)) support += 1;
    }
    if (support < minSupport) {
      throw new SecAggError(
        'secagg/sparse-input',
        `the input touches fewer than ${minSupport} entries: its layout could single me out`,
      );
    }
  }
}

/** Multiplies residues by a public weight, in place. */
function scaleRingInto(residues: Uint32Array, weight: number, ring: Ring): void {
  if (weight === 1) return;
  if (ring.limbs === 1) {
    const top = ring.bitWidth === 32 ? -1 : (1 << ring.bitWidth) - 1;
    for (let i = 0; i < residues.length; i += 1) residues[i] = Math.imul(residues[i] as number, weight) & top;
    return;
  }
  const factor = BigInt(weight);
  const wide = new BigUint64Array(residues.buffer, residues.byteOffset, residues.length / 2);
  for (let i = 0; i < wide.length; i += 1) wide[i] = ((wide[i] as bigint) * factor) % ring.modulus;
}

/** Builds the vector to be masked: weighted input, noise share, count. */
export function buildVector(
  input: Uint32Array,
  {
    config,
    id,
    noise,
  }: {
    readonly config: ResolvedConfig;
    readonly id: string;
    readonly noise: { readonly seed: Uint8Array; readonly session: Uint8Array } | undefined;
  },
): Uint32Array {
  const { ring, entries } = config;
  const vector = new Uint32Array(vectorWords(config));
  vector.set(input);
  const body = vector.subarray(0, entries * ring.limbs);
  const weight = weightOf(config, id);
  scaleRingInto(body, weight, ring);
  if (config.noise !== undefined && noise !== undefined) {
    const share = expandNoiseShare(noise.seed, { session: noise.session, noise: config.noise, ring, entries });
    addRingInto(body, share, ring);
    share.fill(0);
  }
  writeCount(vector, weight, config);
  return vector;
}
