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
import type { Ledger } from '../../privacy/accounting/index.ts';
import type { RunFolder } from '../storage/index.ts';
import type { TaskLog } from '../storage/tiles/index.ts';
import { formatTaskFile, TaskError, type TaskFile } from '../task/index.ts';
import {
  createModelState,
  LEDGER_NAME,
  openRunLog,
  planRun,
  readTaskData,
  recordEarlier,
  recordRelease,
  recordStart,
  type RunPlan,
  openTaskLedger,
} from '../training/index.ts';
import { assertFits, assertLabelsFit } from '../../learning/models/index.ts';
import { PLAN_FILE, plannedFacts, type StageLog } from '../view/index.ts';
import { startAssistants } from './assistants.ts';
import { openCohorts } from './cohorts.ts';
import { type HostThreads, startHosts, startHostThreads } from './hosts.ts';
import { certifyParticipants } from './identities.ts';
import type { StageWork } from './simulate-round.ts';
import { type AttemptReport, simulateTask } from './simulate-task.ts';
import { type RunSummary, summarize } from './summary.ts';

/** Who holds the data. */
export type RunMode = TaskFile['simulation']['mode'];

/** Shards of a single party's data, whatever the number of workers: the plan must not depend on the machine. */
const SINGLE_PARTY_SHARDS = 4;

/** What the caller is told on the way. */
export interface RunEvents {
  /** A step of the preparation begins. */
  onStep?: (step: string) => void;
  /** Everything is planned; nothing has run yet. */
  onPlan?: (run: RunPlan) => void;
  onAttempt?: (report: AttemptReport, run: RunPlan) => void;
  /** Attempts of an earlier part of the run, before it goes on. */
  onEarlier?: (reports: readonly AttemptReport[], folder: RunFolder) => void;
  /** An attempt opens; its log changes until it is over. */
  onOpen?: (log: StageLog) => void;
  /** The open attempt's log has changed. */
  onProgress?: () => void;
  /** Participants that have their data and features, of all. */
  onStarted?: (started: number, participants: number) => void;
  /** A participant is done with what a stage asks of it. */
  onWork?: (work: StageWork) => void;
}

/** What is run, and how. */
export interface RunOptions {
  readonly task: TaskFile;
  /** Relative data folders start from it. */
  readonly taskFolder: string;
  /** Gives the run folder once the task is known to be sound, so that nothing is made for a task that cannot run. */
  readonly folder: () => RunFolder;
  /** Worker threads. */
  readonly workers: number;
  readonly signal: AbortSignal;
  readonly events?: RunEvents;
}

/**
 * Runs a task, or goes on with one.
 * @throws typed errors for everything that is wrong before the first round; an attempt that fails does not throw.
 */
export async function runTask(options: RunOptions): Promise<RunSummary> {
  const { simulation, participants } = options.task;
  const parties = simulation.mode === 'single-party' ? SINGLE_PARTY_SHARDS : participants;
  // They load their code while the data is read and the plan is made.
  const threads = startHostThreads(Math.min(options.workers, parties));
  try {
    return await runOn(threads, options);
  } finally {
    await threads.close();
  }
}

