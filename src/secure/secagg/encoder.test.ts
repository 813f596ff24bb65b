import { describe, expect, it } from 'vitest';

import { memberIds, runRound } from '../../../test/support/secagg-round.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createRing, decodeRing, l2Norm } from '../../foundations/vector/index.ts';
import { createRdpAccountant } from '../../privacy/accounting/index.ts';
import {
  createDistributedEncoder,
  planDistributedNoise,
  type DistributedNoiseOptions,
  type SecAggNoise,
} from './index.ts';

const rng = createSeededRng('distributed noise');

const base: DistributedNoiseOptions = {
  mode: 'client',
  mechanism: 'skellam',
  clipNorm: 1,
  dimension: 1000,
  participants: 20,
  minSurvivors: 14,
  maxCorrupt: 2,
  epsilon: 8,
  delta: 1e-5,
  attempts: 1,
};
const example: DistributedNoiseOptions = { ...base, mode: 'example', sumNormBound: 50 };

const plans = [
  base,
  { ...base, mechanism: 'discrete-gaussian' as const },
  example,
  { ...example, mechanism: 'discrete-gaussian' as const },
  { ...example, rounding: 'dithered' as const },
].map((options) => ({ name: `${options.mode} ${options.mechanism} ${options.rounding ?? ''}`, options }));

describe.each(plans)('$name', ({ options }) => {
  const plan = planDistributedNoise(options);

  it('meets its target, by the accountant that is asked again', () => {
    const accountant = createRdpAccountant({ relation: options.mode === 'client' ? 'zero-out' : 'add-or-remove-one' });
    accountant.compose(plan.event, options.attempts);
    const epsilon = accountant.epsilon(options.delta - plan.deltaFailure);
    expect(epsilon).toBeLessThanOrEqual(options.epsilon);
    expect(epsilon).toBeGreaterThan(options.epsilon * 0.99);
  });

  it('pays at most one per cent for rounding, and fits its ring', () => {
    expect(plan.l2Sensitivity).toBeGreaterThanOrEqual(plan.quantizationScale * options.clipNorm);
    expect(plan.l2Sensitivity).toBeLessThanOrEqual(plan.quantizationScale * options.clipNorm * 1.01 + 1);
    expect(plan.bitWidth).toBeLessThanOrEqual(24);
    expect(plan.deltaFailure).toBe(options.rounding === 'dithered' ? options.delta * 0.01 : 0);
  });

  it('encodes within the promised length and decodes the sum to within the noise', () => {
    const encoder = createDistributedEncoder(plan, { seed: new Uint8Array(32).fill(5) });
    const ids = memberIds(options.participants);
    const clear = new Float64Array(options.dimension);
    const length = options.mode === 'client' ? options.clipNorm : 50;
    const inputs = new Map(
      ids.map((id) => {
        const values = Float64Array.from({ length: options.dimension }, () => rng.uint32() / 2 ** 31 - 1);
        const factor = length / l2Norm(values);
        for (let i = 0; i < values.length; i += 1) {
          values[i] = (values[i] as number) * factor;
          clear[i] = (clear[i] as number) + (values[i] as number);
        }
        const residues = encoder.encode(values, rng);
        const integers = decodeRing(residues, createRing({ bitWidth: plan.bitWidth }));
        const bound = options.mode === 'client' ? plan.roundedNormBound : 50 * plan.quantizationScale * 1.01;
        expect(l2Norm(integers)).toBeLessThanOrEqual(bound);
        return [id, residues];
      }),
    );
    const { result } = runRound({
      config: {
        taskId: 'encoder',
        round: 0,
        attempt: 0,
        bitWidth: plan.bitWidth,
        entries: encoder.entries,
        threshold: 14,
        maxCorrupt: options.maxCorrupt,
        minSurvivors: options.minSurvivors,
        configDigest: new Uint8Array(32),
        adversary: 'honest-but-curious',
        noise: plan.noise,
      },
      inputs,
      rng,
    });
    const decoded = encoder.decode(result.sum);
    const error = Float64Array.from(decoded, (value, i) => value - (clear[i] as number));
    // minSurvivors shares of noise; 1,000 coordinates: ±25 % is beyond five standard deviations of the variance.
    const stddev = Math.sqrt(plan.noise.shareVariance * options.minSurvivors) / plan.quantizationScale;
    const measured = l2Norm(error) / Math.sqrt(options.dimension);
    expect(Math.abs(measured / stddev - 1)).toBeLessThan(0.15);
  });
});

it('spends fewer bits after rotation than the length of a sum would need', () => {
  const plan = planDistributedNoise({ ...base, dimension: 2 ** 18 });
  const naive = Math.log2(2 * base.participants * plan.quantizationScale);
  expect(plan.bitWidth).toBeLessThan(naive);
});

it('refuses to plan without an honest share or a bound of sums', () => {
  expect(() => planDistributedNoise({ ...base, maxCorrupt: 14 })).toThrow(
    expect.objectContaining({ code: 'secagg/unsafe-parameters' }),
  );
  const { sumNormBound: _bound, ...unbounded } = example;
  expect(() => planDistributedNoise(unbounded)).toThrow(/sumNormBound/);
  expect(() =>
    planDistributedNoise({ ...base, participants: 2 ** 20, minSurvivors: 2 ** 19, roundingShare: 1e-7 }),
  ).toThrow(expect.objectContaining({ code: 'secagg/ring-overflow' }));
});

it('plans for the largest weight, and a round refuses weights that its noise was not planned for', () => {
  const plain = planDistributedNoise(base);
  const plan = planDistributedNoise({ ...base, maxWeight: 4 });
  expect(plan.roundedNormBound).toBe(plain.roundedNormBound);
  expect(plan.l2Sensitivity).toBe(4 * plain.l2Sensitivity);
  expect(plan.noise.shareVariance / plain.noise.shareVariance).toBeGreaterThan(15.9);
  expect(plan.bitWidth).toBeGreaterThanOrEqual(plain.bitWidth + 1);
  const ids = memberIds(base.participants);
  const round = (noise: SecAggNoise) => ({
    config: {
      taskId: 'weights',
      round: 0,
      attempt: 0,
      bitWidth: plan.bitWidth,
      entries: 2,
      threshold: 14,
      maxCorrupt: base.maxCorrupt,
      minSurvivors: base.minSurvivors,
      configDigest: new Uint8Array(32),
      adversary: 'honest-but-curious' as const,
      weights: { max: 4, of: Object.fromEntries(ids.map((id, i) => [id, 1 + (i % 4)])) },
      noise,
    },
    inputs: new Map(ids.map((id) => [id, new Uint32Array(2)])),
    rng,
  });
  expect(() => runRound(round(plan.noise))).not.toThrow();
  expect(() => runRound(round(plain.noise))).toThrow(
    expect.objectContaining({ code: 'secagg/unsafe-parameters', details: { maxWeight: 4, plannedWeight: 1 } }),
  );
});
