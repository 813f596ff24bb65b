/**
 * Noise inside the sum: every participant adds a share drawn from a seed, provisioned for the worst allowed dropout, and
 * the shares of as many survivors as the sum has too many are taken out again.
 *
 * With m = `minSurvivors` contributions the sum has to carry m shares (of which `maxCorrupt` count as nothing). When s > m
 * survive, the seeds of s − m survivors are opened and their shares subtracted: exactly m shares remain whatever s was.
 * At least m − maxCorrupt of them are honest, because at most s − m honest ones were opened. The choice follows from the
 * signed survivor set, so nobody makes it.
 *
 * Deviation from [JWC24]: that protocol cuts every share into components and removes components of everybody, at the
 * price of (s − m) · s regenerated vectors and as many seeds to share; removing whole shares needs s − m vectors and one
 * seed a participant, provisions the same variance, and leaves the same guarantee for the same `maxCorrupt`.
 *
 * @module
 */

import { createDiscreteGaussian, createSkellam, type IntegerNoise } from '../../privacy/mechanisms/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { encodeRing, type Ring } from '../../foundations/vector/index.ts';
import type { PlaceSet } from './bitmap.ts';
import type { SecAggNoise } from './config.ts';
import { deriveNoiseKey, deriveRemovalSeed } from './derive.ts';
import { permutePlaces } from './graph.ts';

const samplers = new Map<string, IntegerNoise>();

function samplerOf({ mechanism, shareVariance }: SecAggNoise): IntegerNoise {
  const name = `${mechanism}/${shareVariance}`;
  let sampler = samplers.get(name);
  if (sampler === undefined) {
    const options = { variance: shareVariance };
    sampler = mechanism === 'skellam' ? createSkellam(options) : createDiscreteGaussian(options);
    if (samplers.size >= 16) samplers.clear();
    samplers.set(name, sampler);
  }
  return sampler;
}

/**
 * Regenerates the noise share of a seed: the same integers for the participant that adds it and for the coordinator that
 * may have to take it out again.
 * @returns residues, as many as `entries`.
 */
export function expandNoiseShare(
  seed: Uint8Array,
  {
    session,
    noise,
    ring,
    entries,
  }: { readonly session: Uint8Array; readonly noise: SecAggNoise; readonly ring: Ring; readonly entries: number },
): Uint32Array {
  const values = new Int32Array(entries);
  samplerOf(noise).sampleInto(values, createSeededRng(deriveNoiseKey(seed, session)));
  const residues = encodeRing(values, ring);
  values.fill(0);
  return residues;
}

/**
 * Chooses the survivors whose noise shares are opened.
 * @param survivors - the signed set, as a bitmap and as places.
 * @returns as many places as there are survivors above `minSurvivors`, in an order drawn from session and set.
 */
export function chooseOpenedNoise(
  survivors: { readonly bitmap: Uint8Array; readonly places: PlaceSet },
  {
    session,
    size,
    minSurvivors,
  }: { readonly session: Uint8Array; readonly size: number; readonly minSurvivors: number },
): ReadonlySet<number> {
  const excess = survivors.places.size - minSurvivors;
  const opened = new Set<number>();
  if (excess <= 0) return opened;
  for (const place of permutePlaces(size, deriveRemovalSeed(session, survivors.bitmap))) {
    if (opened.size === excess) break;
    if (survivors.places.has(place)) opened.add(place);
  }
  return opened;
}
