/**
 * A round as a participant sees it: messages in, effects out. It checks that an offer means the plan it agreed to and
 * an attempt it has not seen, and asks its host for a contribution only when the protocol has reached the point where
 * one can be masked, so that data is touched once and late.
 *
 * @module
 */

import { equalBytes, sha256 } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { decodeMessage, encodeMessage, type MessageAddress, type RoundOffer } from '../wire/index.ts';
import {
  type ChannelAnswer,
  type ChannelSecurity,
  type ContributionChannel,
  createContributionChannel,
} from './contribution-channel.ts';
import { RoundsError } from './errors.ts';
import { decodeParameters } from './parameters.ts';
import { namesCohort } from './participation.ts';
import type { TaskPlan } from './plan-types.ts';

/** What the host of the machine must do. */
export type ParticipantEffect =
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  /** Compute the protected sum for these parameters and hand it to `contribute`. */
  | { readonly kind: 'contribute'; readonly address: MessageAddress; readonly parameters: Float32Array }
  | { readonly kind: 'closed'; readonly address: MessageAddress; readonly outcome: 'committed' | 'aborted' };

/** The machine; one for a whole task. */
export interface ParticipantRounds {
  /**
   * Handles a message of the coordinator.
   * @throws {@link RoundsError} or the error of a lower room when the message is refused; nothing is sent then.
   */
  receive(bytes: Uint8Array): ParticipantEffect[];
  /**
   * Answers the last `contribute` effect.
   * @param contribution - grid integers, noise share included; length `plan.entries`.
   */
  contribute(contribution: Int32Array): Promise<ParticipantEffect[]>;
}

/** What follows from an offer whoever reads it: many participants of one process read the same. */
const facts = new WeakMap<RoundOffer, { readonly digest: Uint8Array; readonly cohort: ReadonlySet<string> }>();

function factsOf(offer: RoundOffer): { readonly digest: Uint8Array; readonly cohort: ReadonlySet<string> } {
  let known = facts.get(offer);
  if (known === undefined) {
    known = { digest: sha256(offer.parameters), cohort: new Set(offer.cohort) };
    facts.set(offer, known);
  }
  return known;
}

/** Who the participant is and what it agreed to. */
export interface ParticipantOptions {
  readonly id: string;
  readonly taskId: string;
  readonly plan: TaskPlan;
  /** Randomness of one attempt's keys and shares. */
  readonly rng: (address: MessageAddress) => Rng;
  readonly security?: ChannelSecurity;
  /** Members that an offered cohort must have, where offers name it; any number when left out. */
  readonly minCohort?: number | undefined;
  /** Reads messages; a host of many participants gives one that reads an offer to all of them once. */
  readonly decode?: typeof decodeMessage;
}

/** Creates the machine of one participant. */
export function createParticipantRounds({
  id,
  taskId,
  plan,
  rng,
  security,
  minCohort = 1,
  decode = decodeMessage,
}: ParticipantOptions): ParticipantRounds {
  let current: { address: MessageAddress; channel: ContributionChannel; parameters: Float32Array } | undefined;
  let highWater = -1;

  function open(offer: RoundOffer): ParticipantEffect[] {
    const refuse = (rule: string): never => {
      throw new RoundsError('rounds/offer-refused', `round ${offer.round}: ${rule}`, {
        details: { round: offer.round },
      });
    };
    if (offer.taskId !== taskId) refuse('the offer is for another task');
    if (offer.attempt <= highWater) refuse(`attempt ${offer.attempt} was already offered: attempts never repeat`);
    if (!equalBytes(offer.planDigest, plan.digest)) refuse('the plan is not the one agreed to');
    const { digest, cohort } = factsOf(offer);
    if (!equalBytes(offer.modelDigest, digest)) refuse('the parameters do not match their digest');
    if (!cohort.has(id)) refuse('the cohort does not name this participant');
    if (cohort.size !== offer.cohort.length) refuse('the cohort names somebody twice');
    if (namesCohort(plan) && cohort.size < minCohort) {
      refuse(`the cohort has ${cohort.size} members, my policy asks for at least ${minCohort}`);
    }
    const parameters = decodeParameters(offer.parameters, plan.offered);
    const address = { taskId, round: offer.round, attempt: offer.attempt };
    highWater = offer.attempt;
    const channel = createContributionChannel({ ...security, id, plan, address, rng: rng(address) });
    current = { address, channel, parameters };
    return reply(channel.start());
  }

  /** Turns the channel's answer into effects. */
  function reply(answer: ChannelAnswer): ParticipantEffect[] {
    if (current === undefined || answer.kind === 'nothing') return [];
    const { address, parameters } = current;
    if (answer.kind === 'needs-contribution') return [{ kind: 'contribute', address, parameters }];
    return [{ kind: 'send', bytes: encodeMessage({ kind: 'aggregation', ...address, payload: answer.payload }) }];
  }

  return {
    receive(bytes) {
      const message = decode(bytes);
      if (message.kind === 'round-offer') return open(message);
      if (
        current === undefined ||
        message.kind === 'sealed' ||
        message.attempt !== current.address.attempt ||
        message.taskId !== taskId
      ) {
        throw new RoundsError('rounds/unexpected-message', `a ${message.kind} message belongs to no open attempt`);
      }
      if (message.kind === 'round-closed') {
        const { address } = current;
        current = undefined;
        return [{ kind: 'closed', address, outcome: message.outcome }];
      }
      return reply(current.channel.handle(message.payload));
    },
    async contribute(contribution) {
      if (current === undefined) {
        throw new RoundsError('rounds/unexpected-message', 'no open attempt awaits a contribution');
      }
      if (contribution.length !== plan.entries) {
        throw new RangeError(`"contribution" must have ${plan.entries} entries, got ${contribution.length}`);
      }
      const { attempt } = current.address;
      const answer = await current.channel.contribute(contribution);
      // The attempt may have been closed while a contribution was encrypted.
      return current?.address.attempt === attempt ? reply(answer) : [];
    },
  };
}
