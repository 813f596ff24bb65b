/**
 * The audit of attempts: charged before they open, begun with the model of the moment, ended once, and as late as they
 * say. Several may be open at once, where the plan says so.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import type { LeafOf } from '../leaf.ts';
import type { Findings } from './report.ts';

/** Where the story stands when a leaf is read. */
export interface Standing {
  readonly task: LeafOf<'task'> | undefined;
  readonly plan: LeafOf<'plan'> | undefined;
  /** Rounds that were committed. */
  readonly rounds: number;
  /** Digest of the model they lead to. */
  readonly model: string | undefined;
}

/** Follows the attempts of a run, leaf by leaf. */
export interface AttemptAudit {
  readonly opened: ReadonlyMap<number, LeafOf<'round-opened'>>;
  /** Takes a record of the ledger that pays for attempts. */
  charge(index: number, record: LeafOf<'ledger'>['record'], standing: Standing): void;
  open(index: number, leaf: LeafOf<'round-opened'>, standing: Standing): void;
  close(index: number, leaf: LeafOf<'round-closed'>, standing: Standing): void;
  /**
   * Another process takes the task up.
   * @param isKnown - whether it does so with a model that some round left.
   * @returns whether an attempt that was open accounts for a model that is not known: its end missed the log.
   */
  resume(leaf: LeafOf<'resumed'>, standing: Standing, isKnown: boolean): boolean;
  /** The log ends. */
  finish(): void;
}

