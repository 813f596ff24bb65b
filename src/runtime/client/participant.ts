/**
 * A participant: the round machine of `rounds/` with a contributor behind it. Bytes in, bytes out; whoever carries the
 * bytes (a simulation, HTTP) is not its concern.
 *
 * @module
 */

import {
  type ChannelSecurity,
  createParticipantRounds,
  type ParticipantEffect,
  type TaskPlan,
} from '../../federation/rounds/index.ts';
import type { decodeMessage, MessageAddress } from '../../federation/wire/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { Contributor } from '../training/federated/index.ts';

/** A participant of a task. */
export interface Participant {
  readonly id: string;
  /** Handles a message of the coordinator; returns the messages to send back. */
  receive(bytes: Uint8Array): Promise<Uint8Array[]>;
}

/** Who the participant is, and what its host does around a round. */
export interface ParticipantOptions {
  readonly id: string;
  readonly taskId: string;
  readonly plan: TaskPlan;
  readonly contributor: Contributor;
  /** A fresh generator an attempt: keys, shares, sample and noise are forked from it. */
  readonly rng: (address: MessageAddress) => Rng;
  /** Runs before data is touched; a rejection keeps the contribution from being made. */
  readonly beforeContribution?: (address: MessageAddress) => Promise<void>;
  /** Seals a message that carries a contribution. */
  readonly seal?: (message: Uint8Array, address: MessageAddress) => Promise<Uint8Array>;
  /** Identity and demands towards the other participants. */
  readonly security?: ChannelSecurity;
  /** Members that a cohort must have. */
  readonly minCohort?: number | undefined;
  readonly decode?: typeof decodeMessage;
  readonly afterRound?: (address: MessageAddress, outcome: 'committed' | 'aborted') => Promise<void>;
}

/** Creates a participant. */
export function createParticipant({
  id,
  taskId,
  plan,
  contributor,
  rng,
  beforeContribution,
  seal,
  security,
  minCohort,
  decode,
  afterRound,
}: ParticipantOptions): Participant {
  let coins: Rng | undefined;
  /** Of an attempt whose contribution is made and has not left: the next answer carries it. */
  let owed: MessageAddress | undefined;
  const rounds = createParticipantRounds({
    id,
    taskId,
    plan,
    minCohort,
    ...(security === undefined ? {} : { security }),
    ...(decode === undefined ? {} : { decode }),
    rng(address) {
      const attempt = rng(address);
      coins = attempt.fork('contribution');
      owed = undefined;
      return attempt.fork('protocol');
    },
  });

  async function perform(effects: readonly ParticipantEffect[]): Promise<Uint8Array[]> {
    const sends: Uint8Array[] = [];
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send': {
          const carried = owed;
          owed = undefined;
          const sealed = carried === undefined ? undefined : await seal?.(effect.bytes, carried);
          sends.push(sealed ?? effect.bytes);
          break;
        }
        case 'contribute': {
          if (coins === undefined) throw new Error('the coins of an attempt serve one contribution');
          const own = coins;
          coins = undefined;
          await beforeContribution?.(effect.address);
          const contribution = contributor.contribute(effect.parameters, own, effect.address);
          owed = effect.address;
          sends.push(...(await perform(await rounds.contribute(contribution))));
          break;
        }
        case 'closed':
          await afterRound?.(effect.address, effect.outcome);
          break;
      }
    }
    return sends;
  }

  return { id, receive: (bytes) => perform(rounds.receive(bytes)) };
}
