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
import { createAttemptAudit, type Standing } from './attempts.ts';
import { auditKeys } from './keys.ts';
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
  /** Of the key store that the log tells of, as it must be now; null where it tells of none. */
  readonly keyStoreDigest: string | null;
  /** Whether salts were destroyed, which may be after the release. */
  readonly saltsChanged: boolean;
}

/** A model at its round. */
type Version = Pick<LeafOf<'resumed'>, 'round' | 'modelDigest' | 'checkpointDigest'>;

/** Reads the leaves in order and checks that each could follow the ones before. `file` names them in problems. */
export function auditStory(
  leaves: readonly LogLeaf[],
  { findings, file }: { findings: Findings; file: string },
): Story {
  let task: LeafOf<'task'> | undefined;
  let plan: LeafOf<'plan'> | undefined;
  let release: LeafOf<'release'> | undefined;
  const ledgers = new Map<string, Uint8Array[]>();
  const attempts = createAttemptAudit({ findings, file });
  const evaluations: LeafOf<'evaluation'>[] = [];
  /** Models that some round left, each at its round. */
  const versions = new Set<string>();
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

  const standing = (): Standing => ({ task, plan, rounds, model });
  const isPrivate = (): boolean => task !== undefined && task.privacy !== null;
  const versionOf = (version: Pick<Version, 'round' | 'modelDigest'>): string =>
    `${version.round} ${version.modelDigest}`;
  const moveTo = (version: Version): void => {
    ({ round: rounds, modelDigest: model, checkpointDigest } = version);
    versions.add(versionOf(version));
  };

  for (const [index, leaf] of leaves.entries()) {
    switch (leaf.kind) {
      case 'task':
        if (task !== undefined) broken(index, 'a second task');
        task = leaf;
        break;
      case 'plan':
        if (plan !== undefined) broken(index, 'a second plan');
        plan = leaf;
        moveTo({ round: 0, modelDigest: leaf.modelDigest, checkpointDigest: null });
        break;
      case 'ledger': {
        const bytes = utf8(canonicalize(leaf.record) as string);
        ledgers.set(leaf.ledger, [...(ledgers.get(leaf.ledger) ?? []), bytes]);
        // What pays for a round is what epsilon is recomputed from: the first ledger of the log, and its first account.
        const [first] = ledgers.keys();
        if (leaf.ledger !== first) break;
        const { kind, event, purpose, accounts } = leaf.record;
        if (kind === 'reserve' && !(Array.isArray(accounts) && accounts.includes(0))) break;
        attempts.charge(index, leaf.record, standing());
        if (kind === 'reserve' && purpose === 'training') steps.charged += stepsPaidBy(event, plan);
        break;
      }
      case 'round-opened':
        attempts.open(index, leaf, standing());
        break;
      case 'round-closed':
        attempts.close(index, leaf, standing());
        if (leaf.outcome === 'committed') moveTo(leaf);
        break;
      case 'steps': {
        const { first, last, startDigest } = leaf;
        if (plan === undefined) broken(index, 'steps before the plan');
        if (first !== rounds + 1 || last < first) broken(index, `steps ${first} to ${last} follow step ${rounds}`);
        if (startDigest !== model) chain(index, `step ${first} begins with another model than the step before it left`);
        steps.ran += Math.max(0, last - first + 1);
        if (isPrivate() && steps.ran > steps.charged) {
          findings.add(
            'verify/attempt-uncharged',
            file,
            `leaf ${index}: ${steps.ran} steps ran and the plan's event was charged for ${steps.charged}`,
          );
        }
        moveTo({ ...leaf, round: last });
        break;
      }
      case 'resumed': {
        const isKnown = versions.has(versionOf(leaf));
        const isEnd = attempts.resume(leaf, standing(), isKnown);
        if (!isKnown && !isEnd) {
          const lost = leaf.round - rounds;
          const wereSteps = lost > 0 && task?.mode === 'single-party' && attempts.opened.size === 0;
          if (!wereSteps || (isPrivate() && steps.ran + lost > steps.charged)) {
            chain(index, 'a run was taken up with a model that no round left');
          } else steps.ran += lost;
        }
        moveTo(leaf);
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
  const keyStoreDigest = auditKeys(leaves, { findings, file });
  attempts.finish();
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
    attempts: attempts.opened.size + steps.ran,
    opened: attempts.opened,
    evaluations,
    release,
    checkpointDigest,
    modelDigest: model,
    keyStoreDigest,
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
      if (charge.status === 'aborted-refunded' && charge.attempt !== null && attempts.opened.has(charge.attempt)) {
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

/** Steps that a reservation pays for: those whose event, one by one or all together, is the plan's; 0 for any other. */
function stepsPaidBy(event: unknown, plan: LeafOf<'plan'> | undefined): number {
  if (plan === undefined || plan.event === null || typeof event !== 'object' || event === null) return 0;
  const planned = canonicalize(plan.event);
  if (canonicalize(event) === planned) return plan.charged === 'run' ? plan.attempts : 1;
  const { type, event: inner, count } = event as { type?: unknown; event?: unknown; count?: unknown };
  if (type !== 'SelfComposed' || plan.charged === 'run' || typeof count !== 'number') return 0;
  return canonicalize(inner) === planned ? count : 0;
}
