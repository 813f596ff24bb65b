/**
 * `sotto redteam invert TASK`: examples read out of one participant's update, with its protections off and on.
 *
 * @module
 */

import { createSystemRng, type Rng, shuffleInto } from '../../foundations/random/index.ts';
import { chooseBitWidth, createRing, encodeRing, quantizeInto } from '../../foundations/vector/index.ts';
import type { Dataset } from '../../learning/data/index.ts';
import { createEngine } from '../../learning/models/index.ts';
import { createGaussian } from '../../privacy/mechanisms/index.ts';
import {
  findFirstLayer,
  type InversionOutcome,
  measureInversion,
  RECOVERED,
  type RedteamReport,
  testUniformity,
  watchMaskedRound,
} from '../../redteam/index.ts';
import { UsageError } from '../exit-codes.ts';
import { formatNumber, formatTable } from '../privacy/table.ts';
import { readTrainingTask } from '../run-options.ts';
import { type AttackOptions, countOption, drawRows, openStage, progressOf, type Stage, tell } from './stage.ts';

/** Options as commander hands them over. */
export interface InvertOptions extends AttackOptions {
  readonly batches: string;
  readonly draws: string;
  readonly data?: string;
}

/** What the coordinator is shown of a participant. */
type View = 'clear' | 'clipped' | 'clipped and noised' | 'masked';

/** What was read out of updates of one size under one protection. */
interface Finding extends InversionOutcome {
  readonly batch: number;
  readonly view: View;
  /** Smallest p-value of a test that the vectors are uniform in their ring, times the number of them; under masks alone. */
  readonly uniformity?: number;
}

const LIMITS = [
  'This attack divides gradients of a dense first layer: exact and cheap. Others search for examples with such a gradient and need no such layer.',
  'Clipping alone hides nothing from it: it shortens an update and keeps its direction.',
  'Under masks the coordinator learns the sum of the cohort: the smaller the cohort and the less noise in it, the more the sum tells.',
  'The noised view has all of the noise that the ledger counts; with trust “nobody” a participant adds a share of it, and the masks hide the rest.',
];
/** Examples that stand for those that are not in an update. */
const CONTROLS = 32;
/** Participants of the round that is watched. */
const PARTIES = 5;

/** Runs the command. */
export async function runInvert(path: string, options: InvertOptions): Promise<void> {
  const batches = options.batches.split(',').map((text) => countOption(text, '--batches', { max: 1024 }));
  const draws = countOption(options.draws, '--draws', { max: 1000 });
  const task = readTrainingTask(path, options);
  const progress = progressOf(options);
  try {
    const stage = await openStage(task, { options, progress });
    findFirstLayer(stage.plan.layers);
    const needed = PARTIES * Math.max(...batches) + CONTROLS;
    if (stage.train.size < needed) {
      throw new UsageError(
        `updates of ${Math.max(...batches)} examples need ${needed} examples, the data has ${stage.train.size}`,
      );
    }
    const rng = createSystemRng();
    const findings: Finding[] = [];
    for (const batch of batches) {
      progress.step(`updates of ${batch}`);
      findings.push(...(await attack(stage, { batch, draws }, rng)));
    }
    progress.end();
    const rows = findings.map(rowOf);
    const verdict = verdictOf(findings);
    const text = [
      `${task.task}: ${verdict}`,
      formatTable(HEAD, rows),
      `  read: likeness (correlation) of at least ${RECOVERED}; control: the same guesses against examples that are not in the update`,
    ].join('\n');
    const report: RedteamReport = {
      title: `Gradient inversion against ${task.task}`,
      verdict,
      alarm: false,
      tables: [{ heading: 'What an update gives away', head: HEAD, rows }],
      figures: [],
      limits: LIMITS,
    };
    await tell({ task: task.task, draws, findings }, { options, text, report });
  } finally {
    progress.end();
  }
}

