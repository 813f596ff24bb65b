import { describe, expect, it } from 'vitest';

import { memberIds, runRound } from '../../../test/support/secagg-round.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createRing, decodeRing } from '../../foundations/vector/index.ts';
import type { SecAggConfig, SecAggNoise, SecAggStage } from './index.ts';

const rng = createSeededRng('noise inside the sum');
const MEMBERS = 10;
const MIN_SURVIVORS = 7;

function run(noise: SecAggNoise, lost: number, lostIn: SecAggStage = 'maskedInput', entries = 4000) {
  const ids = memberIds(MEMBERS);
  const config: SecAggConfig = {
    taskId: 'noise',
    round: 0,
    attempt: 0,
    bitWidth: 20,
    entries,
    threshold: MIN_SURVIVORS,
    maxCorrupt: 2,
    configDigest: new Uint8Array(32),
    adversary: 'honest-but-curious',
    noise,
  };
  const inputs = new Map(ids.map((id) => [id, new Uint32Array(entries)]));
  const silent = new Map(ids.slice(0, lost).map((id) => [id, lostIn]));
  const { result } = runRound({ config, inputs, rng, lostIn: silent });
  const values = decodeRing(result.sum, createRing({ bitWidth: 20 }));
  const variance = values.reduce((sum, value) => sum + value * value, 0) / entries;
  return { result, values, variance };
}

/** The sample variance of 4,000 draws stays within ±13 % of the true one, except with probability below 1e-6. */
const TOLERANCE = 0.13;

describe.each(['skellam', 'discrete-gaussian'] as const)('%s shares', (mechanism) => {
  const noise: SecAggNoise = { mechanism, shareVariance: 400 };

  it.each([0, 1, 2, 3])('leave the noise on target with %i lost', (lost) => {
    const { result, variance } = run(noise, lost);
    expect(result.noiseShares).toBe(MIN_SURVIVORS);
    expect(Math.abs(variance / (MIN_SURVIVORS * 400) - 1)).toBeLessThan(TOLERANCE);
  });

  it('leave it on target when survivors are lost before they unmask', () => {
    const { result, variance } = run(noise, 3, 'unmask');
    expect(result.contributors.length).toBe(MEMBERS);
    expect(result.noiseShares).toBe(MIN_SURVIVORS);
    expect(Math.abs(variance / (MIN_SURVIVORS * 400) - 1)).toBeLessThan(TOLERANCE);
  });

  it('would miss the target without the removal: the tolerance tells 10 shares from 7', () => {
    expect(10 / MIN_SURVIVORS - 1).toBeGreaterThan(TOLERANCE);
  });
});

it('adds and removes nothing where no noise is declared', () => {
  const ids = memberIds(3);
  const config: SecAggConfig = {
    taskId: 'noise',
    round: 0,
    attempt: 0,
    bitWidth: 20,
    entries: 5,
    threshold: 2,
    maxCorrupt: 0,
    configDigest: new Uint8Array(32),
    adversary: 'honest-but-curious',
  };
  const inputs = new Map(ids.map((id) => [id, Uint32Array.of(1, 2, 3, 4, 5)]));
  const { result } = runRound({ config, inputs, rng });
  expect([...result.sum]).toEqual([3, 6, 9, 12, 15]);
  expect(result.noiseShares).toBe(0);
});

it('refuses a floor that leaves no honest share', () => {
  expect(() => {
    const ids = memberIds(4);
    runRound({
      config: {
        taskId: 'noise',
        round: 0,
        attempt: 0,
        bitWidth: 20,
        entries: 1,
        threshold: 4,
        maxCorrupt: 3,
        minSurvivors: 3,
        configDigest: new Uint8Array(32),
        adversary: 'honest-but-curious',
        noise: { mechanism: 'skellam', shareVariance: 1 },
      },
      inputs: new Map(ids.map((id) => [id, new Uint32Array(1)])),
      rng,
    });
  }).toThrow(expect.objectContaining({ code: 'secagg/unsafe-parameters' }));
});
