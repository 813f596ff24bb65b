/**
 * A participant: the round machine of `rounds/` with a contributor behind it. Bytes in, bytes out; whoever carries the
 * bytes (a simulation, HTTP) is not its concern.
 *
 * @module
 */

import { createParticipantRounds, type ParticipantEffect, type TaskPlan } from '../../federation/rounds/index.ts';
import type { MessageAddress } from '../../federation/wire/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import type { Contributor } from '../training/index.ts';

/** A participant of a task. */
export interface Participant {
  readonly id: string;
  /** Handles a message of the coordinator; returns the messages to send back. */
  receive(bytes: Uint8Array): Uint8Array[];
}

/** Creates a participant. */
export function createParticipant({
  id,
  taskId,
  plan,
  contributor,
  rng,
}: {
  id: string;
  taskId: string;
  plan: TaskPlan;
  contributor: Contributor;
  /** A fresh generator an attempt: keys, shares, sample and noise are forked from it. */
  rng: (address: MessageAddress) => Rng;
}): Participant {
  let coins: Rng | undefined;
  const rounds = createParticipantRounds({
    id,
    taskId,
    plan,
    rng(address) {
      const attempt = rng(address);
      coins = attempt.fork('contribution');
      return attempt.fork('protocol');
    },
  });

  function perform(effects: readonly ParticipantEffect[]): Uint8Array[] {
    const sends: Uint8Array[] = [];
    for (const effect of effects) {
      if (effect.kind === 'send') sends.push(effect.bytes);
      if (effect.kind === 'contribute') {
        if (coins === undefined) throw new Error('the coins of an attempt serve one contribution');
        const own = coins;
        coins = undefined;
        sends.push(...perform(rounds.contribute(contributor.contribute(effect.parameters, own))));
      }
    }
    return sends;
  }

  return { id, receive: (bytes) => perform(rounds.receive(bytes)) };
}