/** Attacks `draws` updates of `batch` examples each, in every view. */
async function attack(
  { plan, start, train, extract }: Stage,
  { batch, draws }: { batch: number; draws: number },
  rng: Rng,
): Promise<Finding[]> {
  const { layers, task, noise } = plan;
  const layer = findFirstLayer(layers);
  const engine = createEngine(layers, { frozen: start.frozen });
  const { clipNorm } = task.training;
  const seen = new Map<View, { outcomes: InversionOutcome[]; pValues: number[] }>();
  const note = (view: View, outcome: InversionOutcome, pValue?: number): void => {
    const found = seen.get(view) ?? { outcomes: [], pValues: [] };
    found.outcomes.push(outcome);
    if (pValue !== undefined) found.pValues.push(pValue);
    seen.set(view, found);
  };
  for (let draw = 0; draw < draws; draw += 1) {
    const rows = [...drawRows(train.size, PARTIES * batch + CONTROLS, rng)];
    shuffleInto(rows, rng);
    const dataset = await extract(train.subset(rows));
    const at = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
    const stepSeed = rng.uint64();
    const update = (party: number, norm: number): Float64Array =>
      engine.clippedSum({
        parameters: start.parameters,
        dataset,
        indices: at(party * batch, batch),
        clipNorm: norm,
        stepSeed,
      }).sum;
    const examples = at(0, batch).map((row) => rowOfDataset(dataset, row));
    const others = at(PARTIES * batch, CONTROLS).map((row) => rowOfDataset(dataset, row));
    const measure = (vector: ArrayLike<number>): InversionOutcome =>
      measureInversion(vector, { layer, examples, others });
    const clipped = update(0, clipNorm);
    note('clear', measure(update(0, Infinity)));
    note('clipped', measure(clipped));
    if (noise !== undefined) {
      const noised = clipped.slice();
      const { noiseMultiplier } = noise;
      createGaussian({ l2Sensitivity: clipNorm, noiseMultiplier, dimension: noised.length }).releaseInto(noised, rng);
      note('clipped and noised', measure(noised));
    }
    const updates = [clipped, ...at(1, PARTIES - 1).map((party) => update(party, clipNorm))];
    const { received, bitWidth } = mask(updates, { clipNorm, batch }, rng);
    note('masked', measure(received), testUniformity(received, { bitWidth }).pValue);
  }
  return [...seen].map(([view, { outcomes, pValues }]): Finding => {
    const mean = (pick: (outcome: InversionOutcome) => number): number =>
      outcomes.reduce((sum, outcome) => sum + pick(outcome) / outcomes.length, 0);
    return {
      batch,
      view,
      recovered: mean(({ recovered }) => recovered),
      likeness: mean(({ likeness }) => likeness),
      control: {
        recovered: mean(({ control }) => control.recovered),
        likeness: mean(({ control }) => control.likeness),
      },
      ...(pValues.length === 0 ? {} : { uniformity: Math.min(1, pValues.length * Math.min(...pValues)) }),
    };
  });
}

/** A round of secure aggregation over clipped updates on the grid of a federation: what the coordinator receives of the first. */
function mask(
  updates: readonly Float64Array[],
  { clipNorm, batch }: { clipNorm: number; batch: number },
  rng: Rng,
): { received: Float64Array; bitWidth: number } {
  const dimension = updates[0]?.length ?? 0;
  const quantizationScale = 2 ** Math.ceil(Math.log2((100 * Math.sqrt(dimension)) / clipNorm));
  const clampRange = clipNorm * batch;
  const bitWidth = chooseBitWidth({
    participants: PARTIES,
    maxMagnitude: clampRange * quantizationScale,
    noiseVariance: 0,
    dimension,
    rounds: 1,
    failureLog2: -40,
  });
  const ring = createRing({ bitWidth });
  const inputs = updates.map((values) => {
    const grid = new Int32Array(dimension);
    quantizeInto(values, { quantizationScale, clampRange }, grid);
    return encodeRing(grid, ring);
  });
  const { received } = watchMaskedRound(inputs, { bitWidth, threshold: PARTIES - 1, maxCorrupt: 1 }, rng);
  return { received, bitWidth };
}

function rowOfDataset({ inputs, inputWidth, inputScale, inputOffset }: Dataset, row: number): Float64Array {
  const values = inputs.subarray(row * inputWidth, (row + 1) * inputWidth);
  return Float64Array.from(values, (value) => value * inputScale + inputOffset);
}

const HEAD = ['examples', 'the coordinator sees', 'read', 'likeness', 'control', 'uniform?'];
const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;

function rowOf({ batch, view, recovered, likeness, control, uniformity }: Finding): string[] {
  return [
    `${batch}`,
    view,
    percent(recovered),
    likeness.toFixed(3),
    control.likeness.toFixed(3),
    uniformity === undefined ? '' : `p = ${formatNumber(uniformity)}`,
  ];
}

function verdictOf(findings: readonly Finding[]): string {
  const best = (view: View): number =>
    Math.max(0, ...findings.filter((each) => each.view === view).map((each) => each.recovered));
  return `of updates in the clear up to ${percent(best('clear'))} of the examples are read, under masks ${percent(best('masked'))}`;
}
