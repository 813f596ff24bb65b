/**
 * Opens attempts: knows who is there, and charges an attempt before anybody is asked for anything.
 *
 * @module
 */

import { choosesCohorts, countsMemberships } from '../../federation/rounds/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import { AccountingError } from '../../privacy/accounting/index.ts';
import type { AttemptRunner } from './attempt-runner.ts';
import type { TaskContext } from './task-context.ts';

/** What a round is charged as. */
const PURPOSE = 'training';

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
  const isChosen = choosesCohorts(plan);
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
    return isChosen ? memory.members.eligible({ among, busy: busyNow(among) }) : among;
  }

  /** Whether enough are there and free for an attempt. */
  function isReady(free: readonly string[]): boolean {
    return presentNow().length >= settings.startThreshold && free.length >= leastCohort;
  }

  /**
   * Forgets whoever was heard of and takes no part any more: a request may have been let in just before its sender was
   * erased.
   */
  async function forgetGone(): Promise<void> {
    const rows = await db
      .selectFrom('participants')
      .select('id')
      .where('task_id', '=', id)
      .where('state', '!=', 'revoked')
      .execute();
    const known = new Set(rows.map((row) => row.id));
    for (const who of memory.present.keys()) if (!known.has(who)) memory.present.delete(who);
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

  /** Whom an attempt asks: whoever is there, or, where cohorts are chosen, those with the fewest memberships. */
  function cohortNow(): readonly string[] {
    const among = presentNow();
    if (!isChosen) return among.toSorted().slice(0, plan.participants);
    return memory.members.choose(plan.participants, createSystemRng(), { among, busy: busyNow(among) });
  }

  async function endWithBudgetSpent(): Promise<void> {
    await setState('stopped');
    watch?.state('budget-spent');
  }

  /**
   * Charges an attempt; null where it costs nothing, since it takes nobody to more memberships than were charged, and
   * undefined where nothing is left to charge.
   */
  async function reserve(
    cohort: readonly string[],
    { round, attempt }: { readonly round: number; readonly attempt: number },
  ): Promise<string | null | undefined> {
    if (ledger === undefined || plan.event === undefined) return null;
    if (isCounted && !memory.members.isCharged(cohort)) return null;
    // Of an attempt that was charged and not opened: nobody was asked for anything yet, and the charge is as good as new.
    const left = ledger.open().find((each) => each.purpose === PURPOSE && each.attempt === attempt);
    if (left !== undefined) return left.id;
    try {
      return (await ledger.reserve({ event: plan.event, purpose: PURPOSE, round, attempt })).id;
    } catch (error) {
      if (error instanceof AccountingError && error.code === 'accounting/budget-exceeded') return undefined;
      throw error;
    }
  }

  async function openRound(): Promise<void> {
    if (!hasRoom()) return;
    await forgetGone();
    if (isExhausted()) return endWithBudgetSpent();
    if (!isReady(freeNow())) return;
    const cohort = cohortNow();
    const model = (memory.model ??= await runner().loadModel());
    const attempt = (await journal.lastAttempt()) + 1;
    const round = model.round + 1;
    const reservation = await reserve(cohort, { round, attempt });
    if (reservation === undefined) {
      // What is open is paid for, and may end.
      if (memory.open.size === 0) await endWithBudgetSpent();
      return;
    }
    onWrite('attempt-reserved');
    const base = buffered === undefined ? null : ((await runner().currentKey()) ?? '');
    const record = { attempt, round, cohort, reservation, base };
    await journal.open(record);
    const memberships = isChosen ? memory.members.add(cohort) : undefined;
    onWrite('attempt-opened');
    await served?.log.openRound(record, model, isCounted ? memberships : undefined);
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
