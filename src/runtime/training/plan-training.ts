/**
 * From the task file of `sotto train` to everything its run derives from it before any data is touched: the layers, the
 * noise, and what is charged for what.
 *
 * @module
 */

import { encode } from 'cborg';

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { RoundsError } from '../../federation/rounds/index.ts';
import {
  calibrateNoiseMultiplier,
  composed,
  createAccountant,
  type DpEvent,
  eventToJson,
  selfComposed,
} from '../../privacy/accounting/index.ts';
import { createSparseVector, type SparseVector } from '../../privacy/mechanisms/index.ts';
import {
  compilePlan,
  freezePrefix,
  model,
  type NoiseCorrelation,
  type Plan,
  planDpFtrl,
  planDpSgd,
} from '../../learning/models/index.ts';
import { TaskError, type TrainingFile } from '../task/index.ts';

/** What a run of one party derives from its task file. */
export interface TrainingPlan {
  readonly task: TrainingFile;
  readonly layers: Plan;
  /** Steps, those the budget allows beyond the wanted ones among them. */
  readonly attempts: number;
  /** Absent without privacy. */
  readonly noise: PlannedSteps | undefined;
  /** ε at the end of everything, if all of it happens; 0 without privacy. */
  readonly epsilonAtEnd: number;
  /** Hex SHA-256 of what must not change between a run and its resumption. */
  readonly digest: string;
}

/** The noise of a run and its cost. */
export interface PlannedSteps {
  readonly noiseMultiplier: number;
  /** The cost of one step, or, with correlated noise, of all of them. */
  readonly event: DpEvent;
  readonly charged: 'step' | 'run';
  readonly earlyStop: SparseVector | undefined;
}

/**
 * Plans a run.
 * @param options - `input`, the shape of what the model sees; `normalization`, the cost of private normalization, if any.
 * @throws {@link RoundsError} `rounds/impossible-plan` when no noise meets the budget.
 * @throws {ModelError} when the model does not fit together; {@link TaskError} `task/file` when it freezes more than it has.
 */
export function planTraining(
  task: TrainingFile,
  { input, normalization }: { input: readonly number[]; normalization: DpEvent | undefined },
): TrainingPlan {
  const { start: _start, freeze, ...declared } = task.model;
  if (freeze !== undefined && freeze > declared.layers.length) {
    throw new TaskError(
      'task/file',
      `model.freeze must be at most the ${declared.layers.length} layers of the model, got ${freeze}`,
    );
  }
  const whole = model(declared.layers, { input: declared.input ?? input, loss: declared.loss });
  const layers = compilePlan(freeze === undefined ? whole : freezePrefix(whole, freeze));
  const { rounds, spareRounds } = task.training;
  const attempts = rounds + spareRounds;
  const noise = planNoise(task, { layers, attempts, normalization });
  const { privacy } = task;
  let epsilonAtEnd = 0;
  if (noise !== undefined && privacy.trust !== 'off') {
    const accountant = createAccountant(privacy);
    accountant.compose(wholeEvent(noise.event, { ...noise, attempts, normalization }));
    epsilonAtEnd = accountant.epsilon(privacy.delta);
  }
  const { data: _data, ...terms } = task;
  const facts = { ...terms, layers: layers.model, event: noise === undefined ? null : eventToJson(noise.event) };
  const digest = toHex(sha256(encode(JSON.parse(JSON.stringify(facts)))));
  return { task, layers, attempts, noise, epsilonAtEnd, digest };
}

/** How the task's noise hangs together; undefined where every step has its own. */
function correlationOf({ training: { noise } }: TrainingFile): NoiseCorrelation | undefined {
  if (noise.kind === 'independent') return undefined;
  switch (noise.strategy) {
    case 'banded':
      return { strategy: 'banded', bands: noise.bands ?? noise.groups };
    case 'buffered':
      return { strategy: 'buffered', buffers: noise.buffers ?? 4 };
    case 'toeplitz':
      return { strategy: 'toeplitz' };
  }
}

/** What decides the cost of correlated steps. */
export function correlatedCost(task: TrainingFile):
  | {
      readonly correlation: NoiseCorrelation;
      readonly steps: number;
      readonly groups: number;
      readonly samplingRate: number;
      readonly clipNorm: number;
    }
  | undefined {
  const correlation = correlationOf(task);
  const { noise, rounds: steps, samplingRate, clipNorm } = task.training;
  if (correlation === undefined || noise.kind !== 'matrix') return undefined;
  const { groups } = noise;
  return { correlation, steps, groups, samplingRate: Math.min(1, samplingRate * groups), clipNorm };
}

function planNoise(
  task: TrainingFile,
  { layers, attempts, normalization }: { layers: Plan; attempts: number; normalization: DpEvent | undefined },
): PlannedSteps | undefined {
  const { privacy, training } = task;
  if (privacy.trust === 'off') return undefined;
  const { parameterCount } = layers;
  const cost = correlatedCost(task);
  const charged = cost === undefined ? 'step' : 'run';
  const earlyStop =
    training.earlyStop === undefined
      ? undefined
      : createSparseVector({ epsilon: training.earlyStop.epsilon, sensitivity: 1, maxAbove: 1 });
  const eventAt = (noiseMultiplier: number): DpEvent =>
    cost === undefined
      ? planDpSgd({ ...training, parameterCount, noiseMultiplier }).event
      : planDpFtrl({ ...cost, parameterCount, noiseMultiplier }).event;
  try {
    const noiseMultiplier = calibrateNoiseMultiplier({
      event: (multiplier) => wholeEvent(eventAt(multiplier), { charged, earlyStop, attempts, normalization }),
      ...privacy,
    });
    return { noiseMultiplier, event: eventAt(noiseMultiplier), charged, earlyStop };
  } catch (cause) {
    throw new RoundsError(
      'rounds/impossible-plan',
      'no noise fits privacy.epsilon and privacy.delta with training.samplingRate, training.rounds and what else is ' +
        `charged: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** Everything a run is charged for, in the order in which its ledger has it. */
function wholeEvent(
  event: DpEvent,
  {
    charged,
    earlyStop,
    attempts,
    normalization,
  }: Pick<PlannedSteps, 'charged' | 'earlyStop'> & { attempts: number; normalization: DpEvent | undefined },
): DpEvent {
  return composed([
    ...(normalization === undefined ? [] : [normalization]),
    ...(earlyStop === undefined ? [] : [earlyStop.event()]),
    charged === 'run' ? event : selfComposed(event, attempts),
  ]);
}
