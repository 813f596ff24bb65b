/**
 * The table of event kinds: the name each has in the JSON algebra, its fields there and here, and the range of each.
 * Constructors, JSON reader and JSON writer all follow this table, so that they cannot disagree.
 *
 * @module
 */

import { AccountingError } from '../errors.ts';
import type { DpEvent, DpEventKind, EventOf } from './event.ts';

/** What a field holds: how it is checked, and whether its value is itself an event. */
export interface FieldRule {
  /** Says what is wrong with the value, or nothing. */
  readonly check: (value: unknown) => string | undefined;
  readonly nested?: 'event' | 'events';
  /** The value of a field that may be left out. */
  readonly fallback?: unknown;
  /** How a value that JSON cannot hold is written. */
  readonly infinite?: boolean;
}

/** One kind: its JSON type and its fields, each with its JSON name and rule. */
export interface EventSchema {
  readonly type: string;
  readonly fields: Readonly<Record<string, readonly [jsonName: string, rule: FieldRule]>>;
  /** A rule over several fields. */
  readonly check?: (fields: Readonly<Record<string, unknown>>) => string | undefined;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const rule = (test: (value: number) => boolean, text: string): FieldRule => ({
  check: (value) => (isNumber(value) && test(value) ? undefined : text),
});

const nonNegative = rule((x) => x >= 0, 'must be a finite number ≥ 0');
const positive = rule((x) => x > 0, 'must be a finite number > 0');
const probability = rule((x) => x >= 0 && x <= 1, 'must be a number in [0, 1]');
const count = rule((x) => Number.isSafeInteger(x) && x >= 0, 'must be an integer ≥ 0');
const size = rule((x) => Number.isSafeInteger(x) && x >= 1, 'must be an integer ≥ 1');
const bias = rule((x) => x >= 0 && x < 1, 'must be a number in [0, 1)');
const flag: FieldRule = { check: (x) => (typeof x === 'boolean' ? undefined : 'must be true or false') };
const order: FieldRule = {
  check: (x) => (x === 'shuffled' || x === 'cyclic' ? undefined : "must be 'shuffled' or 'cyclic'"),
};
const shape: FieldRule = {
  check: (x) => (typeof x === 'number' && x >= 0 ? undefined : 'must be a number ≥ 0 or infinite'),
  infinite: true,
};
const event: FieldRule = { check: () => undefined, nested: 'event' };
const events: FieldRule = { check: () => undefined, nested: 'events' };
const numbers: FieldRule = {
  check: (x) => (Array.isArray(x) && x.length > 0 && x.every(isNumber) ? undefined : 'must be a list of numbers'),
};
const stepCounts: FieldRule = {
  check: (x) =>
    (Array.isArray(x) ? x.length > 0 && x.every((n) => size.check(n) === undefined) : size.check(x) === undefined)
      ? undefined
      : 'must be an integer ≥ 1 or a list of them',
};
const optional = (inner: FieldRule, fallback: unknown): FieldRule => ({
  ...inner,
  check: (x) => (x === fallback ? undefined : inner.check(x)),
  fallback,
});

/** Every kind there is. */
export const EVENT_SCHEMAS: { readonly [Kind in DpEventKind]: EventSchema } = {
  noOp: { type: 'NoOp', fields: {} },
  nonPrivate: { type: 'NonPrivate', fields: {} },
  unsupported: { type: 'Unsupported', fields: {} },
  gaussian: { type: 'Gaussian', fields: { noiseMultiplier: ['noise_multiplier', nonNegative] } },
  laplace: { type: 'Laplace', fields: { noiseMultiplier: ['noise_multiplier', nonNegative] } },
  discreteLaplace: {
    type: 'DiscreteLaplace',
    fields: { noiseParameter: ['noise_parameter', positive], sensitivity: ['sensitivity', size] },
  },
  discreteGaussian: {
    type: 'DiscreteGaussian',
    fields: {
      sigma: ['sigma', positive],
      sensitivity: ['sensitivity', optional(nonNegative, 1)],
      dimension: ['dimension', optional(size, null)],
    },
  },
  zeroConcentrated: { type: 'ZC', fields: { rho: ['rho', nonNegative], xi: ['xi', optional(nonNegative, 0)] } },
  epsilonDelta: { type: 'EpsilonDelta', fields: { epsilon: ['epsilon', nonNegative], delta: ['delta', probability] } },
  randomizedResponse: {
    type: 'RandomizedResponse',
    fields: { noiseParameter: ['noise_parameter', probability], buckets: ['num_buckets', size] },
  },
  exponential: { type: 'ExponentialMechanism', fields: { epsilon: ['epsilon', nonNegative] } },
  permuteAndFlip: { type: 'PermuteAndFlip', fields: { epsilon: ['epsilon', nonNegative] } },
  mixtureOfGaussians: {
    type: 'MixtureOfGaussians',
    fields: {
      noiseStddev: ['standard_deviation', positive],
      sensitivities: ['sensitivities', numbers],
      probabilities: ['sampling_probs', numbers],
    },
    check: ({ sensitivities, probabilities }) => {
      const shifts = sensitivities as readonly number[];
      const weights = probabilities as readonly number[];
      if (shifts.length !== weights.length) return '"sensitivities" and "probabilities" must be equally long';
      if (shifts.some((x) => x < 0) || weights.some((x) => x < 0 || x > 1)) {
        return '"sensitivities" must be ≥ 0 and "probabilities" in [0, 1]';
      }
      const sum = weights.reduce((total, x) => total + x, 0);
      return Math.abs(sum - 1) < 1e-9 ? undefined : `"probabilities" must add up to 1, got ${sum}`;
    },
  },
  truncatedPoissonGaussian: {
    type: 'TruncatedSubsampledGaussian',
    fields: {
      datasetSize: ['dataset_size', size],
      samplingRate: ['sampling_probability', probability],
      truncatedBatchSize: ['truncated_batch_size', size],
      noiseMultiplier: ['noise_multiplier', nonNegative],
    },
  },
  treeAggregation: {
    type: 'SingleEpochTreeAggregation',
    fields: { noiseMultiplier: ['noise_multiplier', nonNegative], stepCounts: ['step_counts', stepCounts] },
  },
  distributedDiscreteGaussian: {
    type: 'DistributedDiscreteGaussian',
    fields: {
      shares: ['shares', size],
      shareVariance: ['share_variance', positive],
      l2Sensitivity: ['l2_sensitivity', nonNegative],
      l1Sensitivity: ['l1_sensitivity', optional(nonNegative, null)],
      dimension: ['dimension', size],
    },
  },
  skellam: {
    type: 'Skellam',
    fields: {
      variance: ['variance', positive],
      l2Sensitivity: ['l2_sensitivity', nonNegative],
      l1Sensitivity: ['l1_sensitivity', optional(nonNegative, null)],
      dimension: ['dimension', size],
    },
  },
  roundedDiscreteGaussian: {
    type: 'RoundedDistributedDiscreteGaussian',
    fields: {
      clients: ['num_clients', size],
      dimension: ['dim', size],
      clipNorm: ['l2_clip', positive],
      gamma: ['gamma', positive],
      beta: ['beta', bias],
      localStddev: ['local_stddev', positive],
      rounding: ['rounding', optional(flag, true)],
    },
  },
  roundedSkellam: {
    type: 'RoundedSkellam',
    fields: {
      dimension: ['dim', size],
      clipNorm: ['l2_clip', positive],
      scale: ['scale', positive],
      beta: ['beta', bias],
      centralStddev: ['central_stddev', positive],
      rounding: ['rounding', optional(flag, true)],
    },
  },
  shuffledReports: { type: 'ShuffledReports', fields: { reports: ['n', size], epsilon0: ['epsilon0', nonNegative] } },
  matrixFactorization: {
    type: 'MatrixFactorization',
    fields: { noiseMultiplier: ['noise_multiplier', nonNegative], sensitivity: ['sensitivity', nonNegative] },
  },
  bandedMatrixFactorization: {
    type: 'BandedMatrixFactorization',
    fields: {
      noiseMultiplier: ['noise_multiplier', nonNegative],
      iterations: ['iterations', size],
      bands: ['bands', size],
      samplingRate: ['sampling_probability', probability],
    },
  },
  poissonSampled: {
    type: 'PoissonSampled',
    fields: { samplingRate: ['sampling_probability', probability], event: ['event', event] },
  },
  sampledWithoutReplacement: {
    type: 'SampledWithoutReplacement',
    fields: {
      datasetSize: ['source_dataset_size', size],
      sampleSize: ['sample_size', count],
      event: ['event', event],
    },
    check: ({ datasetSize, sampleSize }) =>
      (sampleSize as number) <= (datasetSize as number) ? undefined : '"sampleSize" must not exceed "datasetSize"',
  },
  fixedOrderEpoch: {
    type: 'FixedOrderEpoch',
    fields: { order: ['order', order], batches: ['batches', size], event: ['event', event] },
  },
  repeatAndSelect: {
    type: 'RepeatAndSelect',
    fields: {
      event: ['event', event],
      mean: ['mean', rule((x) => x >= 1, 'must be a finite number ≥ 1')],
      shape: ['shape', shape],
    },
  },
  composed: { type: 'Composed', fields: { events: ['events', events] } },
  selfComposed: { type: 'SelfComposed', fields: { event: ['event', event], count: ['count', count] } },
};

/**
 * Makes a frozen event of a kind from its fields, each checked against the table.
 * @throws {AccountingError} 'accounting/invalid-event' when a field is missing or out of range.
 */
export function createEvent<Kind extends DpEventKind>(
  kind: Kind,
  fields: Omit<EventOf<Kind>, 'kind'> & Readonly<Record<string, unknown>>,
): EventOf<Kind> {
  const schema = EVENT_SCHEMAS[kind];
  const made: Record<string, unknown> = { kind };
  for (const [name, [, { check, fallback }]] of Object.entries(schema.fields)) {
    const given = fields[name];
    const value = given === undefined ? fallback : given;
    const fault = check(value);
    if (fault !== undefined) {
      throw new AccountingError('accounting/invalid-event', `"${name}" of ${schema.type} ${fault}, got ${show(value)}`);
    }
    made[name] = Array.isArray(value) ? Object.freeze([...(value as readonly unknown[])]) : value;
  }
  const fault = schema.check?.(made);
  if (fault !== undefined) throw new AccountingError('accounting/invalid-event', `${schema.type}: ${fault}`);
  return Object.freeze(made) as unknown as EventOf<Kind>;
}

/** The kind that has a JSON type, if any. */
export function findKind(type: unknown): DpEventKind | undefined {
  return (Object.keys(EVENT_SCHEMAS) as DpEventKind[]).find((kind) => EVENT_SCHEMAS[kind].type === type);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** Tells whether a value is an event made here: frozen, and of a known kind. */
export function isEvent(value: unknown): value is DpEvent {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.isFrozen(value) &&
    Object.hasOwn(EVENT_SCHEMAS, (value as { kind?: string }).kind ?? '')
  );
}
