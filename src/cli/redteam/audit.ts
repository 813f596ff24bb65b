/**
 * `sotto redteam audit TASK`: one training with canaries, and the lower bound on ε that guesses of their coins prove.
 *
 * @module
 */

import { createSystemRng, type Rng } from '../../foundations/random/index.ts';
import {
  auditOneRun,
  computeExampleLosses,
  type ExampleCanaryKind,
  type OneRunAudit,
  plantExampleCanaries,
  plantGradientCanaries,
  type RedteamReport,
} from '../../redteam/index.ts';
import { rehearseTraining } from '../../runtime/training/index.ts';
import { UsageError } from '../exit-codes.ts';
import { formatNumber } from '../privacy/table.ts';
import type { Progress } from '../progress.ts';
import { readTrainingTask } from '../run-options.ts';
import { type AttackOptions, confidenceOption, countOption, openStage, progressOf, type Stage, tell } from './stage.ts';

/** Options as commander hands them over. */
export interface AuditOptions extends AttackOptions {
  readonly canaries: string;
  readonly canary: 'gradient' | ExampleCanaryKind;
  readonly confidence: string;
  readonly delta?: string;
  readonly data?: string;
  readonly rounds?: string;
  readonly epsilon?: string;
}

const SEEN: Readonly<Record<AuditOptions['canary'], string>> = {
  gradient: 'white box: every step’s noisy sum, and all but the coins known',
  mislabelled: 'black box: the loss of the finished model on mislabelled examples',
  scrambled: 'black box: the loss of the finished model on examples that look like no other',
};

const LIMITS = [
  'A lower bound is no proof of privacy: a better attack might show more. What holds from above is the ledger’s ε.',
  'It speaks of this task, this code and this machine, not of what a modified program would do.',
  'With the stated confidence it is right; so of many audits of correct runs a few refute what is true.',
  'A black-box audit of a private model usually shows little: it sees the end of training only.',
];

/** Runs the command; `rehearse` is what trains. */
export async function runAudit(path: string, options: AuditOptions, rehearse = rehearseTraining): Promise<void> {
  const canaries = countOption(options.canaries, '--canaries', { min: 10, max: 1_000_000 });
  const confidence = confidenceOption(options.confidence);
  const task = readTrainingTask(path, options);
  const { privacy } = task;
  const delta = privacy.trust === 'off' ? deltaOption(options.delta ?? '1e-5') : privacy.delta;
  if (privacy.trust !== 'off' && options.delta !== undefined) {
    throw new UsageError('--delta is for tasks without privacy: this one claims its ε at its own delta');
  }
  const progress = progressOf(options);
  try {
    const stage = await openStage(task, { options, progress });
    const { scores, coins } = await attack(
      stage,
      { kind: options.canary, canaries, progress, rehearse },
      createSystemRng(),
    );
    progress.end();
    const audit = auditOneRun({ scores, coins, delta, confidence, claimed: stage.claimed });
    await tell(
      { task: task.task, canary: options.canary, steps: task.training.rounds, ...audit },
      {
        options,
        text: textOf(audit, { task: task.task, options }),
        report: reportOf(audit, { task: task.task, options, scores, coins }),
      },
    );
    if (audit.refuted) process.exitCode = 1;
  } finally {
    progress.end();
  }
}

function deltaOption(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new UsageError(`--delta must be a number in (0, 1), got ${text}`);
}

/** Trains once with canaries and scores them. */
async function attack(
  stage: Stage,
  {
    kind,
    canaries,
    progress,
    rehearse,
  }: {
    kind: AuditOptions['canary'];
    canaries: number;
    progress: Progress;
    rehearse: typeof rehearseTraining;
  },
  rng: Rng,
): Promise<{ scores: Float64Array; coins: Uint8Array }> {
  const { plan, start, train } = stage;
  const { training } = plan.task;
  const onStep = (step: number): void => {
    if (step % 10 === 0 || step === training.rounds) progress.step(`step ${step} of ${training.rounds}`);
  };
  const engine = await stage.openEngine();
  try {
    const from = start.parameters;
    if (kind === 'gradient') {
      const dataset = await stage.extract(train);
      const planted = plantGradientCanaries({ ...training, engine, dataset, canaries }, rng.fork('canaries'));
      const watching = { engine: planted.engine, dataset: planted.dataset, watch: planted.watch };
      await rehearse(plan, { ...watching, start: from, onStep }, rng.fork('training'));
      return { scores: planted.scores(), coins: planted.coins };
    }
    const { layers } = plan;
    const classes =
      layers.loss === 'softmaxCrossEntropy' ? layers.outputWidth : layers.loss === 'binaryCrossEntropy' ? 2 : 0;
    const planted = plantExampleCanaries(train, { kind, canaries, classes }, rng.fork('canaries'));
    const dataset = await stage.extract(planted.dataset);
    const examples = await stage.extract(planted.canaries);
    const parameters = await rehearse(plan, { engine, dataset, start: from, onStep }, rng.fork('training'));
    const lossesAt = async (at: Float32Array): Promise<Float64Array> =>
      computeExampleLosses({
        ...layers,
        outputs: await engine.predict({ parameters: at, dataset: examples }),
        labels: examples.labels,
      });
    const [before, after] = [await lossesAt(from), await lossesAt(parameters)];
    return { scores: before.map((loss, i) => loss - (after[i] as number)), coins: planted.coins };
  } finally {
    await engine.close();
  }
}

