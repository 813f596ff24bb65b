/**
 * How a sum is formed, behind one interface: secure aggregation by pairwise masks, or in the clear where the
 * coordinator is trusted. The coordinator's machine drives either in the same way.
 *
 * @module
 */

import { assertNever, SottoError } from '../../foundations/numerics/index.ts';
import { createRing, decodeRing } from '../../foundations/vector/index.ts';
import { createSecAggAggregator, type SecAggConfig } from '../../secure/secagg/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import type { Assistance } from './assistance.ts';
import { createEncryptedSumAggregator, createSharesAggregator } from './assisted.ts';
import { createClearAggregator } from './clear.ts';
import type { TaskPlan } from './plan-types.ts';

/** What closing a stage gives. */
export type AggregatorStep =
  | { readonly kind: 'messages'; readonly messages: ReadonlyMap<string, Uint8Array> }
  /** Requests to assistants, by name; the stage closes when all have answered. */
  | { readonly kind: 'ask'; readonly requests: ReadonlyMap<string, Uint8Array> }
  | {
      readonly kind: 'result';
      /** Grid steps; length `plan.entries`. */
      readonly sum: Float64Array;
      readonly contributors: readonly string[];
      readonly dropouts: readonly string[];
    };

/** The coordinator's side of an aggregation protocol. */
export interface Aggregator {
  readonly stage: string;
  /** Who has not answered this stage. */
  readonly pending: readonly string[];
  /** @throws a typed error when the message is refused; the state is unharmed. */
  receive(from: string, payload: Uint8Array): void;
  /** Takes an assistant's answer. Absent where nobody is asked. */
  answer?(assistant: string, payload: Uint8Array): void;
  /** Closes the stage with whoever has answered. @throws a typed error when those are too few. */
  advance(): AggregatorStep;
}

/** The settings both sides of one attempt derive alike. */
export function secaggConfig(plan: TaskPlan, address: MessageAddress): SecAggConfig {
  if (plan.aggregation.kind !== 'secagg') throw new TypeError('the plan does not aggregate by secagg');
  const { threshold, maxCorrupt, adversary, setup, degree, dropoutFraction, minSurvivors } = plan.aggregation;
  return {
    taskId: address.taskId,
    round: address.round,
    attempt: address.attempt,
    bitWidth: plan.bitWidth,
    entries: plan.entries,
    threshold,
    maxCorrupt,
    minSurvivors,
    configDigest: plan.digest,
    adversary,
    setup,
    ...(degree === undefined
      ? {}
      : {
          graph: {
            kind: 'harary',
            degree,
            dropoutFraction,
            draw: adversary === 'malicious-coordinator' ? 'commit-reveal' : 'coordinator',
            // With noise to take out of the sum, everybody has to see the whole cohort sign one survivor set.
            ...(adversary === 'malicious-coordinator' && plan.noise?.addedBy === 'protocol'
              ? { auditCount: plan.participants }
              : {}),
          },
        }),
    ...(plan.noise?.addedBy === 'protocol'
      ? { noise: { mechanism: 'discrete-gaussian', shareVariance: plan.noise.shareVariance } }
      : {}),
  };
}

/** Finds what keeps a cohort of a size from forming a sum; undefined when nothing does. */
export function findCohortProblem(plan: TaskPlan, size: number): string | undefined {
  const { aggregation } = plan;
  if (aggregation.kind === 'clear') return undefined;
  if (size < aggregation.minSurvivors)
    return `a sum needs ${aggregation.minSurvivors} contributions, and a cohort of ${size} has no more than ${size}`;
  if (aggregation.kind !== 'secagg') return undefined;
  const cohort = Array.from({ length: size }, (_, member) => `member-${member}`);
  try {
    createSecAggAggregator({ cohort, config: secaggConfig(plan, { taskId: plan.taskName, round: 1, attempt: 1 }) });
    return undefined;
  } catch (error) {
    if (error instanceof SottoError) return error.message;
    throw error;
  }
}

/** Creates the aggregator of one attempt. */
export function createAggregator({
  plan,
  address,
  cohort,
  assistance,
  roster = new Map(),
}: {
  plan: TaskPlan;
  address: MessageAddress;
  cohort: readonly string[];
  assistance?: Assistance | undefined;
  /** Identity keys by participant, for sums with assistants: their contributions are signed. */
  roster?: ReadonlyMap<string, Uint8Array> | undefined;
}): Aggregator {
  const { aggregation } = plan;
  if (aggregation.kind === 'clear') return createClearAggregator({ plan, cohort });
  if (aggregation.kind !== 'secagg') {
    if (assistance === undefined) throw new TypeError('a sum with assistants needs their keys');
    const attempt = { address, cohort, threshold: aggregation.minSurvivors };
    return assistance.kind === 'shares'
      ? createSharesAggregator({ sum: assistance.sum, roster }, attempt)
      : createEncryptedSumAggregator({ ...assistance, roster }, attempt);
  }
  const aggregator = createSecAggAggregator({ cohort, config: secaggConfig(plan, address) });
  const ring = createRing({ bitWidth: plan.bitWidth });
  return {
    get stage() {
      return aggregator.stage;
    },
    get pending() {
      return aggregator.pending;
    },
    receive: (from, payload) => aggregator.receive(from, payload),
    advance() {
      const step = aggregator.advance();
      switch (step.kind) {
        case 'messages':
          return { kind: 'messages', messages: step.messages };
        case 'result': {
          const dropouts = [...new Set(Object.values(step.dropouts).flat())];
          return { kind: 'result', sum: decodeRing(step.sum, ring), contributors: step.contributors, dropouts };
        }
        default:
          return assertNever(step, 'step');
      }
    },
  };
}
