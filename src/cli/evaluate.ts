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
  type ClassificationLayout,
  computeMetrics,
  computeTally,
  describeProtection,
  evaluateFederated,
  evaluatePrivately,
  type EvaluationReport,
  type NoisyCounts,
  planFederatedEvaluation,
  type Protection,
  renderEvaluationPage,
  summaryRows,
} from '../learning/answers/index.ts';
import { createLedger } from '../privacy/accounting/index.ts';
import { createLedgerFile, readFileOf, writeFileAtomic } from '../runtime/storage/index.ts';
import { openAnsweringModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';
import { integerOption } from './mpc.ts';

interface EvaluateOptions {
  readonly data?: string;
  readonly groups?: string;
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
    .option('--groups <file>', 'one group name a line, in the order of the examples, to compare groups')
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
  const model = openAnsweringModel(run);
  const { names: groupNames, groups } = readGroups(options.groups);
  const layout: ClassificationLayout = {
    kind: 'classification',
    classes: model.classes,
    groups: Math.max(1, groupNames.length),
    bins: 20,
    scoresOfAll: target === undefined,
  };
  const count = (rows?: Uint32Array): Int32Array => {
    const whole = model.load('test', options.data);
    const dataset = rows === undefined ? whole : whole.subset(rows);
    if (groups !== undefined && groups.length !== whole.size) {
      throw new UsageError(`${options.groups} has ${groups.length} groups for ${whole.size} examples`);
    }
    const chosen = rows === undefined ? groups : groups && Array.from(rows, (row) => groups[row] as number);
    const { labels } = dataset;
    return computeTally({ outputs: model.probabilities(dataset), labels, ...(chosen && { groups: chosen }) }, layout);
  };
  const { counts, protection } = await countWith({ options, target, layout, count, model });
  const report: EvaluationReport = {
    model: model.name,
    data: options.data ?? 'the test data of the task',
    protection,
    classNames: model.classNames,
    groupNames,
    metrics: computeMetrics(layout, counts),
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
    ['protection', describeProtection(protection)],
    ['report', join(out, 'report.html')],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  process.stdout.write(
    `${basename(run)}: ${model.name}\n${rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}  ${value}`).join('\n')}\n`,
  );
}

async function countWith({
  options,
  target,
  layout,
  count,
  model,
}: {
  options: EvaluateOptions;
  target: { epsilon: number; delta: number } | undefined;
  layout: ClassificationLayout;
  count: (rows?: Uint32Array) => Int32Array;
  model: ReturnType<typeof openAnsweringModel>;
}): Promise<{ counts: NoisyCounts; protection: Protection }> {
  const rng = createSystemRng();
  if (options.participants !== undefined) {
    const participants = integerOption(options.participants, '--participants', { min: 3, max: 1000 });
    const { size } = model.load('test', options.data);
    const parts = partitionIid({ size, participants }, rng);
    const plan = planFederatedEvaluation({
      layout,
      participants,
      maxExamples: Math.ceil(size / participants),
      ...(target && { noise: { ...target, honestParticipants: participants - 1 } }),
    });
    const { aggregation } = options;
    const result = await evaluateFederated(plan, { tallies: parts.map((rows) => count(rows)), aggregation }, rng);
    const { trust, noiseStddev } = result;
    const { epsilon = null, delta = null } = target ?? {};
    return {
      counts: result,
      protection: { kind: 'federated', participants, aggregation, trust, noiseStddev, epsilon, delta },
    };
  }
  if (target === undefined) return { counts: { counts: count(), noiseStddev: 0 }, protection: { kind: 'public' } };
  const path = options.ledger;
  if (path === undefined)
    throw new UsageError('--private needs --ledger FILE: every look at private test data is counted');
  if (!existsSync(path) && options.budget === undefined) {
    throw new UsageError(`${path} does not exist yet: give --budget EPSILON for the test data’s whole life`);
  }
  const { openLedger } = await import('../privacy/accounting/index.ts');
  const store = createLedgerFile(path);
  const clock = (): Date => new Date();
  const ledger = existsSync(path)
    ? await openLedger({ store, clock })
    : await createLedger({
        store,
        clock,
        accountant: 'rdp',
        budget: { epsilon: numberOption(options.budget, '--budget'), delta: target.delta },
        relation: 'add-or-remove-one',
        privacyUnit: 'example',
        dataset: options.data ?? `test data of ${model.name}`,
      });
  const counts = await evaluatePrivately(layout, { count, target, ledger }, rng);
  const { budget } = ledger.terms[0] as { budget: { epsilon: number } };
  return {
    counts,
    protection: {
      kind: 'private',
      ...target,
      noiseStddev: counts.noiseStddev,
      spent: ledger.spent().epsilon,
      budget: budget.epsilon,
    },
  };
}

function readGroups(path: string | undefined): { names: readonly string[]; groups: readonly number[] | undefined } {
  if (path === undefined) return { names: [], groups: undefined };
  const lines = new TextDecoder().decode(readFileOf(path, 'groups')).trimEnd().split(/\r?\n/);
  const names = [...new Set(lines)].toSorted();
  return { names, groups: lines.map((line) => names.indexOf(line)) };
}
