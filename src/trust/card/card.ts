/**
 * The privacy card: what a run's log says about the privacy of its model, in numbers recomputed from the ledger records in
 * the log. Only what no log can know (who is responsible, what for, on which legal ground) is given beside it, and what
 * is not given is shown as missing.
 *
 * @module
 */

import * as z from 'zod';

import {
  computePrivacyCurve,
  computeTradeOff,
  createAccountant,
  createRdpAccountant,
  type TradeOffPoint,
} from '../../privacy/accounting/index.ts';
import type { AuditReport, LeafOf, RunStory } from '../log/index.ts';
import { CardError } from './errors.ts';

const text = z.string().min(1).max(4000);

/** What the controller says; everything is optional, and never filled in by us. */
export const controllerFactsSchema = z.strictObject({
  controller: text.optional(),
  controllerType: text.optional(),
  contact: text.optional(),
  representative: text.optional(),
  dataProtectionOfficer: text.optional(),
  purpose: text.optional(),
  legalBasis: text.optional(),
  dataSubjects: text.optional(),
  dataCategories: text.optional(),
  recipients: text.optional(),
  transfers: text.optional(),
  retention: text.optional(),
  region: text.optional(),
  sector: text.optional(),
  description: text.optional(),
  tuning: text.optional(),
  coveredEntity: text.optional(),
  authors: z.array(text).optional(),
});
export type ControllerFacts = z.infer<typeof controllerFactsSchema>;

/** A moment of the run. */
export interface SpendingPoint {
  readonly charge: number;
  readonly round: number | null;
  readonly epsilon: number;
}

/** The card. */
export interface PrivacyCard {
  readonly sotto: 'privacy-card/1';
  readonly task: string;
  /** Null: not private at all. */
  readonly guarantee: {
    readonly epsilon: number;
    readonly delta: number;
    readonly budget: number;
    readonly privacyUnit: string;
    readonly relation: string;
    readonly accountant: string;
    readonly trust: string;
    readonly noiseMultiplier: number | null;
    readonly samplingRate: number;
    /** Null where no gradient and no update is clipped: what is added for a row is bounded by itself. */
    readonly clipNorm: number | null;
    readonly mechanism: string;
    readonly charges: number;
  } | null;
  /** A seeded run protects nobody, whatever its numbers say. */
  readonly seeded: boolean;
  readonly mode: string;
  readonly aggregation: string;
  readonly participants: number;
  readonly threshold: number | null;
  readonly maxCorrupt: number | null;
  readonly rounds: number;
  readonly attempts: number;
  readonly abortedAttempts: number;
  readonly examples: number | null;
  readonly parameters: number;
  readonly accuracy: number | null;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly modelDigest: string | null;
  readonly files: Readonly<Record<string, string>>;
  readonly spending: readonly SpendingPoint[];
  readonly tradeOff: readonly TradeOffPoint[];
  readonly log: {
    readonly key: string | null;
    readonly keyPinned: boolean;
    readonly leaves: number;
    readonly witnesses: readonly string[];
    readonly accessDecisions: number;
    readonly administrativeActs: number;
    readonly erasures: number;
    readonly preparations: number;
  };
  readonly controller: ControllerFacts;
}

/** Points of ε over time at most; each costs a conversion. */
const MAX_POINTS = 60;
const RATES = Array.from({ length: 101 }, (_, i) => i / 100);
const EPSILONS = Array.from({ length: 41 }, (_, i) => i / 4);

/** Reads the facts a controller gives. @throws {CardError} `card/facts-invalid`. */
export function parseControllerFacts(value: unknown): ControllerFacts {
  const parsed = controllerFactsSchema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  throw new CardError('card/facts-invalid', `the facts beside the log: ${z.prettifyError(parsed.error)}`);
}

/**
 * Makes the card of a run.
 * @throws {CardError} `card/unverified` when the run does not verify: a card is not made from what cannot be trusted.
 */
