/**
 * One attempt at a round, as the coordinator sees it: events in, effects out. It offers the round, carries the
 * messages of the aggregation protocol, closes each stage when everybody has answered or its time is over, and ends in
 * a sum or a typed abort. It holds the running sum and no contribution.
 *
 * @module
 */

import { sha256 } from '../../foundations/crypto/index.ts';
import { assertNever, SottoError } from '../../foundations/numerics/index.ts';
import { decodeMessage, encodeMessage, type MessageAddress } from '../wire/index.ts';
import { type Aggregator, createAggregator } from './aggregator.ts';
import type { Assistance } from './assistance.ts';
import { RoundsError } from './errors.ts';
import { encodeParameters } from './parameters.ts';
import { namesCohort } from './participation.ts';
import type { TaskPlan } from './plan-types.ts';

/** What the host of the machine must do. */
export type RoundEffect =
  | { readonly kind: 'send'; readonly to: string; readonly bytes: Uint8Array }
  /** Ask an assistant, and hand its answer to `answer` or its refusal to `refuse`. */
  | { readonly kind: 'ask'; readonly assistant: string; readonly bytes: Uint8Array }
  /** Call `timeout(stage)` after this time, unless the stage has closed by then. */
  | { readonly kind: 'timer'; readonly stage: string; readonly afterMs: number }
  /** A participant's message was refused; it counts as not answered. */
  | { readonly kind: 'refused'; readonly from: string; readonly code: string }
  | { readonly kind: 'finished'; readonly result: RoundResult }
  | { readonly kind: 'aborted'; readonly error: SottoError; readonly dropouts: number };

/** The decoded outcome of an attempt. */
export interface RoundResult {
  /** Sum of the contributions in grid steps, noise shares included; length `plan.entries`. */
  readonly sum: Float64Array;
  /** Participants whose contribution is in the sum. */
  readonly contributors: readonly string[];
  /** Participants that stopped answering, before or after contributing. */
  readonly dropouts: readonly string[];
}

/** The machine. */
export interface CoordinatorRound {
  readonly address: MessageAddress;
  /** The stage that is open. */
  readonly stage: string;
  begin(): RoundEffect[];
  receive(from: string, bytes: Uint8Array): RoundEffect[];
  /** Takes the answer of an assistant that was asked. */
  answer(assistant: string, bytes: Uint8Array): RoundEffect[];
  /** An assistant refuses, or cannot be reached: the attempt is aborted. */
  refuse(assistant: string, error: unknown): RoundEffect[];
  timeout(stage: string): RoundEffect[];
  /** Whether the attempt has ended, one way or the other. */
  readonly done: boolean;
}

/** Where an attempt stands in its task. */
export interface RoundOptions {
  readonly plan: TaskPlan;
  readonly taskId: string;
  readonly round: number;
  readonly attempt: number;
  readonly cohort: readonly string[];
  /** The model, and what the strategy offers beside it: length `plan.offered`. */
  readonly parameters: Float32Array;
  /** Where parties beside the coordinator help to form the sum. */
  readonly assistance?: Assistance | undefined;
  /** Identity keys by participant, for sums under encryption. */
  readonly roster?: ReadonlyMap<string, Uint8Array> | undefined;
}

