/**
 * Runs a task file to its summary: data, plan, run folder, ledger, hosts, rounds. The same path serves a federation in
 * one process (`federated`) and private training by one party (`single-party`), where the data is cut into shards that
 * one trusted coordinator adds up in the clear, so that the two differ in the trust model and in nothing else.
 *
 * @module
 */

import { createHash } from 'node:crypto';

import { RoundsError } from '../../federation/rounds/index.ts';
import { createSeededRng, createSystemRng, type Rng } from '../../foundations/random/index.ts';
import { type Dataset, partitionDirichlet, partitionIid } from '../../learning/data/index.ts';
import { createLedger, type Ledger } from '../../privacy/accounting/index.ts';
import { createLedgerFile, loadTaskData, type RunFolder } from '../storage/index.ts';
import { formatTaskFile, type TaskFile } from '../task/index.ts';
import { createModelState, planRun, type RunPlan } from '../training/index.ts';
import { startHosts } from './hosts.ts';
import { type AttemptReport, simulateTask } from './simulate-task.ts';
import { type RunSummary, summarize } from './summary.ts';

/** Who holds the data. */
export type RunMode = 'federated' | 'single-party';

/** What the caller is told on the way. */
export interface RunEvents {
  /** A step of the preparation begins. */
  onStep?: (step: string) => void;
  /** Everything is planned; nothing has run yet. */
  onPlan?: (run: RunPlan) => void;
  onAttempt?: (report: AttemptReport, run: RunPlan) => void;
}

/**
 * Runs a task, or goes on with one.
 * @param options - `taskFolder` that relative data folders start from; `folder` gives the run folder once the task is
 * known to be sound, so that nothing is made for a task that cannot run.
 * @throws typed errors for everything that is wrong before the first round; an attempt that fails does not throw.
 */
export async function runTask({
  task,
  mode,
  taskFolder,
  folder: openFolder,
  workers,
  signal,
  events = {},
}: {
  task: TaskFile;
  mode: RunMode;
  taskFolder: string;
  folder: () => RunFolder;
  workers: number;
  signal: AbortSignal;
  events?: RunEvents;
}): Promise<RunSummary> {
  const start = performance.now();
  events.onStep?.('reading data');
  const train = loadTaskData(task.data, { part: 'train', baseFolder: taskFolder });
  const test = loadTaskData(task.data, { part: 'test', baseFolder: taskFolder });
  events.onStep?.('planning');
  const resolved: TaskFile = mode === 'single-party' ? { ...task, participants: workers } : task;
  const run = planRun(resolved, train);
  const folder = openFolder();
  const { seed } = task.simulation;
  const root = seed === undefined ? undefined : createSeededRng(`simulation/${seed}`);
  const rng = (label: string): Rng => (root === undefined ? createSystemRng() : root.fork(label));
  const ids = Array.from({ length: resolved.participants }, (_, i) => `participant-${i + 1}`);
  const { privacy } = task;
  if (!folder.has('task.resolved.yaml')) folder.write('task.resolved.yaml', formatTaskFile(task));
  const ledger =
    privacy.trust === 'off'
      ? undefined
      : await createLedger({
          store: createLedgerFile(folder.file('ledger.jsonl')),
          budget: { epsilon: privacy.epsilon, delta: privacy.delta },
          relation: privacy.relation,
          privacyUnit: privacy.privacyUnit,
          dataset: task.task,
          accountant: privacy.accountant,
          clock: () => (seed === undefined ? new Date() : new Date(0)),
        });
  const earlier = folder.readLines('metrics.jsonl') as unknown as AttemptReport[];
  const state = createModelState({
    plan: run.plan,
    layers: run.layers,
    optimizer: task.training.optimizer,
    checkpoint: folder.has('checkpoint.safetensors') ? folder.read('checkpoint.safetensors') : undefined,
    attempts: await attemptsOf(ledger),
  });
  events.onPlan?.(run);
  events.onStep?.('starting participants');
  const hosts = await startHosts({
    task: resolved,
    seed,
    ids,
    parts: partition(resolved, mode, train),
    train,
    test,
    workers,
  });
  try {
    const outcome = await simulateTask({
      run,
      ids,
      state,
      hosts,
      ledger,
      folder,
      faults: (attempt) => rng(`faults/${attempt}`),
      coordinatorRng: (attempt) => rng(`coordinator/${attempt}`),
      signal,
      onAttempt: (report) => events.onAttempt?.(report, run),
    });
    const model = state.export({ task: task.task, rounds: String(state.round) });
    folder.write('model.safetensors', model);
    const summary = summarize({
      run,
      mode,
      outcome,
      earlier,
      epsilon: ledger?.spent().epsilon ?? 0,
      seconds: (performance.now() - start) / 1000,
      hostSeconds: hosts.seconds(),
      modelDigest: createHash('sha256').update(model).digest('hex'),
    });
    folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`);
    return summary;
  } finally {
    await hosts.close();
    folder.close();
  }
}

/** The highest attempt the ledger has charged: an interrupted one is never repeated under its number. */
async function attemptsOf(ledger: Ledger | undefined): Promise<number> {
  const report = await ledger?.verify();
  return Math.max(0, ...(report?.charges.map(({ attempt }) => attempt ?? 0) ?? []));
}

function partition(task: TaskFile, mode: RunMode, train: Dataset): readonly Uint32Array[] {
  const { participants } = task;
  if (mode === 'single-party' || task.partition.kind === 'iid') {
    return partitionIid({ size: train.size, participants }, createSeededRng(`partition/${task.partition.seed}`));
  }
  if (train.size < participants) {
    throw new RoundsError(
      'rounds/impossible-plan',
      `${train.size} examples cannot be split over ${participants} participants`,
    );
  }
  return partitionDirichlet(
    { labels: train.labels, participants, alpha: task.partition.alpha },
    createSeededRng(`partition/${task.partition.seed}`),
  );
}