export function createPrivacyCard({ report, leaves, story }: RunStory, controller: ControllerFacts = {}): PrivacyCard {
  if (!report.ok || story?.task === undefined || story.plan === undefined) {
    throw new CardError(
      'card/unverified',
      `the run does not verify (${describeProblems(report)}): there is nothing a card could rely on. See sotto verify`,
    );
  }
  const { task, plan } = story;
  const of = <Kind extends Parameters<typeof isKind>[1]>(kind: Kind) => leaves.filter((leaf) => isKind(leaf, kind));
  const data = leaves.filter((leaf): leaf is LeafOf<'data'> => leaf.kind === 'data' && leaf.part === 'train');
  const scored = story.evaluations.findLast(({ accuracy }) => accuracy !== null);
  return {
    sotto: 'privacy-card/1',
    task: task.task,
    guarantee: guaranteeOf({ report, leaves, story }),
    seeded: task.seeded,
    mode: task.mode,
    aggregation: task.aggregation,
    participants: task.participants,
    threshold: plan.threshold,
    maxCorrupt: plan.maxCorrupt,
    rounds: story.rounds,
    attempts: story.attempts,
    abortedAttempts: leaves.filter((leaf) => leaf.kind === 'round-closed' && leaf.outcome === 'aborted').length,
    examples: data.length === 0 ? null : data.reduce((sum, { examples }) => sum + examples, 0),
    parameters: plan.dimension,
    accuracy: scored?.accuracy ?? null,
    startedAt: task.time,
    endedAt: leaves.at(-1)?.time ?? task.time,
    modelDigest: story.modelDigest ?? null,
    files: story.release?.files ?? {},
    spending: spendingOf(story),
    tradeOff: tradeOffOf(story),
    log: {
      key: report.key,
      keyPinned: report.keyPinned,
      leaves: report.leaves,
      witnesses: report.witnesses,
      accessDecisions: of('access').length,
      administrativeActs: of('administrative').length,
      erasures: of('erasure').length,
      preparations: of('preparation').length,
    },
    controller,
  };
}

function isKind(leaf: RunStory['leaves'][number], kind: RunStory['leaves'][number]['kind']): boolean {
  return leaf.kind === kind;
}

function describeProblems({ problems }: AuditReport): string {
  const [first] = problems;
  return first === undefined ? 'its log holds no task' : `${problems.length} problems, the first in ${first.file}`;
}

function guaranteeOf({ report, story }: RunStory): PrivacyCard['guarantee'] {
  const account = story?.report?.accounts[0];
  const { task, plan } = story ?? {};
  if (account === undefined || task?.privacy == null || plan === undefined || report.epsilon === null) return null;
  return {
    epsilon: account.spent.epsilon,
    delta: account.spent.delta,
    budget: account.budget.epsilon,
    privacyUnit: account.privacyUnit,
    relation: account.relation,
    accountant: story?.report?.accountant ?? 'rdp',
    trust: task.privacy.trust,
    noiseMultiplier: plan.noiseMultiplier,
    samplingRate: plan.samplingRate,
    clipNorm: plan.clipNorm,
    mechanism: describeEvent(plan.event),
    charges: story?.report?.charges.filter(({ status }) => status !== 'aborted-refunded').length ?? 0,
  };
}

/** The words of an event, from the outside in. */
function describeEvent(event: unknown): string {
  if (typeof event !== 'object' || event === null) return 'none';
  const { type, event: inner } = event as { type?: unknown; event?: unknown };
  const name = typeof type === 'string' ? type : 'unknown';
  return inner === undefined ? name : `${name}(${describeEvent(inner)})`;
}

type Story = NonNullable<RunStory['story']>;

function accountantOf({ report }: Story) {
  const account = report?.accounts[0];
  if (report === undefined || account === undefined) return undefined;
  return account.order === null
    ? createAccountant({ accountant: report.accountant, relation: account.relation })
    : createRdpAccountant({ relation: account.relation, orders: [account.order] });
}

const chargesOf = ({ report }: Story) =>
  report?.charges.filter(({ status, accounts }) => status !== 'aborted-refunded' && accounts.includes(0)) ?? [];

/** Recomputes ε after every charge, or after every few of many. */
function spendingOf(story: Story): SpendingPoint[] {
  const charges = chargesOf(story);
  const delta = story.report?.accounts[0]?.budget.delta ?? 0;
  const step = Math.ceil(charges.length / MAX_POINTS);
  const points: SpendingPoint[] = [];
  // Equal events are counted together, as the ledger does: a sum that depends on no order of additions.
  for (let end = step; end - step < charges.length; end += step) {
    const upTo = charges.slice(0, Math.min(end, charges.length));
    const accountant = accountantOf(story);
    if (accountant === undefined) break;
    const counts = Map.groupBy(upTo, ({ key }) => key);
    for (const same of counts.values()) accountant.compose((same[0] as (typeof upTo)[number]).event, same.length);
    points.push({ charge: upTo.length, round: upTo.at(-1)?.round ?? null, epsilon: accountant.epsilon(delta) });
  }
  return points;
}

/** What the best membership test can reach against everything that was charged. */
function tradeOffOf(story: Story): readonly TradeOffPoint[] {
  const accountant = accountantOf(story);
  if (accountant === undefined) return [];
  const counts = Map.groupBy(chargesOf(story), ({ key }) => key);
  for (const same of counts.values()) accountant.compose((same[0] as (typeof same)[number]).event, same.length);
  return computeTradeOff(computePrivacyCurve(accountant, EPSILONS), RATES);
}
