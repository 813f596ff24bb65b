/**
 * The participant's side of an aggregation protocol, behind one interface: messages in, one answer each out, and the
 * moment at which the contribution is needed made explicit.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import { createRing, encodeRing } from '../../foundations/vector/index.ts';
import {
  createSecAggParticipant,
  type SecAggIdentity,
  type SecAggPolicy,
  type SecAggSetup,
} from '../../secure/secagg/index.ts';
import { encryptContribution, sealShares } from '../assistants/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import { secaggConfig } from './aggregator.ts';
import type { Assistance } from './assistance.ts';
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
  /** Gives the contribution that was asked for. Encrypting takes its time. */
  contribute(contribution: Int32Array): ChannelAnswer | Promise<ChannelAnswer>;
}

/** Who the participant is to the others, and what it demands of a round by masks. */
export interface ChannelSecurity {
  /** Needed against a malicious coordinator, and for sums with assistants. */
  readonly identity?: SecAggIdentity;
  readonly policy?: SecAggPolicy;
  /** Keys of the whole task, where the plan agrees on them once; see `createSecAggSetup`. */
  readonly setup?: SecAggSetup | undefined;
  /** Keys of the parties that help to form the sum. */
  readonly assistance?: Assistance | undefined;
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
  if (plan.aggregation.kind !== 'secagg') return createAssistedChannel({ id, address, rng, ...security });
  const { setup, ...others } = security;
  const participant = createSecAggParticipant({
    ...others,
    ...(setup === undefined ? {} : { setup }),
    id,
    config: secaggConfig(plan, address),
    rng,
  });
  const ring = createRing({ bitWidth: plan.bitWidth });
  let held: Uint8Array | undefined;
  let isGiven = false;
  const answer = (payload: Uint8Array | null): ChannelAnswer =>
    payload === null ? { kind: 'nothing' } : { kind: 'send', payload };
  return {
    start: () => answer(participant.start()),
    handle(payload) {
      // The message that lets the participant mask its input: the contribution is computed only now, and once, though the
      // message may turn out to be another.
      if (participant.awaits === 'maskedInput' && !isGiven) {
        held = payload;
        return { kind: 'needs-contribution' };
      }
      return answer(participant.handle(payload));
    },
    contribute(contribution) {
      if (held === undefined) throw new RoundsError('rounds/unexpected-message', 'no contribution was asked for');
      participant.setInput(encodeRing(contribution, ring));
      isGiven = true;
      const payload = held;
      held = undefined;
      return answer(participant.handle(payload));
    },
  };
}

/** One message, signed: sealed shares, or a ciphertext. */
function createAssistedChannel({
  id: from,
  address,
  rng,
  assistance,
  identity,
}: ChannelSecurity & { id: string; address: MessageAddress; rng: Rng }): ContributionChannel {
  if (assistance === undefined) {
    throw new RoundsError('rounds/offer-refused', 'the keys of the assistants of this task are not known');
  }
  if (identity === undefined) {
    throw new RoundsError('rounds/offer-refused', 'contributions to assistants are signed: an identity is needed');
  }
  const { signingKey } = identity;
  return {
    start: () => ({ kind: 'needs-contribution' }),
    handle() {
      throw new RoundsError('rounds/unexpected-message', 'this aggregation has no further messages');
    },
    async contribute(contribution) {
      const payload =
        assistance.kind === 'shares'
          ? sealShares(contribution, { sum: assistance.sum, address, from, identity: signingKey }, rng)
          : await encryptContribution(contribution, {
              encryption: assistance.encryption,
              identity: signingKey,
              from,
              address,
            });
      return { kind: 'send', payload };
    },
  };
}
