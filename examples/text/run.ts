/**
 * `npm run example -- text [--short] [--say "a sentence"]`: real mails → personal data removed → hashed words and pairs →
 * private training → private evaluation → the prediction of a typed sentence.
 *
 * @module
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLedger, calibrateNoiseMultiplier, gaussian, selfComposed } from 'sotto/accounting';
import {
  type ClassificationLayout,
  computeAuc,
  computeMetrics,
  computeTally,
  evaluatePrivately,
  formatShare,
  renderEvaluationPage,
} from 'sotto/answers';
import { createDataset, type Dataset, partitionIid } from 'sotto/data';
import { createGaussian } from 'sotto/mechanisms';
import {
  compilePlan,
  computeClippedSumSensitivity,
  createEngine,
  createOptimizer,
  dense,
  encodeModelFile,
  model,
} from 'sotto/models';
import { createSeededRng, createSystemRng, type Rng } from 'sotto/random';
import { createLedgerFile } from 'sotto/storage';

import { BAG_WIDTH, createRedactor, datasetOf, encodeMail, readMails } from './mails.ts';

const TRAINING = { epsilon: 3, delta: 1e-4, steps: 100, clipNorm: 0.2, learningRate: 40, momentum: 0.9 };
const EVALUATION = { epsilon: 0.5, delta: 1e-5 };
/** A public constant that sums are divided by. */
const EXPECTED_MAILS = 4800;

const plan = compilePlan(
  model([dense({ out: 1, bias: false, init: 'zeros' })], { input: [BAG_WIDTH], loss: 'binaryCrossEntropy' }),
);
const engine = createEngine(plan);

/** Full-batch gradient descent; with a noise multiplier, private. */
function trainModel(
  train: Dataset,
  { noiseMultiplier, expected }: { noiseMultiplier: number | undefined; expected: number },
  rng: Rng,
): Float32Array {
  const { steps, clipNorm, learningRate, momentum } = TRAINING;
  const parameters = new Float32Array(plan.parameterCount);
  const average = new Float64Array(plan.parameterCount);
  const optimizer = createOptimizer({ kind: 'momentum', learningRate, momentum }, plan.parameterCount);
  const noise =
    noiseMultiplier === undefined
      ? undefined
      : createGaussian({
          l2Sensitivity: computeClippedSumSensitivity({ clipNorm, plan }),
          dimension: plan.parameterCount,
          noiseMultiplier,
        });
  const indices = Uint32Array.from({ length: train.size }, (_, i) => i);
  for (let step = 0; step < steps; step += 1) {
    const clip = noise === undefined ? Infinity : clipNorm;
    const { sum } = engine.clippedSum({ parameters, dataset: train, indices, clipNorm: clip });
    noise?.releaseInto(sum, rng);
    optimizer.step(
      parameters,
      sum.map((value) => value / expected),
    ); // a public constant
    if (2 * step < steps) continue;
    for (let j = 0; j < parameters.length; j += 1) {
      average[j] = (average[j] as number) + (parameters[j] as number) / (steps / 2);
    }
  }
  return Float32Array.from(average);
}

/** Probabilities of ham and spam for every mail. */
function probabilitiesOf(parameters: Float32Array, dataset: Dataset): Float32Array {
  const logits = engine.predict({ parameters, dataset });
  return Float32Array.from({ length: 2 * logits.length }, (_, i) => {
    const spam = 1 / (1 + Math.exp(-(logits[i >> 1] as number)));
    return i % 2 === 1 ? spam : 1 - spam;
  });
}

