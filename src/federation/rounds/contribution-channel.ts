/**
 * The participant's side of an aggregation protocol, behind one interface: messages in, one answer each out, and the
 * moment at which the contribution is needed made explicit.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { createRing, encodeRing } from '../../foundations/vector/index.ts';
import { createSecAggParticipant, type SecAggIdentity, type SecAggPolicy } from '../../secure/secagg/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import { secaggConfig } from './aggregator.ts';
import { encodeClear } from './clear.ts';
import { RoundsError } from './errors.ts';
import type { TaskPlan } from './plan-types.ts';

/** What the participant does next. */
export type ChannelAnswer =
  | { readonly kind: 'send'; readonly payload: Uint8Array }
  | { readonly kind: 'needs-contribution' }
  | { readonly kind: 'nothing' };

/** One attempt's channel. */
export interface ContributionChannel {
  start(): ChannelAnswer;
  handle(payload: Uint8Array): ChannelAnswer;
  /** Gives the contribution that was asked for. */
  contribute(contribution: Int32Array): ChannelAnswer;
}

/** Who the participant is to the others, and what it demands of a round by masks. */
export interface ChannelSecurity {
  /** Needed against a malicious coordinator. */
  readonly identity?: SecAggIdentity;
  readonly policy?: SecAggPolicy;
}

/** Creates the channel of one attempt. */
export function createContributionChannel({
  id,
  plan,
  address,
  rng,
  ...security
}: ChannelSecurity & {
  id: string;
  plan: TaskPlan;
  address: MessageAddress;
  rng: Rng;
}): ContributionChannel {
  if (plan.aggregation.kind === 'clear') {
    return {
      start: () => ({ kind: 'needs-contribution' }),
      handle() {
        throw new RoundsError('rounds/unexpected-message', 'aggregation in the clear has no further messages');
      },
      contribute: (contribution) => ({ kind: 'send', payload: encodeClear(contribution, plan) }),
    };
  }
  const participant = createSecAggParticipant({ ...security, id, config: secaggConfig(plan, address), rng });
  const ring = createRing({ bitWidth: plan.bitWidth });
  let held: Uint8Array | undefined;
  const answer = (payload: Uint8Array | null): ChannelAnswer =>
    payload === null ? { kind: 'nothing' } : { kind: 'send', payload };
  return {
    start: () => answer(participant.start()),
    handle(payload) {
      // The message that lets the participant mask its input: the contribution is computed only now.
      if (participant.awaits === 'maskedInput') {
        held = payload;
        return { kind: 'needs-contribution' };
      }
      return answer(participant.handle(payload));
    },
    contribute(contribution) {
      if (held === undefined) throw new RoundsError('rounds/unexpected-message', 'no contribution was asked for');
      participant.setInput(encodeRing(contribution, ring));
      const payload = held;
      held = undefined;
      return answer(participant.handle(payload));
    },
  };
}
