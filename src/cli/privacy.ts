/**
 * `sotto privacy`: what a run costs, what it has to add, and how the two trade off.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';

import { Command, Option } from 'commander';

import {
  type Accountant,
  calibrateCount,
  calibrateParameter,
  computeFixedOrderGap,
  computePrivacyCurve,
  computeTradeOff,
  createGdpAccountant,
  createPldAccountant,
  createRdpAccountant,
  createZcdpAccountant,
  type DpEvent,
  eventToJson,
} from '../privacy/accounting/index.ts';
import { UsageError } from './exit-codes.ts';
import { evaluateQueries, toJsonText } from './privacy/evaluate.ts';
import { addEventOptions, type EventFlags, eventOf, numberFlag, readJsonFile, relationOf } from './privacy/events.ts';
import { type Plot, plotAsSvg, plotInTerminal } from './privacy/plot.ts';
import { formatNumber, formatTable } from './privacy/table.ts';

interface Output {
  readonly json?: boolean;
}

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Creates the command. */
export function createPrivacyCommand(): Command {
  const command = new Command('privacy').description('Count what a run costs in epsilon and delta, and plan for it.');
  const withJson = (sub: Command): Command =>
    sub.option('--json', 'print the answer as JSON, and nothing else, on standard output');

  withJson(addEventOptions(command.command('epsilon').description('epsilon at a delta, by every accountant')))
    .option('--delta <number>', 'delta', '1e-5')
    .action((options: EventFlags & Output & { delta: string }) => runEpsilon(options));
  withJson(addEventOptions(command.command('delta').description('delta at an epsilon, by every accountant')))
    .option('--epsilon <number>', 'epsilon', '1')
    .action((options: EventFlags & Output & { epsilon: string }) => runDelta(options));
  withJson(addEventOptions(command.command('calibrate').description('one parameter from a target epsilon and delta')))
    .option('--epsilon <number>', 'epsilon to meet', '3')
    .option('--delta <number>', 'delta to meet', '1e-5')
    .addOption(
      new Option('--solve <name>', 'the parameter to find')
        .choices(['noise-multiplier', 'sampling-rate', 'steps'])
        .default('noise-multiplier'),
    )
    .addOption(new Option('--accountant <name>', 'accountant').choices(['rdp', 'pld']).default('pld'))
    .action((options: CalibrateOptions) => runCalibrate(options));
  withJson(addEventOptions(command.command('curve').description('the whole trade-off: delta against epsilon')))
    .option('--points <count>', 'points of the curve', '25')
    .option('--svg <file>', 'write the plot as SVG')
    .action((options: CurveOptions) => runCurve(options));
  withJson(
    addEventOptions(command.command('plan').description('noise against steps and epsilon, before anything is run')),
  )
    .option('--epsilon <list>', 'epsilons to plan for', '0.5,1,2,3,5,8')
    .option('--delta <number>', 'delta', '1e-5')
    .addOption(new Option('--accountant <name>', 'accountant').choices(['rdp', 'pld']).default('pld'))
    .option('--svg <file>', 'write the plot as SVG')
    .action((options: PlanOptions) => runPlan(options));
  withJson(command.command('evaluate').description('answer a file of queries, for machines'))
    .argument('<file>', 'JSON: an array of { id, event, relation, query, delta?, epsilon?, accountant, orders? }')
    .action((file: string, options: Output) => runEvaluate(file, options));
  return command;
}

interface Answered {
  readonly accountant: string;
  readonly lower: number | null;
  readonly upper: number | null;
  readonly kind: string;
  readonly error?: string;
}

/** Asks every accountant that can count the event. */
function askAll(
  options: EventFlags,
  ask: (accountant: Accountant) => { readonly lower: number; readonly upper: number; readonly value: number },
): { readonly event: DpEvent; readonly answers: readonly Answered[] } {
  const relation = relationOf(options);
  const event = eventOf(options);
  const accountants: readonly Accountant[] = [
    createPldAccountant({ relation }),
    createRdpAccountant({ relation }),
    createZcdpAccountant({ relation }),
    createGdpAccountant({ relation }),
  ];
  const answers = accountants.map((accountant): Answered => {
    const { name } = accountant;
    try {
      accountant.compose(event);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { accountant: name, lower: null, upper: null, kind: 'refused', error: message };
    }
    const { lower, upper, value } = ask(accountant);
    if (accountant.approximate) return { accountant: name, lower: null, upper: value, kind: 'approximation, no bound' };
    return { accountant: name, lower: lower > 0 ? lower : null, upper, kind: 'bound' };
  });
  const first = answers[0];
  if (first !== undefined && answers.every(({ upper }) => upper === null))
    throw new UsageError(first.error ?? 'refused');
  return { event, answers };
}

