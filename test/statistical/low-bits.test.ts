/**
 * The low-bit attack of [Mironov12]: naive floating-point Laplace noise reaches only some doubles, and which ones depends
 * on the value it was added to, so one output often rules a value out for certain. Grid-snapped noise reaches the same
 * outputs from every value.
 */
import { describe, expect, it } from 'vitest';

import type { Rng } from '../../src/foundations/random/index.ts';
import { createGaussian, createLaplace } from '../../src/privacy/mechanisms/index.ts';
import { assertFits, assertRejected, chiSquareTest, createTestRng } from './assert.ts';

const EPSILON = 1;
const [A, B] = [0, 1] as const;

/** The textbook sampler: inversion of a 53-bit uniform. */
function naiveLaplace(value: number, rng: Rng): number {
  const u = (Number(rng.uint64() >> 11n) + 0.5) * 2 ** -53;
  return (rng.uint32() & 1) === 1 ? value + Math.log(u) / EPSILON : value - Math.log(u) / EPSILON;
}

/** Whether the textbook sampler can give `output` at all when the true value is `value`. */
function isReachable(output: number, value: number): boolean {
  const noise = output - value;
  const guess = Math.round(Math.exp(-Math.abs(noise) * EPSILON) * 2 ** 53 - 0.5);
  // All uniforms near the one that inverts the noise: the sum is rounded, so a few neighbours give the same output.
  for (let k = Math.max(0, guess - 64); k <= guess + 64; k += 1) {
    const log = Math.log((k + 0.5) * 2 ** -53) / EPSILON;
    if (value + log === output || value - log === output) return true;
  }
  return false;
}

describe('the low-bit attack', () => {
  const n = 2_000;

  it('rules out a wrong value in many outputs of naive Laplace noise, and never the true one', () => {
    const rng = createTestRng('naive laplace');
    let impossible = 0;
    let wronglyExcluded = 0;
    for (let i = 0; i < n; i += 1) {
      const output = naiveLaplace(A, rng);
      impossible += Number(!isReachable(output, B));
      wronglyExcluded += Number(!isReachable(output, A));
    }
    expect(wronglyExcluded).toBe(0);
    // A single such output is an infinite privacy loss; ε = 1 allows none.
    expect(impossible / n).toBeGreaterThan(0.2);
  });

  it('finds nothing in grid-snapped Laplace noise: every output can come from either value', () => {
    const rng = createTestRng('snapped laplace');
    const mechanism = createLaplace({ l1Sensitivity: 1, epsilon: EPSILON });
    const { granularity } = mechanism;
    const event = mechanism.event();
    if (event.kind !== 'discreteLaplace') throw new Error('unexpected event');
    for (let i = 0; i < n; i += 1) {
      const output = mechanism.release(i % 2 === 0 ? A : B, rng);
      // Both values are grid points and the noise has every integer in its support with the charged ratio.
      const fromA = (output - A) / granularity;
      const fromB = (output - B) / granularity;
      expect(Number.isInteger(fromA) && Number.isInteger(fromB)).toBe(true);
      const loss = event.noiseParameter * Math.abs(Math.abs(fromA) - Math.abs(fromB));
      expect(loss).toBeLessThanOrEqual(EPSILON);
    }
  });

  it('learns nothing from low bits: off-grid values leave no trace in the output, while float noise carries them', () => {
    const rng = createTestRng('low bits');
    const [x, y] = [0.1, 1 / 3];
    const release = {
      laplace: createLaplace({ l1Sensitivity: 1, epsilon: EPSILON }),
      gaussian: createGaussian({ l2Sensitivity: 1, noiseMultiplier: 1 }),
    };
    for (const mechanism of Object.values(release)) {
      // The residues of the outputs on a grid 64 steps wide are uniform from either value.
      for (const value of [x, y]) {
        const counts = Array.from({ length: 64 }, () => 0);
        for (let i = 0; i < 8_000; i += 1) {
          const steps = mechanism.release(value, rng) / mechanism.granularity;
          const cell = ((steps % 64) + 64) % 64;
          counts[cell] = (counts[cell] as number) + 1;
        }
        assertFits(
          chiSquareTest(
            counts,
            counts.map(() => 1 / 64),
          ),
        );
      }
    }
    // Integer noise on an unsnapped value, the careless half-measure: its fraction gives the value away.
    const careless = Array.from({ length: 64 }, () => 0);
    for (let i = 0; i < 2_000; i += 1) {
      const output = x + release.laplace.release(0, rng);
      const cell = Math.floor((((output / release.laplace.granularity) % 1) + 1) * 64) % 64;
      careless[cell] = (careless[cell] as number) + 1;
    }
    assertRejected(
      chiSquareTest(
        careless,
        careless.map(() => 1 / 64),
      ),
    );
  });
});
