/**
 * Takes the messages of participants in: those that wait go through the machine together, are journalled together, and
 * are answered after that.
 *
 * @module
 */

import type { RoundEffect } from '../../federation/rounds/index.ts';
import { CoordinatorError } from './errors.ts';
import type { AttemptEvent } from './journal.ts';
import { attemptOf, type OpenAttempt, type TaskContext } from './task-context.ts';

/** Messages, and bytes of messages, that are written to the journal together. */
const MAX_BATCH = 64;
const MAX_BATCH_BYTES = 16 * 2 ** 20;

/** A message that waits for its turn. */
interface Incoming {
  readonly participant: string;
  /** As received; what the journal keeps. */
  readonly bytes: Uint8Array;
  /** As the machine reads it. */
  readonly plain: Uint8Array;
  readonly accept: () => void;
  readonly refuse: (error: unknown) => void;
}

/** The way in. */
export interface MessageIntake {
  /** Resolves when the message is in the journal. @throws {@link CoordinatorError} when it is refused. */
  take(participant: string, message: { readonly bytes: Uint8Array; readonly plain: Uint8Array }): Promise<void>;
}

/** Creates the intake of a task; `perform` does what the machine asks for. */
export function createMessageIntake({
  options: { onWrite, watch, clock },
  journal,
  queue,
  memory,
  perform,
}: TaskContext & {
  readonly perform: (attempt: OpenAttempt, effects: readonly RoundEffect[]) => Promise<void>;
}): MessageIntake {
  const incoming: Incoming[] = [];

  /** Carries waiting messages through the machine: journalled together, answered after that. */
  async function drain(): Promise<void> {
    const waiting: Incoming[] = [];
    for (let bytes = 0; incoming.length > 0 && waiting.length < MAX_BATCH && bytes < MAX_BATCH_BYTES;) {
      const next = incoming.shift() as Incoming;
      bytes += next.bytes.length;
      waiting.push(next);
    }
    if (incoming.length > 0) wakeDrain();
    // Those for one attempt side by side, in the order they came: fewer writes.
    const placeOf = ({ participant }: Incoming): number => attemptOf(memory, participant)?.record.attempt ?? 0;
    if (memory.open.size > 1) waiting.sort((a, b) => placeOf(a) - placeOf(b));
    let taken: Incoming[] = [];
    try {
      while (waiting.length > 0) {
        taken = [];
        const events: AttemptEvent[] = [];
        let effects: readonly RoundEffect[] = [];
        let group: OpenAttempt | undefined;
        // A message that closes a stage ends the group: what it opens is told before anything else is taken in. So does
        // one for another attempt: a group is journalled with one.
        while (waiting.length > 0 && effects.length === 0) {
          const open = attemptOf(memory, (waiting[0] as Incoming).participant);
          if (group !== undefined && open !== group) break;
          const next = waiting.shift() as Incoming;
          const { participant, bytes, plain } = next;
          if (open === undefined) {
            // Not to be sent again: after a restart the round may have been finished from the journal, with this message.
            next.refuse(new CoordinatorError('coordinator/wrong-state', 'no round is open; wait for an offer'));
            continue;
          }
          const { stage } = open.machine;
          const found = open.machine.receive(participant, plain);
          const refused = found.find((effect) => effect.kind === 'refused');
          if (refused?.kind === 'refused') {
            next.refuse(
              new CoordinatorError('coordinator/message-refused', `the message was refused: ${refused.code}`, {
                details: { reason: refused.code },
              }),
            );
            continue;
          }
          effects = found;
          group = open;
          taken.push(next);
          const { attempt } = open.record;
          watch?.answered(attempt, participant, bytes.length);
          watch?.moved(attempt, open.machine.stage, clock());
          events.push({ kind: 'message', stage, participant, bytes });
          onWrite('before-journal');
        }
        if (group === undefined) continue;
        await journal.appendAll(group.record.attempt, group.position, events);
        for (const _event of events) onWrite('message-journaled');
        group.position += events.length;
        await perform(group, effects);
        for (const { accept } of taken) {
          onWrite('message-answered');
          accept();
        }
      }
    } catch (error) {
      const unavailable = new CoordinatorError(
        'coordinator/unavailable',
        'the coordinator cannot write now; try again',
        {
          cause: error,
          retryable: true,
        },
      );
      for (const { refuse } of [...taken, ...waiting]) refuse(unavailable);
      throw error;
    }
  }

  function wakeDrain(): void {
    queue.enqueue(drain).catch((error: unknown) => {
      // The step did not run at all: nobody has been answered.
      for (const { refuse } of incoming.splice(0)) refuse(error);
    });
  }

  return {
    take: (participant, { bytes, plain }) =>
      new Promise((accept, refuse) => {
        incoming.push({ participant, bytes, plain, accept, refuse });
        if (incoming.length === 1) wakeDrain();
      }),
  };
}
