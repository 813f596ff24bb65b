/**
 * Replicated sharing among three parties [AFLNO16]: x = x₀ + x₁ + x₂, and party i holds xᵢ and xᵢ₊₁. Any two parties
 * reconstruct, one alone holds two uniform vectors; a product needs one message of one vector a party.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { addRingInto, assertResidues, type Ring } from '../../foundations/vector/index.ts';
import { joinAdditive, splitAdditive } from './additive.ts';
import { SharingError } from './errors.ts';

/** What party `party` holds: the components `party` and `party` + 1 (modulo 3). */
export interface ReplicatedShare {
  readonly party: 0 | 1 | 2;
  readonly own: Uint32Array;
  readonly next: Uint32Array;
}

/**
 * Splits residues among three parties.
 * Guarantee: one party's pair is uniform and independent of the residues.
 */
export function splitReplicated(residues: Uint32Array, ring: Ring, rng: Rng): readonly ReplicatedShare[] {
  const entries = residues.length / ring.limbs;
  const components = splitAdditive(residues, { ring, parties: 3 }, rng).map((share) =>
    joinAdditive([share], { ring, entries }),
  );
  return ([0, 1, 2] as const).map((party) => ({
    party,
    own: components[party] as Uint32Array,
    next: (components[(party + 1) % 3] as Uint32Array).slice(),
  }));
}

/**
 * Joins the shares of two or three different parties.
 * @throws {SharingError} `sharing/too-few-shares` when fewer than two parties contribute, `sharing/inconsistent` when
 * two holders of one component disagree.
 */
export function joinReplicated(shares: readonly ReplicatedShare[], ring: Ring): Uint32Array {
  const components = new Map<number, Uint32Array>();
  for (const { party, own, next } of shares) {
    for (const [index, component] of [
      [party, own],
      [(party + 1) % 3, next],
    ] as const) {
      assertResidues(component, ring, component.length / ring.limbs);
      const known = components.get(index);
      if (
        known !== undefined &&
        !(known.length === component.length && known.every((word, i) => word === component[i]))
      ) {
        throw new SharingError('sharing/inconsistent', `two holders of component ${index} disagree`);
      }
      components.set(index, component);
    }
  }
  if (components.size < 3) {
    throw new SharingError('sharing/too-few-shares', 'replicated shares of two different parties are needed');
  }
  const sum = (components.get(0) as Uint32Array).slice();
  addRingInto(sum, components.get(1) as Uint32Array, ring);
  addRingInto(sum, components.get(2) as Uint32Array, ring);
  return sum;
}

/** Adds two shares of one party. */
export function addReplicated(a: ReplicatedShare, b: ReplicatedShare, ring: Ring): ReplicatedShare {
  if (a.party !== b.party) throw new RangeError('shares of different parties cannot be added');
  const own = a.own.slice();
  const next = a.next.slice();
  addRingInto(own, b.own, ring);
  addRingInto(next, b.next, ring);
  return { party: a.party, own, next };
}
