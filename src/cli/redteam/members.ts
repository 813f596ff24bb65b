/**
 * `sotto redteam members RUN`: whether a finished model tells which examples it was trained on.
 *
 * @module
 */

import { join } from 'node:path';

import { createSystemRng, type Rng } from '../../foundations/random/index.ts';
import { type Dataset, joinDatasets } from '../../learning/data/index.ts';
import {
  type Answers,
  type AttackRates,
  attackByCalibration,
  attackByThreshold,
  boundTpr,
  calibrateScores,
  computeExampleLosses,
  confidencesOf,
  drawShadow,
  LOW_FPRS,
  type MembershipAttack,
  type MembershipData,
  type Rate,
  type RedteamReport,
  type Shadow,
} from '../../redteam/index.ts';
import { readFileOf } from '../../runtime/storage/index.ts';
import { parseTrainingFile, type TrainingFile } from '../../runtime/task/index.ts';
import { planTraining, readTaskData, rehearseTraining } from '../../runtime/training/index.ts';
import { type AnsweringModel, guaranteeOf, openTrainedModel, type RegressionModel } from '../answering.ts';
import { UsageError } from '../exit-codes.ts';
import { formatTable } from '../privacy/table.ts';
import type { Progress } from '../progress.ts';
import { type AttackOptions, confidenceOption, countOption, drawRows, openStage, progressOf, tell } from './stage.ts';

/** Options as commander hands them over. */
export interface MembersOptions extends AttackOptions {
  readonly members?: string;
  readonly others?: string;
  readonly shadows: string;
  readonly most: string;
  readonly confidence: string;
}

const LIMITS = [
  'A weak attack proves nothing: another may do better. The threshold attacks are weak; shadow models sharpen them.',
  'Members and others were not chosen by coins: what sets the two groups apart besides training shows as membership.',
  'Examples of one run are no independent runs: these rates do not bound ε. sotto redteam audit does.',
  'Rates at low false positive rates need many examples: read their intervals.',
];

/** Runs the command. */
export async function runMembers(run: string, options: MembersOptions): Promise<void> {
  const shadows = countOption(options.shadows, '--shadows', { min: 0, max: 1024 });
  const most = countOption(options.most, '--most', { min: 100 });
  const confidence = confidenceOption(options.confidence);
  if (shadows > 0 && (options.members !== undefined || options.others !== undefined)) {
    throw new UsageError('--shadows trains on the data of the task: leave out --members and --others');
  }
  const progress = progressOf(options);
  try {
    const model = openTrainedModel(run);
    const path = join(run, 'task.resolved.yaml');
    const text = new TextDecoder().decode(readFileOf(path, 'task file'));
    const read = async (part: 'train' | 'test', folder: string | undefined): Promise<Dataset> =>
      folder === undefined
        ? readTaskData(parseTrainingFile(text, { path }), { part, baseFolder: run })
        : model.load(part, folder);
    progress.step('reading data');
    const rng = createSystemRng();
    const pick = (whole: Dataset): Picked => ({ whole, rows: drawRows(whole.size, most, rng) });
    const picked = {
      members: pick(await read('train', options.members)),
      others: pick(await read('test', options.others)),
    };
    progress.step('asking the model');
    const data: MembershipData = { members: ask(model, picked.members), nonMembers: ask(model, picked.others) };
    const attacks = attackByThreshold(data, { confidence });
    if (shadows > 0) {
      const target = [data.members, data.nonMembers].map((answers) => confidencesOf(computeExampleLosses(answers)));
      const task = parseTrainingFile(text, { path });
      const trained = await trainShadows(task, { run, picked, shadows, options, progress }, rng);
      const scores = calibrateScores(Float64Array.from([...(target[0] ?? []), ...(target[1] ?? [])]), trained);
      const { length } = picked.members.rows;
      attacks.push(
        attackByCalibration({ members: scores.slice(0, length), nonMembers: scores.slice(length) }, data, {
          confidence,
        }),
      );
    }
    progress.end();
    const { promise } = model;
    await tell(
      { model: model.name, digest: model.digest, promise, shadows, confidence, attacks },
      { options, text: textOf(attacks, model), report: reportOf(attacks, { model, shadows }) },
    );
  } finally {
    progress.end();
  }
}

interface Picked {
  readonly whole: Dataset;
  readonly rows: Uint32Array;
}

function ask(model: AnsweringModel | RegressionModel, { whole, rows }: Picked): Answers {
  const examples = whole.subset(rows);
  return {
    loss: model.loss,
    outputWidth: model.outputWidth,
    outputs: model.outputs(examples),
    labels: examples.labels,
  };
}

