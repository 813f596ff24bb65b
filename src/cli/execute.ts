/**
 * What `run` and `train` do alike: progress, Ctrl-C, the run itself, and the summary in the form asked for.
 *
 * @module
 */

import { type RunSummary, runTask, type StageWork } from '../runtime/simulation/index.ts';
import type { RunFolder } from '../runtime/storage/index.ts';
import type { TaskFile } from '../runtime/task/index.ts';
import type { RunPlan } from '../runtime/training/index.ts';
import { createBudgetNotes } from './budget-notes.ts';
import { adviseOnMasks } from './mask-advice.ts';
import { createProgress, formatSeconds, type Work } from './progress.ts';
import { type RunOptions, workersOf } from './run-options.ts';
import { startRunPage } from './run-page.ts';
import { formatSummary } from './summary-text.ts';

/** Runs a task and prints its summary. */
export async function execute({
  task,
  taskFolder,
  folder,
  options,
  workers = workersOf(options),
}: {
  task: TaskFile;
  taskFolder: string;
  folder: () => RunFolder;
  options: RunOptions;
  workers?: number;
}): Promise<void> {
  const progress = createProgress({ quiet: options.quiet === true });
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
    progress.note('stopping after this round; press Ctrl-C again to stop at once');
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  const { mode } = task.simulation;
  const path = options.out ?? options.resume ?? '';
  if (task.privacy.trust === 'off') progress.note('NOT PRIVATE: this task has trust: off. IT PROTECTS NOBODY.');
  if (task.simulation.seed !== undefined) {
    progress.note('SEEDED: REPRODUCIBLE TO THE BIT, AND THEREFORE WITHOUT ANY PRIVACY GUARANTEE.');
  }
  const page =
    options.page === false || options.json === true || options.quiet === true
      ? undefined
      : await startRunPage({ task });
  let summary: RunSummary | undefined;
  let tellBudget = (_epsilon: number): void => {};
  try {
    summary = await runTask({
      task,
      taskFolder,
      folder,
      workers,
      signal: stop.signal,
      events: {
        ...page?.events,
        onStep: (step) => {
          progress.step(step);
          page?.events.onStep?.(step);
        },
        onPlan: (run) => {
          // A task that cannot run has nothing to watch.
          if (page !== undefined) progress.note(`watch it live: ${page.url}`);
          const { plan } = run;
          page?.events.onPlan?.(run);
          tellBudget = createBudgetNotes(plan.budget, (line) => progress.note(line));
          const noise =
            plan.noise === undefined
              ? 'no noise'
              : `noise multiplier ${plan.noise.noiseMultiplier.toFixed(3)}, ${calibratedFor(run)}`;
          progress.note(
            `${task.task}: ${mode === 'federated' ? `${task.participants} participants` : 'one party'}, ` +
              `${plan.dimension.toLocaleString('en')} parameters, ${plan.rounds} rounds, ${noise}, ring of ${plan.bitWidth} bits`,
          );
          const advice = adviseOnMasks(plan);
          if (advice !== undefined) progress.note(advice);
        },
        onStarted: (done, of) => progress.work({ what: 'participants ready', done, of }),
        onWork: (work) => progress.work(workOf(work)),
        onAttempt: (report, run) => {
          progress.attempt(report, { rounds: run.plan.rounds, epsilon: run.plan.budget?.epsilon });
          tellBudget(report.epsilon ?? 0);
          page?.events.onAttempt?.(report, run);
        },
      },
    });
    progress.end();
    if (options.json === true) process.stdout.write(`${JSON.stringify(summary, undefined, 2)}\n`);
    else process.stdout.write(`${formatSummary(summary, { folder: path })}\n`);
    if (summary.ended === 'budget-spent') process.exitCode = 30;
    if (summary.ended === 'stopped') {
      process.exitCode = 130;
      console.error(`stopped after ${formatSeconds(summary.secondsTotal)}; go on with: sotto run --resume ${path}`);
    }
  } finally {
    await page?.end(summary);
    progress.end();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** What participants do in a stage, for people. */
const STAGE_WORK: Readonly<Record<string, string>> = {
  advertiseKeys: 'keys made',
  drawGraph: 'neighbors drawn',
  shareKeys: 'secrets shared',
  maskedInput: 'trained and masked',
  consistency: 'survivors signed',
  unmask: 'masks opened',
  input: 'trained',
};

function workOf({ round, stage, done, asked }: StageWork): Work {
  return { what: `round ${round}, ${STAGE_WORK[stage] ?? stage}`, done, of: asked };
}

/** What the noise was made for. */
function calibratedFor({ task: { privacy }, plan }: RunPlan): string {
  return privacy.trust === 'local'
    ? `ε ${privacy.epsilonPerRound} a round, ${plan.epsilonAtEnd.toFixed(2)} in all at δ ${plan.budget?.delta}`
    : `calibrated for ${plan.charges} attempts`;
}
