/**
 * `sotto evaluate RUN`: how good a model is, on public data exactly, on private data with noise and a charge, or over the
 * data of several participants through the secure sum.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Command, Option } from 'commander';

import { createSystemRng } from '../foundations/random/index.ts';
import { partitionIid } from '../learning/data/index.ts';
import {
  computeExactClassification,
  computeExactRegression,
  computeMetrics,
  computeTally,
  describeProtection,
  evaluateFederated,
  evaluatePrivately,
  type EvaluationMetrics,
  type EvaluationReport,
  planFederatedEvaluation,
  type Protection,
  renderEvaluationPage,
  summaryRows,
  type TallyLayout,
} from '../learning/answers/index.ts';
import { createLedger, type Ledger, openLedger } from '../privacy/accounting/index.ts';
import { createLedgerFile, writeFileAtomic } from '../runtime/storage/index.ts';
import { type AnsweringModel, guaranteeOf, openTrainedModel, type RegressionModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';
import { integerOption } from './mpc.ts';
import { openTestData, type TestData, type TestDataOptions } from './test-data.ts';

interface EvaluateOptions extends TestDataOptions {
  readonly bins: string;
  readonly errorBound?: string;
  readonly targetMin?: string;
  readonly targetMax?: string;
  readonly private?: boolean;
  readonly epsilon?: string;
  readonly delta: string;
  readonly budget?: string;
  readonly ledger?: string;
  readonly participants?: string;
  readonly aggregation: 'secagg' | 'shares';
  readonly out?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createEvaluateCommand(): Command {
  return new Command('evaluate')
    .description('Measure a model: exactly on public data, with noise and a charge on private data, or federated.')
    .argument('<run>', 'run folder with model.safetensors')
    .option('--data <folder>', 'folder with an IDX test set (default: the test data of the run’s task)')
    .option('--rows <file>', 'rows of a table (CSV, JSON lines, Parquet), for models that say how they read them')
    .option('--label <column>', 'with --rows: the column that says what is right')
    .option('--text-column <column>', 'with --rows, for models of texts', 'text')
    .option('--separator <character>', 'between the cells of a CSV file', ',')
    .option('--groups <file>', 'one group name a line, in the order of the examples, to compare groups')
    .option('--group-by <column>', 'with --rows: compare groups by a category that the model knows')
    .option('--bins <count>', 'cells of scores where counts are protected: fewer carry less noise', '20')
    .option('--error-bound <number>', 'regression, protected: errors count up to this')
    .option('--target-min <number>', 'regression, protected: targets lie above this')
    .option('--target-max <number>', 'regression, protected: targets lie below this')
    .option('--private', 'the test data is private: noise is added, and --ledger charged')
    .option('--epsilon <number>', 'what this evaluation may cost')
    .option('--delta <number>', 'at this delta', '1e-6')
    .option('--budget <number>', 'budget of the test data when its ledger is new')
    .option('--ledger <file>', 'ledger of the test data')
    .option('--participants <count>', 'split the test data over so many participants and open the sum of counts alone')
    .addOption(
      new Option('--aggregation <kind>', 'how the sum is formed').choices(['secagg', 'shares']).default('secagg'),
    )
    .option('--out <folder>', 'folder for report.html and report.json (default: RUN/evaluation)')
    .option('--json', 'print the report as JSON, and nothing else, on standard output')
    .action((run: string, options: EvaluateOptions) => evaluate(run, options));
}

function numberOption(text: string | undefined, name: string): number {
  const value = Number(text);
  if (text === undefined || !(value > 0 && value < Infinity)) {
    throw new UsageError(`${name} must be a number > 0, got ${text ?? 'nothing'}`);
  }
  return value;
}

type Target = { readonly epsilon: number; readonly delta: number };

async function evaluate(run: string, options: EvaluateOptions): Promise<void> {
  if (options.private !== true && options.participants === undefined && options.epsilon !== undefined) {
    throw new UsageError('--epsilon goes with --private or --participants: public data is not charged');
  }
  if (options.private === true && options.participants !== undefined) {
    throw new UsageError(
      '--private is for one data holder: with --participants, --epsilon puts the noise into the sum',
    );
  }
  const target =
    options.private === true || options.epsilon !== undefined
      ? { epsilon: numberOption(options.epsilon, '--epsilon'), delta: numberOption(options.delta, '--delta') }
      : undefined;
  if (target !== undefined) assertLedger(options);
  const model = openTrainedModel(run);
  const data = openTestData(model, options);
  const measured = await measure({ options, target, model, data });
  const report: EvaluationReport = {
    model: model.name,
    data: data.name,
    protection: measured.protection,
    classNames: model.kind === 'classifier' ? model.classNames : [],
    groupNames: data.groupNames,
    metrics: measured.metrics,
    about: [['training', guaranteeOf(model)]],
  };
  const out = options.out ?? join(run, 'evaluation');
  mkdirSync(out, { recursive: true });
  const json = JSON.stringify(report, undefined, 2);
  writeFileAtomic(join(out, 'report.json'), `${json}\n`);
  writeFileAtomic(join(out, 'report.html'), await renderEvaluationPage(report));
  if (options.json === true) {
    process.stdout.write(`${json}\n`);
    return;
  }
  const rows = [
    ...summaryRows(report),
    ['protection', describeProtection(report.protection)],
    ['training', guaranteeOf(model)],
    ['report', join(out, 'report.html')],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  process.stdout.write(
    `${basename(run)}: ${model.name}\n${rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}  ${value}`).join('\n')}\n`,
  );
}

/** What is counted where counts are protected, or added up. */
function layoutOf(
  model: AnsweringModel | RegressionModel,
  { options, groups, scoresOfAll }: { options: EvaluateOptions; groups: number; scoresOfAll: boolean },
): TallyLayout {
  if (model.kind === 'classifier') {
    const bins = integerOption(options.bins, '--bins', { min: 2, max: 4096 });
    if (bins % 2 !== 0) throw new UsageError('--bins must be even, so that one half is an edge');
    return { kind: 'classification', classes: model.classes, groups, bins, scoresOfAll };
  }
  const bound = (text: string | undefined, name: string): number => {
    const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value)) return value;
    throw new UsageError(
      `${name} must be a number, known without looking at the data: sums are protected within bounds`,
    );
  };
  const [targetMin, targetMax] = [bound(options.targetMin, '--target-min'), bound(options.targetMax, '--target-max')];
  if (!(targetMin < targetMax)) throw new UsageError('--target-min must be below --target-max');
  return {
    kind: 'regression',
    groups,
    errorBound: numberOption(options.errorBound, '--error-bound'),
    targetMin,
    targetMax,
  };
}