/** The finding in one sentence. */
function verdictOf({ claimed, epsilonLower, epsilonDetectable, confidence }: OneRunAudit): string {
  const bound = `ε ≥ ${formatNumber(epsilonLower, 'down')} (confidence ${confidence})`;
  if (claimed === null) return `NOT PRIVATE: nothing is claimed; this run shows ${bound}`;
  const claim = `claimed ε = ${formatNumber(claimed, 'up')}`;
  if (epsilonLower > claimed) return `REFUTED: ${claim}, but this run shows ${bound}`;
  const blunt = epsilonDetectable <= claimed ? `; so few canaries could not have refuted it: take more` : '';
  return `not refuted: ${claim}, this run shows ${bound}${blunt}`;
}

function rowsOf(audit: OneRunAudit, kind: AuditOptions['canary']): string[][] {
  const best = audit.outcomes.reduce((most, each) => (each.epsilonLower > most.epsilonLower ? each : most));
  return [
    ['claimed', audit.claimed === null ? 'nothing' : `ε = ${formatNumber(audit.claimed, 'up')} at δ = ${audit.delta}`],
    ['shown', `ε ≥ ${formatNumber(audit.epsilonLower, 'down')} at δ = ${audit.delta}, confidence ${audit.confidence}`],
    ...(audit.claimed === null
      ? []
      : [['tightness', `${((100 * audit.epsilonLower) / audit.claimed).toFixed(0)} % of the claim`]]),
    ['best guesses', `${best.correct} of ${best.guesses} right (${best.in} in, ${best.out} out)`],
    ...(audit.pValue === null ? [] : [['chance under the claim', `at most ${formatNumber(audit.pValue, 'up')}`]]),
    ['could have shown', `ε ≥ ${formatNumber(audit.epsilonDetectable, 'down')}, had every guess been right`],
    ['canaries', `${audit.canaries}, each in by a fair coin`],
    ['attacker saw', SEEN[kind]],
    ['kept', 'no model, no ledger entry, no run: it holds canaries and is not to be released'],
  ];
}

function textOf(audit: OneRunAudit, { task, options }: { task: string; options: AuditOptions }): string {
  const rows = rowsOf(audit, options.canary);
  const width = Math.max(...rows.map(([name = '']) => name.length));
  const lines = rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}  ${value}`);
  return [`${task}: ${verdictOf(audit)}`, ...lines, '  a lower bound is no proof: see docs/redteam.md'].join('\n');
}

function reportOf(
  audit: OneRunAudit,
  { task, options, scores, coins }: { task: string; options: AuditOptions; scores: Float64Array; coins: Uint8Array },
): RedteamReport {
  return {
    title: `Audit of ${task}`,
    verdict: verdictOf(audit),
    alarm: audit.refuted || audit.claimed === null,
    tables: [
      { heading: 'Finding', head: ['', ''], rows: rowsOf(audit, options.canary) },
      {
        heading: 'Ways of guessing',
        head: ['guessed in', 'guessed out', 'right', 'ε refuted'],
        rows: audit.outcomes.map((each) => [
          `${each.in}`,
          `${each.out}`,
          `${each.correct} of ${each.guesses}`,
          formatNumber(each.epsilonLower, 'down'),
        ]),
      },
    ],
    figures: [
      { kind: 'scores', scores, coins },
      { kind: 'bounds', audit },
    ],
    limits: LIMITS,
  };
}