function printAnswers(
  { event, answers }: { readonly event: DpEvent; readonly answers: readonly Answered[] },
  {
    what,
    given,
    options,
  }: { readonly what: string; readonly given: Readonly<Record<string, number>>; readonly options: EventFlags & Output },
): void {
  if (options.json === true) {
    print(toJsonText({ ...given, relation: options.relation, event: eventToJson(event), answers }));
    return;
  }
  const at = Object.entries(given).map(([name, value]) => `${name} ${formatNumber(value)}`);
  print(`${what} at ${at.join(', ')}, ${options.relation}\n`);
  print(
    formatTable(
      ['accountant', 'at least', 'at most', ''],
      answers.map(({ accountant, lower, upper, kind }) => [
        accountant,
        lower === null ? '–' : formatNumber(lower, 'down'),
        upper === null ? '–' : formatNumber(upper, 'up'),
        kind,
      ]),
    ),
  );
  printFixedOrderGap(options, given['delta']);
}

/** Says what shuffled or cyclic batches cost against Poisson sampling. */
function printFixedOrderGap(options: EventFlags, delta: number | undefined): void {
  if (delta === undefined || options.event !== undefined || options.mechanism !== 'gaussian') return;
  if (options.sampling !== 'shuffled' && options.sampling !== 'cyclic') return;
  const batches = Math.ceil(Number(options.datasetSize) / Number(options.batchSize));
  const gap = computeFixedOrderGap({ batches, noiseMultiplier: Number(options.noiseMultiplier) }, delta);
  print(
    `\nOne epoch of ${batches} batches under zero-out: a fixed order costs ${formatNumber(gap.cyclic, 'up')}, a shuffled one at least ` +
      `${formatNumber(gap.shuffledAtLeast, 'down')};\nPoisson sampling at rate 1/${batches} would cost at most ${formatNumber(gap.poisson.upper, 'up')}.`,
  );
}

function runEpsilon(options: EventFlags & Output & { delta: string }): void {
  const delta = numberFlag(options.delta, '--delta', { min: 0, max: 1 });
  const found = askAll(options, (accountant) => ({
    ...accountant.epsilonInterval(delta),
    value: accountant.epsilon(delta),
  }));
  printAnswers(found, { what: 'epsilon', given: { delta }, options });
}

function runDelta(options: EventFlags & Output & { epsilon: string }): void {
  const epsilon = numberFlag(options.epsilon, '--epsilon', { min: 0, max: 1e6 });
  const found = askAll(options, (accountant) => ({
    ...accountant.deltaInterval(epsilon),
    value: accountant.delta(epsilon),
  }));
  printAnswers(found, { what: 'delta', given: { epsilon }, options });
}

type CalibrateOptions = EventFlags &
  Output & {
    epsilon: string;
    delta: string;
    solve: 'noise-multiplier' | 'sampling-rate' | 'steps';
    accountant: 'rdp' | 'pld';
  };

function runCalibrate(options: CalibrateOptions): void {
  const relation = relationOf(options);
  const epsilon = numberFlag(options.epsilon, '--epsilon', { min: 0, max: 1e6 });
  const delta = numberFlag(options.delta, '--delta', { min: 0, max: 1 });
  const target = { epsilon, delta, relation, accountant: options.accountant };
  if (options.event !== undefined && options.solve !== 'steps') {
    throw new UsageError('--event describes everything: only --solve steps can be asked with it (or use `evaluate`)');
  }
  let value: number;
  let event: DpEvent;
  if (options.solve === 'steps') {
    value = calibrateCount({ ...target, event: eventOf(options, { steps: 1 }) });
    event = eventOf(options, { steps: Math.max(1, value) });
  } else if (options.solve === 'sampling-rate') {
    const make = (samplingRate: number): DpEvent => eventOf(options, { samplingRate: Math.min(1, samplingRate) });
    const range = { low: 1e-9, high: 1 };
    value = calibrateParameter({ ...target, event: make, increasing: 'costlier', range, start: 0.01 });
    event = make(value);
  } else {
    const make = (noiseMultiplier: number): DpEvent => eventOf(options, { noiseMultiplier });
    value = calibrateParameter({
      ...target,
      event: make,
      increasing: 'safer',
      range: { low: 1e-3, high: 1e9 },
      start: 1,
    });
    event = make(value);
  }
  const spent = options.accountant === 'pld' ? createPldAccountant({ relation }) : createRdpAccountant({ relation });
  if (value > 0) spent.compose(event);
  const found = spent.epsilon(delta);
  if (options.json === true) {
    print(
      toJsonText({
        solve: options.solve,
        value,
        epsilon: found,
        target: { epsilon, delta },
        relation,
        accountant: options.accountant,
        event: eventToJson(event),
      }),
    );
    return;
  }
  print(
    formatTable(
      ['parameter', 'value', 'epsilon', 'of', 'delta', 'accountant'],
      [[options.solve, String(value), formatNumber(found, 'up'), epsilon, delta, options.accountant]],
    ),
  );
}

function writePlot(path: string, plot: Plot): void {
  try {
    writeFileSync(path, plotAsSvg(plot));
  } catch (error) {
    throw new UsageError(`--svg: ${error instanceof Error ? error.message : String(error)}; name a folder that exists`);
  }
}