async function measure({
  options,
  target,
  model,
  data,
}: {
  options: EvaluateOptions;
  target: Target | undefined;
  model: AnsweringModel | RegressionModel;
  data: TestData;
}): Promise<{ metrics: EvaluationMetrics; protection: Protection }> {
  const groups = Math.max(1, data.groupNames.length);
  if (target === undefined && options.participants === undefined) {
    const predictions = await data.predict();
    const metrics =
      model.kind === 'regression'
        ? computeExactRegression(predictions, { groups })
        : computeExactClassification(predictions, {
            kind: 'classification',
            classes: model.classes,
            groups,
            bins: 20,
            scoresOfAll: false,
          });
    return { metrics, protection: { kind: 'public' } };
  }
  const layout = layoutOf(model, { options, groups, scoresOfAll: target === undefined });
  const count = async (chosen?: Uint32Array): Promise<Int32Array> => computeTally(await data.predict(chosen), layout);
  const rng = createSystemRng();
  const ledger = target === undefined ? undefined : await openTestLedger(options, { target, dataset: data.name });
  if (options.participants === undefined) {
    const counts = await evaluatePrivately(layout, { count, target: target as Target, ledger: ledger as Ledger }, rng);
    const { spent, budget } = balanceOf(ledger as Ledger);
    const { noiseStddev } = counts;
    return {
      metrics: computeMetrics(layout, counts),
      protection: { kind: 'private', ...(target as Target), noiseStddev, spent, budget },
    };
  }
  const participants = integerOption(options.participants, '--participants', { min: 3, max: 1000 });
  const size = await data.size();
  const plan = planFederatedEvaluation({
    layout,
    participants,
    maxExamples: Math.ceil(size / participants),
    ...(target && { noise: { ...target, honestParticipants: participants - 1 } }),
  });
  const { aggregation } = options;
  const parts = partitionIid({ size, participants }, rng);
  // The noise inside the sum is charged before anybody counts, as each participant would charge its own ledger.
  const reservation =
    plan.event === null ? undefined : await ledger?.reserve({ event: plan.event, purpose: 'evaluation' });
  let result: Awaited<ReturnType<typeof evaluateFederated>>;
  try {
    const tallies = [];
    for (const part of parts) tallies.push(await count(part));
    result = await evaluateFederated(plan, { tallies, aggregation }, rng);
    if (reservation !== undefined) await ledger?.commit(reservation);
  } catch (error) {
    if (reservation !== undefined) await ledger?.abort(reservation, { dataTouched: true });
    throw error;
  }
  const { trust, noiseStddev } = result;
  const { epsilon = null, delta = null } = target ?? {};
  return {
    metrics: computeMetrics(layout, result),
    protection: {
      kind: 'federated',
      participants,
      aggregation,
      trust,
      noiseStddev,
      epsilon,
      delta,
      ...(ledger === undefined ? {} : balanceOf(ledger)),
    },
  };
}

/** Every look at protected test data is counted: said before anything is read. */
function assertLedger({ ledger, budget }: EvaluateOptions): void {
  if (ledger === undefined)
    throw new UsageError('--epsilon needs --ledger FILE: every look at private test data is counted');
  if (!existsSync(ledger) && budget === undefined) {
    throw new UsageError(`${ledger} does not exist yet: give --budget EPSILON for the test data’s whole life`);
  }
}

function openTestLedger(
  { ledger: path, budget }: EvaluateOptions,
  { target, dataset }: { target: Target; dataset: string },
): Promise<Ledger> {
  const store = createLedgerFile(path as string);
  const clock = (): Date => new Date();
  if (existsSync(path as string)) return openLedger({ store, clock });
  return createLedger({
    store,
    clock,
    accountant: 'rdp',
    budget: { epsilon: numberOption(budget, '--budget'), delta: target.delta },
    relation: 'add-or-remove-one',
    privacyUnit: 'example',
    dataset,
  });
}

function balanceOf(ledger: Ledger): { spent: number; budget: number } {
  const { budget } = ledger.terms[0] as { budget: { epsilon: number } };
  return { spent: ledger.spent().epsilon, budget: budget.epsilon };
}
