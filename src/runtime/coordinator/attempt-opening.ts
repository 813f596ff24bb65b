/**
 * Opens attempts: knows who is there, and charges an attempt before anybody is asked for anything.
 *
 * @module
 */

import { AccountingError } from '../../privacy/accounting/index.ts';
import type { AttemptRunner } from './attempt-runner.ts';
import type { TaskContext } from './task-context.ts';

/** Opens attempts when enough participants are there. */
export interface AttemptOpening {
  presentNow(): string[];
  /** Opens a round after its window when enough participants are there. */
  consider(): void;
  setState(next: string): Promise<void>;
  /** Opens nothing any more. */
  close(): void;
}

/** Creates what opens a task's attempts. */
export function createAttemptOpening({
  options: { id, run, db, ledger, settings, served, watch, onWrite, clock },
  journal,
  mailboxes,
  queue,
  memory,
  runner,
}: TaskContext & { readonly runner: () => AttemptRunner }): AttemptOpening {
  const { plan } = run;
  let opening: ReturnType<typeof setTimeout> | undefined;

  function presentNow(): string[] {
    const oldest = clock() - settings.presenceMs;
    return [...memory.present].filter(([, at]) => at >= oldest).map(([who]) => who);
  }

  function consider(): void {
    if (memory.closed || memory.state !== 'running' || memory.open !== undefined || opening !== undefined) return;
    if (presentNow().length < settings.startThreshold) return;
    const full = presentNow().length >= plan.participants;
    opening = setTimeout(
      () => {
        opening = undefined;
        queue.enqueue(openRound).catch(() => {});
      },
      full ? 0 : settings.roundWindowMs,
    );
  }

  async function openRound(): Promise<void> {
    if (memory.closed || memory.state !== 'running' || memory.open !== undefined) return;
    const cohort = presentNow().toSorted().slice(0, plan.participants);
    if (cohort.length < settings.startThreshold) return;
    const model = (memory.model ??= await runner().loadModel());
    const attempt = (await journal.lastAttempt()) + 1;
    const round = model.round + 1;
    let reservation: string | null = null;
    if (ledger !== undefined && plan.event !== undefined) {
      try {
        ({ id: reservation } = await ledger.reserve({ event: plan.event, purpose: 'training', round, attempt }));
      } catch (error) {
        if (!(error instanceof AccountingError && error.code === 'accounting/budget-exceeded')) throw error;
        await setState('stopped');
        watch?.state('budget-spent');
        return;
      }
    }
    onWrite('attempt-reserved');
    const record = { attempt, round, cohort, reservation };
    await journal.open(record);
    onWrite('attempt-opened');
    await served?.log.openRound(record, model);
    await runner().begin(record, model);
  }

  async function setState(next: string): Promise<void> {
    await db.updateTable('tasks').set({ state: next, updated_at: new Date() }).where('id', '=', id).execute();
    memory.state = next;
    watch?.state(next);
    if (next === 'running') consider();
    else mailboxes.wakeAll();
  }

  return { presentNow, consider, setState, close: () => clearTimeout(opening) };
}