/** Creates the machine of one attempt. */
export function createCoordinatorRound({
  plan,
  taskId,
  round,
  attempt,
  cohort,
  parameters,
  assistance,
  roster,
}: RoundOptions): CoordinatorRound {
  const address = { taskId, round, attempt };
  const aggregator: Aggregator = createAggregator({ plan, address, cohort, assistance, roster });
  let done = false;
  /** Who has answered the stage that is open. */
  let answered = new Set<string>();

  /** Closes the stage and tells everybody concerned. */
  function advance(): RoundEffect[] {
    let step: ReturnType<Aggregator['advance']>;
    try {
      step = aggregator.advance();
    } catch (error) {
      return abort(error);
    }
    switch (step.kind) {
      case 'messages': {
        answered = new Set();
        const sends = [...step.messages].map(([to, payload]): RoundEffect => {
          return { kind: 'send', to, bytes: encodeMessage({ kind: 'aggregation', ...address, payload }) };
        });
        return [...sends, timer()];
      }
      case 'ask': {
        const asks = [...step.requests].map(([assistant, bytes]): RoundEffect => ({ kind: 'ask', assistant, bytes }));
        return [...asks, timer()];
      }
      case 'result': {
        done = true;
        const { sum, contributors, dropouts } = step;
        return [...close('committed'), { kind: 'finished', result: { sum, contributors, dropouts } }];
      }
      default:
        return assertNever(step, 'step');
    }
  }

  function abort(cause: unknown): RoundEffect[] {
    if (!(cause instanceof SottoError)) throw cause;
    done = true;
    const error = new RoundsError('rounds/aborted', `round ${round}, attempt ${attempt}: ${cause.message}`, {
      cause,
      details: { ...cause.details, round, attempt, code: cause.code },
      retryable: true,
    });
    return [...close('aborted'), { kind: 'aborted', error, dropouts: cohort.length - answered.size }];
  }

  function close(outcome: 'committed' | 'aborted'): RoundEffect[] {
    const bytes = encodeMessage({ kind: 'round-closed', ...address, outcome });
    return cohort.map((to) => ({ kind: 'send', to, bytes }));
  }

  function timer(): RoundEffect {
    return { kind: 'timer', stage: aggregator.stage, afterMs: plan.aggregation.stageTimeoutMs };
  }

  return {
    address,
    get stage() {
      return aggregator.stage;
    },
    get done() {
      return done;
    },
    begin() {
      const encoded = encodeParameters(parameters);
      const modelDigest = sha256(encoded);
      const offerTo = (named: readonly string[]): Uint8Array =>
        encodeMessage({
          kind: 'round-offer',
          ...address,
          planDigest: plan.digest,
          modelDigest,
          cohort: named,
          parameters: encoded,
        });
      const shared = namesCohort(plan) ? offerTo(cohort) : undefined;
      if (aggregator.pending.length === 0) return advance();
      return [...cohort.map((to): RoundEffect => ({ kind: 'send', to, bytes: shared ?? offerTo([to]) })), timer()];
    },
    receive(from, bytes) {
      if (done) return [];
      try {
        const message = decodeMessage(bytes);
        const { kind } = message;
        if (kind !== 'aggregation' || !sameAddress(message, address)) {
          throw new RoundsError('rounds/unexpected-message', `a ${kind} message does not belong to this attempt`, {
            details: { participants: [from] },
          });
        }
        aggregator.receive(from, message.payload);
        answered.add(from);
      } catch (error) {
        if (!(error instanceof SottoError)) throw error;
        return [{ kind: 'refused', from, code: error.code }];
      }
      return aggregator.pending.length === 0 ? advance() : [];
    },
    answer(assistant, bytes) {
      if (done || aggregator.answer === undefined) return [];
      try {
        aggregator.answer(assistant, bytes);
      } catch (error) {
        return abort(error);
      }
      return aggregator.pending.length === 0 ? advance() : [];
    },
    refuse(assistant, error) {
      if (done) return [];
      const cause = error instanceof SottoError ? error : undefined;
      const reason = error instanceof Error ? error.message : String(error);
      return abort(
        new RoundsError('rounds/aborted', `${assistant} does not help: ${reason}`, {
          ...(cause === undefined ? {} : { cause }),
          details: { participants: [assistant] },
        }),
      );
    },
    timeout(stage) {
      return done || stage !== aggregator.stage ? [] : advance();
    },
  };
}

function sameAddress(a: MessageAddress, b: MessageAddress): boolean {
  return a.taskId === b.taskId && a.round === b.round && a.attempt === b.attempt;
}
