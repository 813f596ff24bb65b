/**
 * Erasing a participant of a served task: its key, its label and its messages leave the database, its pseudonym leaves the
 * cohorts of ended attempts, and the salt of its commitments is destroyed. What the log says of it stays, and can no longer
 * be linked to it; the others' receipts go on to hold.
 *
 * @module
 */

import type { Database } from '../storage/database/index.ts';
import { CoordinatorError } from './errors.ts';
import type { Registry } from './registry.ts';
import type { ServedLog } from './served-log.ts';

/**
 * Erases a participant.
 * @returns the receipt: a log proof with the leaf as extra data.
 * @throws {@link CoordinatorError} `coordinator/unknown-participant`; `coordinator/wrong-state` while it is in a round that
 * is open: wait for its end.
 */
export async function eraseParticipant(
  { taskId, participant }: { readonly taskId: string; readonly participant: string },
  { db, registry, log }: { readonly db: Database; readonly registry: Registry; readonly log: ServedLog },
): Promise<string> {
  const enrolled = await db
    .selectFrom('participants')
    .select('id')
    .where('task_id', '=', taskId)
    .where('id', '=', participant)
    .executeTakeFirst();
  if (enrolled === undefined) {
    throw new CoordinatorError('coordinator/unknown-participant', 'nobody of that name takes part in the task');
  }
  // From here on it is let in nowhere, so that no further round can begin with it.
  await registry.setState({ id: participant, taskId }, 'revoked');
  const attempts = await db
    .selectFrom('attempts')
    .select(['attempt', 'cohort', 'state'])
    .where('task_id', '=', taskId)
    .execute();
  const memberOf = attempts
    .map(({ attempt, cohort, state }) => ({ attempt, state, cohort: JSON.parse(cohort) as string[] }))
    .filter(({ cohort }) => cohort.includes(participant));
  if (memberOf.some(({ state }) => state === 'open')) {
    throw new CoordinatorError(
      'coordinator/wrong-state',
      'a round is open with this participant: try again when it has ended',
      {
        retryable: true,
      },
    );
  }
  const forget = async (pseudonym: string): Promise<readonly string[]> => {
    await db.transaction().execute(async (transaction) => {
      for (const { attempt, cohort } of memberOf) {
        await transaction
          .updateTable('attempts')
          .set({ cohort: JSON.stringify(cohort.map((member) => (member === participant ? pseudonym : member))) })
          .where('task_id', '=', taskId)
          .where('attempt', '=', attempt)
          .execute();
      }
      await transaction
        .deleteFrom('attempt_events')
        .where('task_id', '=', taskId)
        .where('participant', '=', participant)
        .execute();
      await transaction
        .deleteFrom('participants')
        .where('task_id', '=', taskId)
        .where('id', '=', participant)
        .execute();
    });
    return ['identity key', 'label', 'messages', 'place in cohorts'];
  };
  const { proof } = await log.erase(participant, forget);
  return proof;
}
