/**
 * Opens attempts: knows who is there, and charges an attempt before anybody is asked for anything.
 *
 * @module
 */

import { countsMemberships } from '../../federation/rounds/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import { AccountingError } from '../../privacy/accounting/index.ts';
import type { AttemptRunner } from './attempt-runner.ts';
import type { TaskContext } from './task-context.ts';

/** Opens attempts when enough participants are there. */
export interface AttemptOpening {
  presentNow(): string[];
  /** Opens an attempt after its window when there is room for one and enough participants are free. */
  consider(): void;
  setState(next: string): Promise<void>;
  /** Opens nothing any more. */
  close(): void;
}

/** Creates what opens a task's attempts. */
export function createAttemptOpening({
  options: { id, run, db, ledger, settings, initial, served, watch, onWrite, clock },
  journal,
  mailboxes,
  queue,
  memory,
  runner,
}: TaskContext & { readonly runner: () => AttemptRunner }): AttemptOpening {
  const { plan } = run;
  const buffered = plan.update?.buffered;
  const isCounted = countsMemberships(plan);
  /** Of an attempt: who must be there is another matter. */
  const leastCohort = Math.min(settings.startThreshold, plan.participants);
  let opening: { readonly timer: ReturnType<typeof setTimeout>; readonly isFull: boolean } | undefined;

  function presentNow(): string[] {
    const oldest = clock() - settings.presenceMs;
    return [...memory.present].filter(([, at]) => at >= oldest).map(([who]) => who);
  }

  /** Whether another attempt may open beside those that are: no more do than there are rounds left. */
  function hasRoom(): boolean {
    if (memory.closed || memory.state !== 'running') return false;
    if (buffered === undefined) return memory.open.size === 0;
    const done = memory.model?.round ?? initial.round;
    return memory.open.size < buffered.concurrency && done + memory.open.size < plan.rounds;
  }

  /** Members of open attempts, and whoever is slow and has not heard yet that its last one has ended. */
  function busyNow(present: readonly string[]): ReadonlySet<string> {
    if (buffered === undefined) return new Set();
    const members = [...memory.open.values()].flatMap(({ record }) => record.cohort);
    return new Set([...members, ...present.filter((who) => mailboxes.isBehind(who))]);
  }

  /** Whoever can be asked now. */
  function freeNow(): readonly string[] {
    const among = presentNow();
    return isCounted ? memory.members.eligible({ among, busy: busyNow(among) }) : among;
  }

  /** Whether enough are there and free for an attempt. */
  function isReady(free: readonly string[]): boolean {
    return presentNow().length >= settings.startThreshold && free.length >= leastCohort;
  }

  function consider(): void {
    if (!hasRoom()) return;
    const free = freeNow();
    const isFull = free.length >= plan.participants;
    // Nobody else is waited for once a cohort is full.
    if (opening !== undefined && (opening.isFull || !isFull)) return;
    if (!isReady(free) && !isExhausted()) return;
    clearTimeout(opening?.timer);
    const timer = setTimeout(
      () => {
        opening = undefined;
        queue.enqueue(openRound).catch(() => {});
      },
      isFull ? 0 : settings.roundWindowMs,
    );
    opening = { timer, isFull };
  }

  /** Whether too few of the task's participants are under the bound on memberships for another cohort, ever. */
  function isExhausted(): boolean {
    if (plan.maxParticipations === undefined || memory.open.size > 0) return false;
    return plan.enrolled - memory.members.exhausted < leastCohort && freeNow().length < leastCohort;
  }

  /** Whom an attempt asks: whoever is there, or, where memberships are counted, those with the fewest. */
  function cohortNow(): readonly string[] {
    const among = presentNow();
    if (!isCounted) return among.toSorted().slice(0, plan.participants);
    return memory.members.choose(plan.participants, createSystemRng(), { among, busy: busyNow(among) });
  }

  async function endWithBudgetSpent(): Promise<void> {
    await setState('stopped');
    watch?.state('budget-spent');
  }

  async function openRound(): Promise<void> {
    if (!hasRoom()) return;
    if (isExhausted()) return endWithBudgetSpent();
    if (!isReady(freeNow())) return;
    const cohort = cohortNow();
    const model = (memory.model ??= await runner().loadModel());
    const attempt = (await journal.lastAttempt()) + 1;
    const round = model.round + 1;
    let reservation: string | null = null;
    if (ledger !== undefined && plan.event !== undefined && (!isCounted || memory.members.isCharged(cohort))) {
      try {
        ({ id: reservation } = await ledger.reserve({ event: plan.event, purpose: 'training', round, attempt }));
      } catch (error) {
        if (!(error instanceof AccountingError && error.code === 'accounting/budget-exceeded')) throw error;
        // What is open is paid for, and may end.
        if (memory.open.size === 0) await endWithBudgetSpent();
        return;
      }
    }
    onWrite('attempt-reserved');
    const base = buffered === undefined ? null : ((await runner().currentKey()) ?? '');
    const record = { attempt, round, cohort, reservation, base };
    await journal.open(record);
    const memberships = isCounted ? memory.members.add(cohort) : undefined;
    onWrite('attempt-opened');
    await served?.log.openRound(record, model, memberships);
    await runner().begin(record, model);
    consider();
  }

  async function setState(next: string): Promise<void> {
    await db.updateTable('tasks').set({ state: next, updated_at: new Date() }).where('id', '=', id).execute();
    memory.state = next;
    watch?.state(next);
    if (next === 'running') consider();
    else mailboxes.wakeAll();
  }

  return { presentNow, consider, setState, close: () => clearTimeout(opening?.timer) };
}