type CurveOptions = EventFlags & Output & { points: string; svg?: string };

const FALSE_POSITIVE_RATES = [0.001, 0.01, 0.05, 0.1, 0.2];

function runCurve(options: CurveOptions): void {
  const relation = relationOf(options);
  const count = numberFlag(options.points, '--points', { min: 3, max: 1000, integer: true });
  const event = eventOf(options);
  const accountant: Accountant = createPldAccountant({ relation }).supports(event)
    ? createPldAccountant({ relation, tolerance: { delta: 1e-2 } })
    : createRdpAccountant({ relation });
  accountant.compose(event);
  const widest = accountant.epsilon(1e-10);
  const top = Number.isFinite(widest) && widest > 0 ? widest : 1;
  const epsilons = Array.from({ length: count }, (_, i) => (top * i) / (count - 1));
  const points = computePrivacyCurve(accountant, epsilons);
  const tradeOff = computeTradeOff(points, FALSE_POSITIVE_RATES);
  const plot: Plot = {
    title: `Privacy curve (${accountant.name}, ${relation})`,
    xLabel: 'epsilon',
    yLabel: 'delta',
    logY: true,
    series: [{ name: 'at most', points: points.map(({ epsilon, delta }) => [epsilon, delta.upper] as const) }],
  };
  if (options.svg !== undefined) writePlot(options.svg, plot);
  if (options.json === true) {
    print(toJsonText({ accountant: accountant.name, relation, event: eventToJson(event), points, tradeOff }));
    return;
  }
  print(plotInTerminal(plot));
  print('');
  print(
    formatTable(
      ['epsilon', 'delta at least', 'delta at most'],
      points.map(({ epsilon, delta }) => [epsilon, formatNumber(delta.lower, 'down'), formatNumber(delta.upper, 'up')]),
    ),
  );
  print('\nNo membership test, whatever it knows of the other records, finds more than:\n');
  print(
    formatTable(
      ['false positives', 'true positives at most'],
      tradeOff.map(({ falsePositiveRate, falseNegativeRate }) => [
        falsePositiveRate,
        formatNumber(1 - falseNegativeRate, 'up'),
      ]),
    ),
  );
}

type PlanOptions = EventFlags & Output & { epsilon: string; delta: string; accountant: 'rdp' | 'pld'; svg?: string };

function runPlan(options: PlanOptions): void {
  const relation = relationOf(options);
  if (options.event !== undefined) throw new UsageError('`plan` takes the flags, not --event');
  const delta = numberFlag(options.delta, '--delta', { min: 0, max: 1 });
  const epsilons = options.epsilon.split(',').map((text) => numberFlag(text, '--epsilon', { min: 1e-6, max: 1e6 }));
  const steps = numberFlag(options.steps, '--steps', { min: 1, max: 1e12, integer: true });
  const counts = [...new Set([steps / 4, steps / 2, steps, 2 * steps].map((count) => Math.max(1, Math.round(count))))];
  const rows = counts.map((count) => ({
    steps: count,
    multipliers: epsilons.map((epsilon) =>
      calibrateParameter({
        epsilon,
        delta,
        relation,
        accountant: options.accountant,
        event: (noiseMultiplier) => eventOf(options, { noiseMultiplier, steps: count }),
        increasing: 'safer',
        range: { low: 1e-3, high: 1e9 },
        start: 1,
      }),
    ),
  }));
  const plot: Plot = {
    title: `Noise that a run needs (${options.accountant}, ${relation}, delta ${formatNumber(delta)})`,
    xLabel: 'epsilon',
    yLabel: 'noise multiplier',
    logX: true,
    logY: true,
    series: rows.map(({ steps: count, multipliers }) => ({
      name: `${count} steps`,
      points: epsilons.map((epsilon, i) => [epsilon, multipliers[i] as number] as const),
    })),
  };
  if (options.svg !== undefined) writePlot(options.svg, plot);
  if (options.json === true) {
    print(toJsonText({ relation, delta, accountant: options.accountant, epsilons, rows }));
    return;
  }
  print(plotInTerminal(plot));
  print('\nnoise multiplier\n');
  print(
    formatTable(
      ['steps', ...epsilons.map((epsilon) => `ε ${formatNumber(epsilon)}`)],
      rows.map(({ steps: count, multipliers }) => [count, ...multipliers.map((value) => formatNumber(value, 'up'))]),
    ),
  );
}

function runEvaluate(file: string, options: Output): void {
  const answers = evaluateQueries(readJsonFile(file));
  if (options.json === true) {
    print(toJsonText(answers));
    return;
  }
  print(
    formatTable(
      ['id', 'value', 'at least', 'accountant', 'seconds', ''],
      answers.map(({ id, value, lower, accountant, seconds, error }) => [
        String(id ?? '–'),
        value === null ? '–' : formatNumber(value, 'up'),
        lower === undefined ? '–' : formatNumber(lower, 'down'),
        accountant ?? '–',
        seconds.toFixed(3),
        error?.code ?? '',
      ]),
    ),
  );
}