async function runOn(
  threads: HostThreads,
  { task, taskFolder, folder: openFolder, signal, events = {} }: RunOptions,
): Promise<RunSummary> {
  const start = performance.now();
  events.onStep?.('reading data');
  const train = await readTaskData(task, { part: 'train', baseFolder: taskFolder });
  const test = await readTaskData(task, { part: 'test', baseFolder: taskFolder });
  events.onStep?.('planning');
  const { mode } = task.simulation;
  const resolved: TaskFile = mode === 'single-party' ? { ...task, participants: SINGLE_PARTY_SHARDS } : task;
  const run = planRun(resolved, train);
  assertDataFits(run, { train, test });
  const parts = partition(resolved, mode, train);
  const folder = openFolder();
  try {
    return await runIn(folder);
  } finally {
    folder.close();
  }

  async function runIn(folder: RunFolder): Promise<RunSummary> {
    const { seed } = task.simulation;
    const root = seed === undefined ? undefined : createSeededRng(`simulation/${seed}`);
    const rng = (label: string): Rng => (root === undefined ? createSystemRng() : root.fork(label));
    const ids = Array.from({ length: resolved.participants }, (_, i) => `participant-${i + 1}`);
    if (!folder.has('task.resolved.yaml')) folder.write('task.resolved.yaml', formatTaskFile(task));
    const clock = (): Date => (seed === undefined ? new Date() : new Date(0));
    const log = await openRunLog(folder, { task: task.task, clock });
    const ledger = await openTaskLedger(run, {
      store: () => log.watch(folder.ledger(LEDGER_NAME), LEDGER_NAME),
      clock,
    });
    const earlier = folder.readLines('metrics.jsonl') as unknown as AttemptReport[];
    const state = createModelState({
      plan: run.plan,
      layers: run.layers,
      personal: run.personal,
      optimizer: task.training.optimizer,
      checkpoint: folder.has('checkpoint.safetensors') ? folder.read('checkpoint.safetensors') : undefined,
      attempts: await attemptsOf(ledger, log),
    });
    events.onPlan?.(run);
    events.onEarlier?.(earlier, folder);
    folder.write(PLAN_FILE, `${JSON.stringify(plannedFacts(task, run.plan))}\n`, { durable: false });
    await recordStart(log, {
      run,
      mode,
      state,
      terms: ledger?.terms[0],
      folder,
      data: { train, test },
      inputShape: train.inputShape,
    });
    recordEarlier(log, earlier as unknown as Record<string, unknown>[]);
    await log.flush();
    const cohorts = openCohorts({ plan: run.plan, ids, folder, log });
    events.onStep?.('starting participants');
    const assistants = await startAssistants({ plan: run.plan, taskId: run.taskId, ids }, rng('assistants'));
    const identities = certifyParticipants({ plan: run.plan, taskId: run.taskId, ids }, rng('identities'));
    const hosts = await startHosts({
      task: resolved,
      seed,
      ids,
      parts,
      train,
      test,
      threads: threads.threads,
      assistants,
      identities,
      onStarted: (started) => events.onStarted?.(started, ids.length),
    });
    const outcome = await simulateTask({
      run,
      ids,
      state,
      hosts,
      assistants,
      ledger,
      cohorts,
      startMs: Math.max(0, ...earlier.map(({ virtualEndMs = 0 }) => virtualEndMs)),
      chargedBefore: (await ledger?.verify())?.charges.length ?? 0,
      log,
      folder,
      faults: (attempt) => rng(`faults/${attempt}`),
      coordinatorRng: (attempt) => rng(`coordinator/${attempt}`),
      signal,
      onAttempt: (report) => events.onAttempt?.(report, run),
      onOpen: (log) => events.onOpen?.(log),
      onProgress: () => events.onProgress?.(),
      onWork: (work) => events.onWork?.(work),
    });
    const model = state.export({ task: task.task, rounds: String(state.round) });
    folder.write('model.safetensors', model);
    const summary = summarize({
      run,
      mode,
      outcome,
      earlier,
      attempts: state.attempts,
      epsilon: ledger?.spent().epsilon ?? 0,
      seconds: (performance.now() - start) / 1000,
      hostSeconds: hosts.seconds(),
      modelDigest: createHash('sha256').update(model).digest('hex'),
    });
    folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`);
    await recordRelease(log, { folder, state, ids, cohortOf: (attempt) => cohorts.of(attempt) });
    return summary;
  }
}

/** The highest attempt that was charged or opened: an interrupted one is never repeated under its number. */
async function attemptsOf(ledger: Ledger | undefined, log: TaskLog): Promise<number> {
  const report = await ledger?.verify();
  const charged = report?.charges.map(({ attempt }) => attempt ?? 0) ?? [];
  const opened = log.leaves.flatMap((leaf) => (leaf.kind === 'round-opened' ? [leaf.attempt] : []));
  return Math.max(0, ...charged, ...opened);
}

/** Checks both parts of the data against each other and the model, before anything is made or charged. */
function assertDataFits({ layers, prepare }: RunPlan, { train, test }: { train: Dataset; test: Dataset }): void {
  if (train.inputShape.join() !== test.inputShape.join()) {
    throw new TaskError(
      'task/data',
      `training examples have shape ${train.inputShape.join(' × ')}, test examples ${test.inputShape.join(' × ')}`,
    );
  }
  for (const dataset of [train, test]) {
    if (dataset.size === 0) throw new TaskError('task/data', 'the data has no examples');
    assertFits(layers, prepare(dataset.subset([0])), { labels: false });
    assertLabelsFit(layers, dataset);
  }
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