/** Trains shadow models as the task trains, each on one half of everything by coins, and asks them about what was picked. */
async function trainShadows(
  task: TrainingFile,
  {
    run,
    picked: { members, others },
    shadows,
    options,
    progress,
  }: {
    run: string;
    picked: { members: Picked; others: Picked };
    shadows: number;
    options: MembersOptions;
    progress: Progress;
  },
  rng: Rng,
): Promise<Shadow[]> {
  const stage = await openStage(task, { options, progress, baseFolder: run });
  const pool = await stage.extract(joinDatasets(members.whole, others.whole));
  const asked = Uint32Array.from([...members.rows, ...others.rows.map((row) => row + members.whole.size)]);
  const { training } = task;
  // The same rate draws fewer of a half: the public divisor follows.
  const expectedBatchSize = (training.expectedBatchSize * pool.size) / 2 / members.whole.size;
  const { layers } = stage.plan;
  const half = planTraining(
    { ...task, training: { ...training, expectedBatchSize } },
    { input: pool.inputShape, normalization: undefined },
  );
  const engine = await stage.openEngine();
  try {
    const trained: Shadow[] = [];
    for (let i = 1; i <= shadows; i += 1) {
      progress.step(`shadow model ${i} of ${shadows}`);
      const drawn = drawShadow(pool.size, rng.fork(`coins of shadow ${i}`));
      const dataset = pool.subset(Array.from({ length: pool.size }, (_, row) => row).filter((row) => drawn[row] === 1));
      const start = stage.start.parameters;
      const parameters = await rehearseTraining(half, { engine, dataset, start }, rng.fork(`shadow ${i}`));
      const examples = pool.subset(asked);
      const outputs = await engine.predict({ parameters, dataset: examples });
      const confidences = confidencesOf(computeExampleLosses({ ...layers, outputs, labels: examples.labels }));
      trained.push({ saw: Uint8Array.from(asked, (row) => drawn[row] as number), confidences });
    }
    return trained;
  } finally {
    await engine.close();
  }
}

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
const rateOf = ({ value, interval: [low, high] }: Rate): string =>
  `${percent(value)} (${percent(low)}–${percent(high)})`;
const HEAD = ['attack', 'AUC', 'advantage', ...LOW_FPRS.map((fpr) => `TPR at FPR ${percent(fpr)}`)];

function cellsOf(name: string, { auc, advantage, atLowFpr }: AttackRates): string[] {
  return [name, auc.toFixed(4), percent(advantage), ...atLowFpr.map(({ tpr }) => rateOf(tpr))];
}

/** What the promise of the model allows any attack. */
function allowedBy({ promise }: AnsweringModel | RegressionModel): string[] {
  if (promise === null || promise.privacyUnit !== 'example') return [];
  const { epsilon, delta } = promise;
  const best = (Math.exp(epsilon) - 1 + 2 * delta) / (Math.exp(epsilon) + 1);
  return [
    'allowed by the ε of the model',
    '–',
    percent(best),
    ...LOW_FPRS.map((fpr) => percent(boundTpr(fpr, promise))),
  ];
}

function rowsOf(attacks: readonly MembershipAttack[], model: AnsweringModel | RegressionModel): string[][] {
  const allowed = allowedBy(model);
  return [...attacks.map(({ name, all }) => cellsOf(name, all)), ...(allowed.length === 0 ? [] : [allowed])];
}

function verdictOf(attacks: readonly MembershipAttack[]): string {
  const best = attacks.reduce((most, each) => (each.all.auc > most.all.auc ? each : most));
  return `the ${best.name} attack tells a member from another with AUC ${best.all.auc.toFixed(3)}; 0.5 is blind guessing`;
}

function textOf(attacks: readonly MembershipAttack[], model: AnsweringModel | RegressionModel): string {
  const { members, nonMembers } = (attacks[0] as MembershipAttack).all;
  return [
    `${model.name}: ${verdictOf(attacks)}`,
    formatTable(HEAD, rowsOf(attacks, model)),
    `  measured on ${members} members and ${nonMembers} others; training: ${guaranteeOf(model)}`,
    '  a weak attack proves nothing: see docs/redteam.md',
  ].join('\n');
}

function reportOf(
  attacks: readonly MembershipAttack[],
  { model, shadows }: { model: AnsweringModel | RegressionModel; shadows: number },
): RedteamReport {
  const names = model.kind === 'classifier' ? model.classNames : [];
  return {
    title: `Membership inference against ${model.name}`,
    verdict: verdictOf(attacks),
    alarm: attacks.some(({ all }) => all.auc > 0.6),
    tables: [
      { heading: 'Attacks', head: HEAD, rows: rowsOf(attacks, model) },
      {
        heading: 'Training',
        head: ['', ''],
        rows: [
          ['promise', guaranteeOf(model)],
          ['shadow models', `${shadows}`],
        ],
      },
      ...attacks
        .filter(({ classes }) => classes.length > 0)
        .map((attack) => ({
          heading: `Classes, ${attack.name} attack`,
          head: ['class', ...HEAD.slice(1)],
          rows: attack.classes.map((slice) => cellsOf(names[slice.class] ?? `${slice.class}`, slice.rates)),
        })),
    ],
    figures: [{ kind: 'roc', curves: attacks.map(({ name, all }) => ({ name, rates: all })) }],
    limits: LIMITS,
  };
}
