/**
 * The audit of the story that the leaves tell: charged before it ran, by the event that was planned; every round from the
 * model that the round before left; and the budget recomputed from the ledger records in the log alone.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { utf8 } from '../../../foundations/crypto/index.ts';
import { AccountingError, type LedgerReport, verifyLedger } from '../../../privacy/accounting/index.ts';
import type { LeafOf, LogLeaf } from '../leaf.ts';
import type { Findings } from './report.ts';

/** What the leaves amount to. */
export interface Story {
  readonly task: LeafOf<'task'> | undefined;
  readonly plan: LeafOf<'plan'> | undefined;
  /** Canonical bytes of the records of each ledger, in order. */
  readonly ledgers: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly report: LedgerReport | undefined;
  readonly rounds: number;
  readonly attempts: number;
  readonly opened: ReadonlyMap<number, LeafOf<'round-opened'>>;
  readonly evaluations: readonly LeafOf<'evaluation'>[];
  readonly release: LeafOf<'release'> | undefined;
  /** Digest of the last checkpoint file; null when none was written. */
  readonly checkpointDigest: string | null;
  readonly modelDigest: string | undefined;
  /** Whether salts were destroyed, which may be after the release. */
  readonly saltsChanged: boolean;
}

/** Reads the leaves in order and checks that each could follow the ones before. `file` names them in problems. */
export function auditStory(
  leaves: readonly LogLeaf[],
  { findings, file }: { findings: Findings; file: string },
): Story {
  let task: LeafOf<'task'> | undefined;
  let plan: LeafOf<'plan'> | undefined;
  let release: LeafOf<'release'> | undefined;
  const ledgers = new Map<string, Uint8Array[]>();
  const reserved = new Map<number, string>();
  const opened = new Map<number, LeafOf<'round-opened'>>();
  const closed = new Set<number>();
  /** Of the plan's event; where memberships are counted, nobody may have more of them. */
  const charges = new Set<number>();
  /** Where several attempts are open: commits that left no leaf, and attempts that ended without one. */
  const unlogged = { commits: 0, ends: 0 };
  const evaluations: LeafOf<'evaluation'>[] = [];
  const models = new Set<string>();
  let model: string | undefined;
  let checkpointDigest: string | null = null;
  let rounds = 0;
  let simulated = false;
  /** Steps of one party that were charged, and that ran. */
  const steps = { charged: 0, ran: 0 };
  const broken = (index: number, why: string): void =>
    findings.add('verify/story-broken', file, `leaf ${index}: ${why}`);
  const chain = (index: number, why: string): void =>
    findings.add('verify/model-chain-broken', file, `leaf ${index}: ${why}`);

  for (const [index, leaf] of leaves.entries()) {
    switch (leaf.kind) {
      case 'task':
        if (task !== undefined) broken(index, 'a second task');
        task = leaf;
        break;
      case 'plan':
        if (plan !== undefined) broken(index, 'a second plan');
        plan = leaf;
        model = leaf.modelDigest;
        models.add(leaf.modelDigest);
        break;
      case 'ledger': {
        const bytes = utf8(canonicalize(leaf.record) as string);
        ledgers.set(leaf.ledger, [...(ledgers.get(leaf.ledger) ?? []), bytes]);
        const { kind, attempt, event, purpose } = leaf.record;
        // What pays for a round is what epsilon is recomputed from: the first ledger of the log, and its first account.
        if (kind !== 'reserve' || !isCounted(leaf, ledgers)) break;
        if (typeof attempt === 'number') {
          reserved.set(attempt, canonicalize(event) ?? '');
          if (plan !== undefined && canonicalize(event) === canonicalize(plan.event)) charges.add(attempt);
        }
        if (purpose === 'training') steps.charged += stepsPaidBy(event, plan);
        break;
      }
      case 'round-opened':
        if (plan === undefined) broken(index, 'a round before the plan');
        if (opened.has(leaf.attempt)) broken(index, `attempt ${leaf.attempt} opens twice`);
        if (leaf.modelDigest !== model)
          chain(index, `attempt ${leaf.attempt} begins with another model than the last round left`);
        if (task !== undefined && task.privacy !== null) {
          const event = reserved.get(leaf.attempt);
          if (leaf.memberships !== undefined && leaf.memberships > charges.size) {
            findings.add(
              'verify/attempt-uncharged',
              file,
              `leaf ${index}: attempt ${leaf.attempt} takes somebody to ${leaf.memberships} memberships, ${charges.size} were charged`,
            );
          }
          if (event === undefined && leaf.memberships === undefined) {
            findings.add(
              'verify/attempt-uncharged',
              file,
              `leaf ${index}: attempt ${leaf.attempt} opened before it was charged`,
            );
          } else if (plan !== undefined && event !== undefined && event !== canonicalize(plan.event)) {
            findings.add(
              'verify/event-mismatch',
              file,
              `leaf ${index}: attempt ${leaf.attempt} was charged for another event than the plan's`,
            );
          }
        }
        if (plan?.concurrency !== undefined) {
          const open = [...opened.keys()].filter((attempt) => !closed.has(attempt)).length - unlogged.ends;
          if (open >= plan.concurrency) broken(index, `more than ${plan.concurrency} attempts are open`);
        }
        opened.set(leaf.attempt, leaf);
        break;
      case 'round-closed': {
        const start = opened.get(leaf.attempt);
        const { staleness = 0 } = leaf;
        if (start === undefined || start.round + staleness !== leaf.round)
          broken(index, `attempt ${leaf.attempt} ends and never opened`);
        if (staleness > 0 && plan?.concurrency === undefined)
          broken(index, `attempt ${leaf.attempt} is late in a task that has one cohort after another`);
        if (closed.has(leaf.attempt)) broken(index, `attempt ${leaf.attempt} ends twice`);
        closed.add(leaf.attempt);
        if (leaf.outcome === 'aborted') {
          if (leaf.modelDigest !== model) chain(index, `attempt ${leaf.attempt} was aborted and changed the model`);
          break;
        }
        if (leaf.round !== rounds + 1) broken(index, `round ${leaf.round} follows round ${rounds}`);
        // The event that was charged counts on the noise of at least so many.
        if (leaf.contributors < (plan?.threshold ?? 0)) {
          broken(
            index,
            `round ${leaf.round} was formed by ${leaf.contributors}, fewer than the ${plan?.threshold} of the plan`,
          );
        }
        ({ round: rounds, modelDigest: model, checkpointDigest } = leaf);
        models.add(leaf.modelDigest);
        break;
      }
      case 'steps': {
        const { first, last, startDigest } = leaf;
        if (plan === undefined) broken(index, 'steps before the plan');
        if (first !== rounds + 1 || last < first) broken(index, `steps ${first} to ${last} follow step ${rounds}`);
        if (startDigest !== model) chain(index, `step ${first} begins with another model than the step before it left`);
        steps.ran += Math.max(0, last - first + 1);
        if (task !== undefined && task.privacy !== null && steps.ran > steps.charged) {
          findings.add(
            'verify/attempt-uncharged',
            file,
            `leaf ${index}: ${steps.ran} steps ran and the plan's event was charged for ${steps.charged}`,
          );
        }
        ({ last: rounds, modelDigest: model, checkpointDigest } = leaf);
        models.add(leaf.modelDigest);
        break;
      }
      case 'resumed': {
        // A crash between a checkpoint and its leaf leaves one attempt that ended unlogged.
        const unended = [...opened.keys()].filter((attempt) => !closed.has(attempt));
        // A coordinator goes on with what was open, but for one end that may have missed the log; a simulation does not.
        unlogged.ends = task?.mode === 'served' ? Math.min(unended.length, unlogged.ends + 1) : unended.length;
        if (plan?.concurrency !== undefined) {
          // Of several open attempts the leaves do not say which it was; the others go on, and end in leaves of their own.
          if (!models.has(leaf.modelDigest)) unlogged.commits += Math.max(1, leaf.round - rounds);
          if (unlogged.commits > unended.length) chain(index, 'a run was taken up with a model that no round left');
        } else if (!models.has(leaf.modelDigest)) {
          const lost = Math.max(0, leaf.round - rounds);
          const mayBeSteps = lost > 0 && (task?.privacy === null || steps.ran + lost <= steps.charged);
          steps.ran += lost;
          if (unended.length === 0 && !mayBeSteps) chain(index, 'a run was taken up with a model that no round left');
          for (const attempt of unended) closed.add(attempt);
        }
        ({ round: rounds, modelDigest: model, checkpointDigest } = leaf);
        models.add(leaf.modelDigest);
        break;
      }
      case 'evaluation':
        evaluations.push(leaf);
        break;
      case 'installation':
        if (index > 0) broken(index, 'an installation begins in the middle of a log');
        break;
      case 'release':
        if (leaf.modelDigest !== model) chain(index, 'the released model is not the one the last round left');
        release = leaf;
        break;
      case 'attestation':
        simulated ||= leaf.simulated;
        break;
      default:
        break;
    }
  }
  if (simulated) {
    findings.notes.push(
      'SIMULATED ATTESTATION was shown to participants: it protects nothing, and proves nothing here',
    );
  }
  if (opened.size - closed.size < unlogged.commits) {
    findings.add('verify/model-chain-broken', file, 'a run was taken up with a model that no round left');
  }
  const isRun = leaves[0]?.kind !== 'installation';
  if (isRun && task === undefined) findings.add('verify/missing', file, 'the log names no task');
  if (isRun && plan === undefined) findings.add('verify/missing', file, 'the log has no plan');
  if (!isRun && (task !== undefined || plan !== undefined || ledgers.size > 0)) {
    findings.add('verify/story-broken', file, 'the log of an installation tells of a run');
  }
  const report = recompute();
  return {
    task,
    plan,
    ledgers,
    report,
    rounds,
    attempts: opened.size + steps.ran,
    opened,
    evaluations,
    release,
    checkpointDigest,
    modelDigest: model,
    saltsChanged: leaves.some(({ kind }) => kind === 'erasure'),
  };

  /** Recomputes the budget from the log's records. */
  function recompute(): LedgerReport | undefined {
    const [first] = ledgers.values();
    if (first === undefined) {
      if (task !== undefined && task.privacy !== null) findings.add('verify/missing', file, 'the log has no ledger');
      return undefined;
    }
    if (ledgers.size > 1) {
      const names = [...ledgers.keys()].join(', ');
      findings.add('verify/ledger-broken', file, `the log has ${ledgers.size} ledgers, ${names}: a run has one`);
    }
    let found: LedgerReport;
    try {
      const reports = [...ledgers.values()].map((records) => verifyLedger(records));
      found = reports[0] as LedgerReport;
    } catch (error) {
      if (!(error instanceof AccountingError)) throw error;
      findings.add('verify/ledger-broken', file, error.message);
      return undefined;
    }
    const [account] = found.accounts;
    const promised = task?.privacy;
    if (account !== undefined && promised != null) {
      const { budget, relation, privacyUnit } = account;
      if (
        budget.epsilon !== promised.epsilon ||
        budget.delta !== promised.delta ||
        relation !== promised.relation ||
        privacyUnit !== promised.privacyUnit ||
        found.accountant !== promised.accountant
      ) {
        findings.add('verify/ledger-broken', file, 'the ledger was opened for other terms than the task promises');
      }
    }
    for (const charge of found.charges) {
      if (charge.status === 'aborted-refunded' && charge.purpose === 'training' && steps.ran > 0) {
        findings.add('verify/attempt-uncharged', file, `steps ran and the charge ${charge.id} was given back`);
      }
      if (charge.status === 'aborted-refunded' && charge.attempt !== null && opened.has(charge.attempt)) {
        findings.add(
          'verify/attempt-uncharged',
          file,
          `attempt ${charge.attempt} opened and its charge was given back`,
        );
      }
    }
    return found;
  }
}

/** Whether a reservation is part of the epsilon that is recomputed. */
function isCounted({ ledger, record }: LeafOf<'ledger'>, ledgers: ReadonlyMap<string, unknown>): boolean {
  const [first] = ledgers.keys();
  return ledger === first && Array.isArray(record.accounts) && record.accounts.includes(0);
}

/** Steps that a reservation pays for: those whose event, one by one or all together, is the plan's; 0 for any other. */
function stepsPaidBy(event: unknown, plan: LeafOf<'plan'> | undefined): number {
  if (plan === undefined || plan.event === null || typeof event !== 'object' || event === null) return 0;
  const planned = canonicalize(plan.event);
  if (canonicalize(event) === planned) return plan.charged === 'run' ? plan.attempts : 1;
  const { type, event: inner, count } = event as { type?: unknown; event?: unknown; count?: unknown };
  if (type !== 'SelfComposed' || plan.charged === 'run' || typeof count !== 'number') return 0;
  return canonicalize(inner) === planned ? count : 0;
}