/** Creates the audit; `file` names the leaves in problems. */
export function createAttemptAudit({ findings, file }: { findings: Findings; file: string }): AttemptAudit {
  const opened = new Map<number, LeafOf<'round-opened'>>();
  /** Those that have ended neither in a leaf nor with their process. */
  const open = new Set<number>();
  /** The last that was opened. */
  let latest = 0;
  /** By attempt, the event of its charge. */
  const events = new Map<number, string>();
  /** Reservations of the plan's event that stand; where memberships are counted, nobody may have more of them. */
  const charges = new Set<unknown>();
  /** Memberships of everybody together, and of the most frequent member as the log counts them. */
  const members = { all: 0, most: 0 };
  /** Where several attempts are open: commits that left no leaf, and attempts that ended without one. */
  const unlogged = { commits: 0, ends: 0 };
  const broken = (index: number, why: string): void =>
    findings.add('verify/story-broken', file, `leaf ${index}: ${why}`);
  const chain = (index: number, why: string): void =>
    findings.add('verify/model-chain-broken', file, `leaf ${index}: ${why}`);
  const uncharged = (index: number, why: string): void =>
    findings.add('verify/attempt-uncharged', file, `leaf ${index}: ${why}`);

  /** Whether the attempt was charged as it must be: by itself, or with the memberships that it counts. */
  function auditCharge(index: number, leaf: LeafOf<'round-opened'>, { task, plan }: Standing): void {
    const { attempt, memberships, cohort } = leaf;
    const event = events.get(attempt);
    if (plan !== undefined && event !== undefined && event !== canonicalize(plan.event)) {
      const why = `leaf ${index}: attempt ${attempt} was charged for another event than the plan's`;
      findings.add('verify/event-mismatch', file, why);
    }
    if (memberships === undefined) {
      if (event === undefined) uncharged(index, `attempt ${attempt} opened before it was charged`);
      return;
    }
    if (task?.privacy?.privacyUnit === 'example') {
      uncharged(index, `attempt ${attempt} counts memberships, and of an example's task every attempt is charged`);
    }
    members.all += cohort;
    members.most = Math.max(members.most, memberships);
    if (memberships > charges.size) {
      const charged = `${memberships} memberships, ${charges.size} were charged`;
      uncharged(index, `attempt ${attempt} takes somebody to ${charged}`);
    }
    // Whoever serves a task may enrol anybody; in one process there are as many as the task says.
    const least = task === undefined || task.mode === 'served' ? 0 : Math.ceil(members.all / task.participants);
    if (members.most < least) {
      uncharged(
        index,
        `${members.all} memberships of ${task?.participants} participants are ${least} of somebody, and ${members.most} were counted`,
      );
    }
  }

  return {
    opened,
    charge(index, record, { plan }) {
      const { kind, attempt, event, reservation } = record;
      if (kind === 'abort' && record.dataTouched === false && charges.delete(reservation)) {
        if (members.most > charges.size) {
          uncharged(index, `a charge was given back, and ${members.most} memberships of somebody are left with fewer`);
        }
      }
      if (kind !== 'reserve' || typeof attempt !== 'number') return;
      events.set(attempt, canonicalize(event) ?? '');
      if (plan !== undefined && canonicalize(event) === canonicalize(plan.event)) charges.add(reservation);
    },
    open(index, leaf, standing) {
      const { task, plan, rounds, model } = standing;
      const { attempt, round } = leaf;
      if (plan === undefined) broken(index, 'a round before the plan');
      if (opened.has(attempt)) broken(index, `attempt ${attempt} opens twice`);
      else if (attempt < latest) broken(index, `attempt ${attempt} opens after a later one`);
      if (leaf.modelDigest !== model) {
        chain(index, `attempt ${attempt} begins with another model than the last round left`);
      }
      // How late an attempt ends is counted from here.
      if (round !== rounds + 1) broken(index, `attempt ${attempt} opens for round ${round}, and ${rounds} are done`);
      if (task !== undefined && task.privacy !== null) auditCharge(index, leaf, standing);
      if (plan?.concurrency !== undefined && open.size - unlogged.ends >= plan.concurrency) {
        broken(index, `more than ${plan.concurrency} attempts are open`);
      }
      // Where attempts follow one another, whatever has not ended by now ended without a leaf.
      if (plan !== undefined && plan.concurrency === undefined) open.clear();
      opened.set(attempt, leaf);
      open.add(attempt);
      latest = Math.max(latest, attempt);
    },
    close(index, leaf, { plan, rounds, model }) {
      const { attempt, round, staleness = 0, outcome, contributors } = leaf;
      const start = opened.get(attempt);
      if (start === undefined) broken(index, `attempt ${attempt} ends and never opened`);
      else if (start.round + staleness !== round) {
        broken(index, `attempt ${attempt}, of round ${start.round}, is ${staleness} late and ends as round ${round}`);
      }
      if (staleness > 0 && plan?.concurrency === undefined) {
        broken(index, `attempt ${attempt} is late in a task that has one cohort after another`);
      }
      if (!open.delete(attempt) && start !== undefined)
        broken(index, `attempt ${attempt} ends, and is not open any more`);
      if (outcome === 'aborted') {
        if (leaf.modelDigest !== model) chain(index, `attempt ${attempt} was aborted and changed the model`);
        return;
      }
      if (round !== rounds + 1) broken(index, `round ${round} follows round ${rounds}`);
      if (start !== undefined && contributors > start.cohort) {
        broken(index, `round ${round} was formed by ${contributors} of a cohort of ${start.cohort}`);
      }
      // The event that was charged counts on the noise of at least so many.
      const threshold = plan?.threshold ?? 0;
      if (contributors < threshold) {
        broken(index, `round ${round} was formed by ${contributors}, fewer than the ${threshold} of the plan`);
      }
    },
    resume(leaf, { task, plan, rounds }, isKnown) {
      // A crash between a checkpoint and its leaf: one attempt was committed, and its end is in no leaf.
      const isEnd = !isKnown && leaf.round === rounds + 1 && open.size > unlogged.commits;
      if (isEnd) unlogged.commits += 1;
      if (task?.mode === 'served' && (plan?.concurrency !== undefined || !isEnd)) {
        // A coordinator goes on with what was open; of several the leaves do not say which one has ended.
        unlogged.ends = Math.min(open.size, unlogged.ends + 1);
      } else {
        open.clear();
        Object.assign(unlogged, { commits: 0, ends: 0 });
      }
      return isEnd;
    },
    finish() {
      if (open.size < unlogged.commits) {
        findings.add('verify/model-chain-broken', file, 'a run was taken up with a model that no round left');
      }
    },
  };
}
