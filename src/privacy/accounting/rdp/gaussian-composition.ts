/**
 * Nested Gaussian sums on the same sample, seen as one: [ABPT18] section 3 (arXiv 1812.06210 v2).
 *
 * @module
 */

import type { DpEvent } from '../events/event.ts';

/**
 * Returns the noise multiplier of the single Gaussian that a composition of Gaussians amounts to, or undefined when
 * anything else is in it.
 */
export function findEffectiveNoiseMultiplier(event: DpEvent): number | undefined {
  const precision = findPrecision(event);
  return precision === undefined ? undefined : 1 / Math.sqrt(precision);
}

function findPrecision(event: DpEvent): number | undefined {
  switch (event.kind) {
    case 'gaussian':
      return event.noiseMultiplier ** -2;
    case 'selfComposed': {
      const inner = findPrecision(event.event);
      return inner === undefined ? undefined : event.count === 0 ? 0 : inner * event.count;
    }
    case 'composed': {
      let sum = 0;
      for (const part of event.events) {
        const inner = findPrecision(part);
        if (inner === undefined) return undefined;
        sum += inner;
      }
      return sum;
    }
    case 'matrixFactorization':
      return (event.sensitivity / event.noiseMultiplier) ** 2;
    default:
      return undefined;
  }
}