/** Runs the example. */
export async function runExample({ short, say, out }: { short: boolean; say: string; out: string }): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const rng = createSystemRng();
  const clock = (): Date => new Date();
  const terms = { accountant: 'rdp', clock, relation: 'add-or-remove-one', privacyUnit: 'example' } as const;
  console.log('reading mails …');
  const mails = readMails().filter((_, i) => !short || i % 8 === 0);
  console.log(`removing personal data from ${mails.length} mails …`);
  const redact = createRedactor();
  let found = 0;
  const clean = mails.map(({ text, spam }) => {
    const result = redact(text);
    found += result.found;
    return { text: result.text, spam };
  });
  const all = datasetOf(clean);
  const parts = partitionIid({ size: all.size, participants: 5 }, createSeededRng('mails'));
  const test = all.subset(parts[4] as Uint32Array);
  const train = all.subset(Uint32Array.from(parts.slice(0, 4).flatMap((part) => [...part])));

  console.log('training privately …');
  const { epsilon, delta, steps } = TRAINING;
  const noiseMultiplier = calibrateNoiseMultiplier({
    epsilon,
    delta,
    relation: 'add-or-remove-one',
    accountant: 'pld',
    event: (multiplier) => selfComposed(gaussian({ noiseMultiplier: multiplier }), steps),
  });
  const ledger = await createLedger({
    ...terms,
    accountant: 'pld',
    store: createLedgerFile(join(out, 'training-ledger.jsonl')),
    budget: { epsilon, delta },
    dataset: 'training mails',
  });
  const expected = short ? EXPECTED_MAILS / 8 : EXPECTED_MAILS;
  const charge = await ledger.reserve({
    event: selfComposed(gaussian({ noiseMultiplier }), steps),
    purpose: 'training',
  });
  const parameters = trainModel(train, { noiseMultiplier, expected }, rng);
  await ledger.commit(charge);
  writeFileSync(join(out, 'model.safetensors'), encodeModelFile(plan, { parameters }));

  console.log('evaluating privately …');
  const layout: ClassificationLayout = { kind: 'classification', classes: 2, groups: 1, bins: 20, scoresOfAll: false };
  const testLedger = await createLedger({
    ...terms,
    store: createLedgerFile(join(out, 'test-ledger.jsonl')),
    budget: { epsilon: 1, delta: EVALUATION.delta },
    dataset: 'test mails',
  });
  const outputs = probabilitiesOf(parameters, test);
  const counts = await evaluatePrivately(
    layout,
    { count: () => computeTally({ outputs, labels: test.labels }, layout), target: EVALUATION, ledger: testLedger },
    rng,
  );
  const metrics = computeMetrics(layout, counts);
  if (metrics.kind !== 'classification' || metrics.auc === null) throw new Error('a classifier was evaluated');
  const report = join(out, 'report.html');
  writeFileSync(
    report,
    await renderEvaluationPage({
      model: 'spam, trained privately',
      data: `${test.size} mails of the SpamAssassin corpus that training did not see`,
      protection: {
        kind: 'private',
        ...EVALUATION,
        noiseStddev: counts.noiseStddev,
        spent: testLedger.spent().epsilon,
        budget: 1,
      },
      classNames: ['ham', 'spam'],
      groupNames: [],
      metrics,
    }),
  );
  const exact = (weights: Float32Array): { accuracy: number; auc: number } => ({
    accuracy: engine.evaluate({ parameters: weights, dataset: test }).accuracy,
    auc: computeAuc(engine.predict({ parameters: weights, dataset: test }), (i) => test.labels[i] === 1),
  });
  const here = exact(parameters);
  console.log('training WITHOUT privacy, as the ceiling …');
  const ceiling = exact(trainModel(train, { noiseMultiplier: undefined, expected }, rng));

  const inputs = new Float32Array(BAG_WIDTH);
  encodeMail(redact(say).text, inputs);
  const typed = createDataset({ inputs, inputShape: [BAG_WIDTH], labels: new Float32Array(1) });
  const spam = probabilitiesOf(parameters, typed)[1] as number;
  const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
  const rows = [
    ['mails', `${train.size} for training, ${test.size} for the test; ${found} pieces of personal data replaced`],
    ['private model', `ε = ${ledger.spent().epsilon.toFixed(3)} at δ = ${delta}, one mail added or removed`],
    ['private evaluation', `accuracy ${formatShare(metrics.accuracy)}, AUC ${formatShare(metrics.auc)}`],
    ['', `charged ε = ${EVALUATION.epsilon} at δ = ${EVALUATION.delta} to the test mails`],
    ['exact, for the record', `accuracy ${percent(here.accuracy)}, AUC ${here.auc.toFixed(4)} (the corpus is public)`],
    ['ceiling, NOT PRIVATE', `accuracy ${percent(ceiling.accuracy)}, AUC ${ceiling.auc.toFixed(4)}`],
    ['asked', `“${say}”`],
    ['answer', `${spam >= 0.5 ? 'spam' : 'ham'} (spam with ${percent(spam)}), mode dp-trained-model, charge ε = 0`],
    ['report', report],
  ];
  console.log(
    `\ntext: spam or not\n${rows.map(([name = '', value = '']) => `  ${name.padEnd(22)}  ${value}`).join('\n')}`,
  );
  writeFileSync(
    join(out, 'result.json'),
    `${JSON.stringify({ epsilon: ledger.spent().epsilon, delta, mails: mails.length, found, exact: here, ceiling, spam }, undefined, 2)}\n`,
  );
}
