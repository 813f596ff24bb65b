/**
 * What a log says of a task and its plan before the first round: the same for a run folder and for a coordinator.
 *
 * @module
 */

import { PROTOCOL_VERSION } from '../../federation/wire/index.ts';
import { sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { type AccountTerms, eventToJson } from '../../privacy/accounting/index.ts';
import type { LeafContent, LeafOf } from '../../trust/log/index.ts';
import type { TrainingFile } from '../task/index.ts';
import type { RunPlan } from './plan-run.ts';

/** What derives a plan: another version may derive another one from the same task. */
export const PLAN_VERSION = `sotto/wire-${PROTOCOL_VERSION}`;

/** What a leaf says of the privacy a task was given; null without any. */
export function privacyLeafOf(
  privacy: RunPlan['task']['privacy'] | TrainingFile['privacy'],
  terms: AccountTerms | undefined,
): LeafOf<'task'>['privacy'] {
  if (privacy.trust === 'off' || terms === undefined) return null;
  const { privacyUnit, relation, budget } = terms;
  return {
    privacyUnit,
    trust: privacy.trust,
    epsilon: budget.epsilon,
    delta: budget.delta,
    relation,
    accountant: privacy.accountant,
  };
}

/** Makes the leaves `task` and `plan`. */
export function describeTask(
  { task, plan }: RunPlan,
  {
    mode,
    definition,
    terms,
    inputShape,
    modelDigest,
  }: {
    readonly mode: LeafOf<'task'>['mode'];
    /** The resolved task file. */
    readonly definition: string | Uint8Array;
    /** Of the ledger; absent without privacy. */
    readonly terms: AccountTerms | undefined;
    readonly inputShape: readonly number[];
    /** Of the initial parameters. */
    readonly modelDigest: string;
  },
): readonly LeafContent[] {
  const { privacy } = task;
  const { aggregation } = plan;
  return [
    {
      kind: 'task',
      task: task.task,
      taskDigest: toHex(sha256(typeof definition === 'string' ? utf8(definition) : definition)),
      mode,
      participants: task.participants,
      rounds: plan.rounds,
      aggregation: privacy.aggregation.kind,
      privacy: privacyLeafOf(privacy, terms),
      seeded: task.simulation.seed !== undefined,
      version: PLAN_VERSION,
    },
    {
      kind: 'plan',
      planDigest: toHex(plan.digest),
      attempts: plan.attempts,
      dimension: plan.dimension,
      inputShape: [...inputShape],
      samplingRate: plan.samplingRate,
      clipNorm: plan.clipNorm,
      noiseMultiplier: plan.noise?.noiseMultiplier ?? null,
      threshold: aggregation.kind === 'secagg' ? aggregation.threshold : null,
      maxCorrupt: aggregation.kind === 'secagg' ? aggregation.maxCorrupt : null,
      ...(plan.update?.buffered === undefined ? {} : { concurrency: plan.update.buffered.concurrency }),
      event: plan.event === undefined ? null : (eventToJson(plan.event) as LeafOf<'plan'>['event']),
      modelDigest,
    },
  ];
}
