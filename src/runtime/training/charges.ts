/**
 * What a run of one party is charged for, and when: always before the data is touched for it, in the ledger and in the log
 * that shows it.
 *
 * @module
 */

import type { Rng } from '../../foundations/random/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import {
  AccountingError,
  createLedger,
  type DpEvent,
  type Ledger,
  selfComposed,
} from '../../privacy/accounting/index.ts';
import type { RunFolder } from '../storage/index.ts';
import type { TaskLog } from '../storage/tiles/index.ts';
import type { TrainingFile } from '../task/index.ts';
import type { Normalization, TaskFeatures } from './features.ts';
import type { TrainingPlan } from './plan-training.ts';
import { LEDGER_NAME } from './run-log.ts';

/** Where charges go: the ledger, and the log that shows them. */
export interface Books {
  readonly ledger: Ledger | undefined;
  readonly log: TaskLog;
}

/** Charges an event that is over as soon as it has begun. */
export async function charge({ ledger, log }: Books, event: DpEvent, purpose: string): Promise<void> {
  if (ledger === undefined) return;
  await ledger.commit(await ledger.reserve({ event, purpose }));
  await log.flush();
}

/** Opens the ledger of a run; undefined without privacy. */
export async function openLedgerIn(
  folder: RunFolder,
  { task: { task, privacy }, log }: { task: TrainingFile; log: TaskLog },
): Promise<Ledger | undefined> {
  if (privacy.trust === 'off') return undefined;
  return createLedger({
    store: await log.watch(folder.ledger(LEDGER_NAME), LEDGER_NAME),
    budget: { epsilon: privacy.epsilon, delta: privacy.delta },
    relation: privacy.relation,
    privacyUnit: privacy.privacyUnit,
    dataset: task,
    accountant: privacy.accountant,
    clock: () => new Date(),
  });
}

/** Charges steps; fewer than wanted where the budget ends, undefined where it has. */
export async function reserveSteps(
  ledger: Ledger | undefined,
  { noise }: TrainingPlan,
  { wanted, round }: { wanted: number; round: number },
): Promise<{ steps: number; commit: () => Promise<void> } | undefined> {
  if (ledger === undefined || noise === undefined || noise.charged === 'run') {
    return { steps: wanted, commit: () => Promise.resolve() };
  }
  const purpose = 'training';
  for (const steps of [wanted, ...Array.from({ length: wanted - 1 }, (_, i) => wanted - 1 - i)]) {
    try {
      const reservation = await ledger.reserve({ event: selfComposed(noise.event, steps), purpose, round });
      return { steps, commit: () => ledger.commit(reservation) };
    } catch (error) {
      if (!(error instanceof AccountingError && error.code === 'accounting/budget-exceeded')) throw error;
    }
  }
  return undefined;
}

/** The constants of a private normalization: released and charged, or read where they were released already. */
export async function normalize(
  features: TaskFeatures,
  { folder, train, rng, ...books }: Books & { folder: RunFolder; train: Dataset; rng: Rng },
): Promise<Normalization | undefined> {
  if (features.event === undefined) return undefined;
  const name = 'normalization.json';
  // Released once, public from then on.
  if (folder.has(name)) return JSON.parse(new TextDecoder().decode(folder.read(name))) as Normalization;
  await charge(books, features.event, 'normalization');
  const released = features.normalize(train, rng.fork('normalization'));
  folder.write(name, `${JSON.stringify(released)}\n`);
  return released;
}
