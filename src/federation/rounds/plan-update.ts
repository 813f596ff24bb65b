/**
 * The plan of rounds of local updates: what stands in a contribution, the grid it is rounded to, and the noise that hides
 * one participant's whole vector. The rounded length is the sensitivity [KLS21]; it holds for zero-out, and doubled by the
 * accountant for replace-one.
 *
 * @module
 */

import { chooseBitWidth } from '../../foundations/vector/index.ts';
import { computeConditionalRoundingNorm } from '../../privacy/accounting/index.ts';
import { planDistributedNoise } from '../../secure/secagg/index.ts';
import { type ContributionLayout, layoutLength, layoutNorm, topKCount } from '../aggregation/index.ts';
import { RoundsError } from './errors.ts';
import { planAggregation } from './plan-aggregation.ts';
import { planNoise } from './plan-noise.ts';
import type { ModelFacts, TaskPlan, UpdatePlan } from './plan-types.ts';
import type { RoundsTask } from './task.ts';

/** Bias allowed by conditional rounding: the choice of [KLS21]. */
const ROUNDING_BIAS = Math.exp(-0.5);
/** Sensitivity that rounding may add when nothing is said of bits. */
const ROUNDING_SHARE = 0.01;

type Parts = Pick<
  TaskPlan,
  | 'entries'
  | 'offered'
  | 'quantizationScale'
  | 'bitWidth'
  | 'update'
  | 'noise'
  | 'event'
  | 'charges'
  | 'maxParticipations'
>;

/** Derives the parts of a plan that updates decide. */
export function planUpdates(task: RoundsTask, { dimension }: ModelFacts): Parts {
  const { privacy, rounds } = task;
  const { local, strategy = { kind: 'fedAvg', serverLearningRate: 1 }, compression, adaptiveClip } = rounds;
  const weights = rounds.weights ?? { kind: 'equal' };
  if (local === undefined) throw new TypeError('the task has no local training');
  const layout: ContributionLayout = {
    dimension,
    controlScale: strategy.kind === 'scaffold' ? strategy.controlScale : undefined,
    signalScale: adaptiveClip?.scale,
    weightScale: weights.kind === 'private' ? weights.scale : undefined,
  };
  const length = layoutLength(layout);
  const cohort = rounds.cohortSize ?? task.participants;
  const attempts = rounds.rounds + rounds.spareRounds;
  const maxParticipations = 'maxParticipations' in privacy ? privacy.maxParticipations : undefined;
  const charges = Math.min(attempts, maxParticipations ?? attempts);
  const participation = 'participation' in privacy ? privacy.participation : undefined;
  const coinRate = participation?.kind === 'secret-coin' ? participation.rate : 1;
  const drawRate = participation?.kind === 'private-draw' ? participation.rate : undefined;
  const bits = compression?.kind === 'quantization' ? compression.bits : undefined;
  const update = {
    local,
    strategy,
    weights,
    personal: rounds.personal ?? [],
    adaptiveClip,
    ...(rounds.buffered === undefined ? {} : { buffered: rounds.buffered }),
    layout,
    length,
    keep: compression?.kind === 'topK' ? topKCount(dimension, compression.share) : undefined,
    coinRate,
    drawRate,
  } satisfies Partial<UpdatePlan>;
  const common = {
    charges,
    maxParticipations,
    offered: dimension * (strategy.kind === 'scaffold' ? 2 : 1) + (adaptiveClip === undefined ? 0 : 1),
  };
  const grid = chooseGrid(layoutNorm(layout), { length, bits });

  if (privacy.trust === 'nobody') {
    const { kind, minSurvivors, maxCorrupt } = hiddenSumOf(task);
    const planned = planDistributedNoise({
      mode: 'client',
      mechanism: 'discrete-gaussian',
      clipNorm: layoutNorm(layout),
      dimension: length,
      participants: cohort,
      minSurvivors,
      maxCorrupt,
      epsilon: privacy.epsilon,
      delta: privacy.delta,
      attempts: charges,
      accountant: privacy.accountant,
      ...(coinRate < 1 ? { samplingRate: coinRate } : {}),
      ...(bits === undefined ? {} : { roundingShare: shareOf(layoutNorm(layout), { length, bits }) }),
    });
    const entries = planned.paddedDimension;
    const { l2Sensitivity, noiseMultiplier, quantizationScale, bitWidth } = planned;
    // Masks take surplus noise out again; elsewhere it stays in the sum.
    const addedBy = kind === 'secagg' ? ('protocol' as const) : ('participants' as const);
    const shares = { addedBy, l2Sensitivity, honestShares: minSurvivors - maxCorrupt, entries };
    return {
      ...common,
      entries,
      quantizationScale,
      bitWidth,
      update: { ...update, rotated: true, roundedNormBound: planned.roundedNormBound },
      ...planNoise(privacy, { ...shares, samplingRate: coinRate, charges, noiseMultiplier }),
    };
  }
  const planned =
    privacy.trust === 'off'
      ? { noise: undefined, event: undefined }
      : planNoise(privacy, {
          addedBy: privacy.trust === 'local' ? 'each' : 'coordinator',
          l2Sensitivity: grid.norm,
          honestShares: 1,
          entries: length,
          samplingRate: drawRate ?? 1,
          charges,
        });
  const addends = privacy.aggregation.kind === 'clear' ? 1 : cohort;
  const bitWidth = chooseBitWidth({
    participants: addends,
    maxMagnitude: grid.norm,
    noiseVariance: planned.noise?.addedBy === 'each' ? planned.noise.shareVariance * addends : 0,
    dimension: length,
    rounds: attempts,
  });
  if (bitWidth > 32) throw new RoundsError('rounds/impossible-plan', `a sum needs ${bitWidth} bits, more than 32`);
  return {
    ...common,
    entries: length,
    quantizationScale: grid.scale,
    bitWidth,
    update: { ...update, rotated: false, roundedNormBound: grid.norm },
    ...planned,
  };
}

function hiddenSumOf(task: RoundsTask): Exclude<TaskPlan['aggregation'], { kind: 'clear' }> {
  const planned = planAggregation(task);
  if (planned.kind === 'clear') throw new TypeError('trust nobody aggregates nothing in the clear');
  return planned;
}

interface GridOptions {
  readonly length: number;
  readonly bits: number | undefined;
}

function normAt(scale: number, norm: number, length: number): number {
  return computeConditionalRoundingNorm(norm * scale, { beta: ROUNDING_BIAS, dimension: length });
}

/** The coarsest grid whose rounding adds no more than it may, or the one that so many bits give. */
function chooseGrid(norm: number, { length, bits }: GridOptions): { readonly scale: number; readonly norm: number } {
  let scale = bits === undefined ? 1 : 2 ** (bits - 1);
  if (bits === undefined) {
    while (normAt(scale, norm, length) > norm * scale * (1 + ROUNDING_SHARE)) scale *= 2;
  }
  return { scale, norm: Math.ceil(normAt(scale, norm, length)) };
}

/** The share that rounding adds on the padded grid of so many bits. */
function shareOf(norm: number, { length, bits }: { readonly length: number; readonly bits: number }): number {
  const scale = 2 ** (bits - 1);
  const padded = 2 ** Math.ceil(Math.log2(length));
  return (normAt(scale, norm, padded) / (norm * scale) - 1) * (1 + 1e-9);
}
