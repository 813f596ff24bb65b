/**
 * `npm run example -- text [--short] [--choose] [--federated] [--say "a sentence"]`: real mails → personal data removed → a private vocabulary
 * → private training → private evaluation → the prediction of a typed sentence.
 *
 * Settings were chosen by cross-validation over the training mails, among the few candidates below (`--choose`
 * does it again); such a choice is not charged, for the corpus is public. The test part decides nothing.
 *
 * @module
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLedger } from 'sotto/accounting';
import {
  type ClassificationLayout,
  computeMetrics,
  computeTally,
  evaluatePrivately,
  formatShare,
  renderEvaluationPage,
} from 'sotto/answers';
import { createDataset, createTextEncoder, encodingWidth, partitionIid, type TextEncoding } from 'sotto/data';
import { createSeededRng, createSystemRng, type Rng } from 'sotto/random';
import { createLedgerFile } from 'sotto/storage';

import { calibrateTraining, createLinear, type LinearSettings, spreadOf, trainingEvent } from '../linear.ts';
import { writeLinearRun } from '../run-folder.ts';
import { runFederated } from './federated.ts';
import { createRedactor, datasetOf, type Mail, MAX_CHARACTERS, readMails } from './mails.ts';
import { takeVocabulary, vocabularyEvent, type VocabularySettings } from './vocabulary.ts';

const PRIVACY = { epsilon: 3, delta: 1e-4 };
const EVALUATION = { epsilon: 0.5, delta: 1e-5 };
const CLASSES = ['ham', 'spam'];
const relation = 'add-or-remove-one';

/** Public constants; a twelfth of them for the short form, which has a twelfth of the mails. */
const TRAINING: LinearSettings = { steps: 60, clipNorm: 0.2, learningRate: 40, momentum: 0.9, expected: 5000 };
const VOCABULARY: VocabularySettings = {
  places: 2 ** 15,
  size: 800,
  noiseMultiplier: 5,
  maxCharacters: MAX_CHARACTERS,
  shape: true,
  expectedTexts: 5000,
  expectedTerms: 130,
  rest: 2048,
  constant: 0.3,
};

/** What was compared. The first is what is used. */
const CANDIDATES: Readonly<Record<string, { training: LinearSettings; vocabulary: VocabularySettings }>> = {
  'the shape of mails, 60 steps': { training: TRAINING, vocabulary: VOCABULARY },
  'twice the steps': { training: { ...TRAINING, steps: 120 }, vocabulary: VOCABULARY },
  'twice the steps, half as long': {
    training: { ...TRAINING, steps: 120, learningRate: 20 },
    vocabulary: VOCABULARY,
  },
  'half the clip norm, twice the steps': {
    training: { ...TRAINING, steps: 120, clipNorm: 0.1, learningRate: 80 },
    vocabulary: VOCABULARY,
  },
  'words alone': { training: TRAINING, vocabulary: { ...VOCABULARY, shape: false } },
  'half of the rest': { training: TRAINING, vocabulary: { ...VOCABULARY, rest: 1024 } },
  'twice the rest': { training: TRAINING, vocabulary: { ...VOCABULARY, rest: 4096 } },
};

interface Parts {
  readonly train: readonly Mail[];
  readonly test: readonly Mail[];
  readonly found: number;
}

function prepareMails({ short }: { short: boolean }): Parts {
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
  const parts = partitionIid({ size: clean.length, participants: 12 }, createSeededRng('mails'));
  const pick = (from: number, to: number): Mail[] =>
    parts.slice(from, to).flatMap((part) => Array.from(part, (i) => clean[i] as Mail));
  return { train: pick(0, 10), test: pick(10, 12), found };
}

/** One private training from mails to weights: its vocabulary and its noise are drawn anew. */
function trainOnce(
  train: readonly Mail[],
  { training, vocabulary }: { training: LinearSettings; vocabulary: VocabularySettings },
  { noiseMultiplier, rng }: { noiseMultiplier: number; rng: Rng },
): { encoding: TextEncoding; linear: ReturnType<typeof createLinear>; parameters: Float32Array } {
  const encoding = takeVocabulary(
    train.map(({ text }) => text),
    vocabulary,
    rng,
  );
  const linear = createLinear(encodingWidth(encoding));
  const parameters = linear.train(datasetOf(train, encoding), training, { noiseMultiplier, rng });
  return { encoding, linear, parameters };
}

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
const withSpread = ({ mean, stddev }: { mean: number; stddev: number }): string =>
  `${percent(mean)} ± ${(100 * stddev).toFixed(2)}`;

/** Compares the candidates by five-fold cross-validation over the training mails. */
export function chooseSettings(): void {
  const { train } = prepareMails({ short: false });
  const folds = partitionIid({ size: train.length, participants: 5 }, createSeededRng('folds'));
  const rng = createSystemRng();
  for (const [name, { training, vocabulary }] of Object.entries(CANDIDATES)) {
    const before = [vocabularyEvent(vocabulary)];
    const noiseMultiplier = calibrateTraining(training, { ...PRIVACY, before });
    // Four fifths of the mails are trained on.
    const settings = {
      training: { ...training, expected: 0.8 * training.expected },
      vocabulary: { ...vocabulary, expectedTexts: 0.8 * vocabulary.expectedTexts },
    };
    const figures = folds.flatMap((held, k) => {
      const rest = folds.flatMap((fold, i) => (i === k ? [] : Array.from(fold, (at) => train[at] as Mail)));
      const tests = Array.from(held, (at) => train[at] as Mail);
      return Array.from({ length: 2 }, () => {
        const { encoding, linear, parameters } = trainOnce(rest, settings, { noiseMultiplier, rng });
        return linear.measure(parameters, datasetOf(tests, encoding));
      });
    });
    const accuracy = spreadOf(figures.map((each) => each.accuracy));
    const auc = spreadOf(figures.map((each) => each.auc));
    console.log(`${name.padEnd(36)} accuracy ${withSpread(accuracy)}, AUC ${auc.mean.toFixed(4)} on held-out mails`);
  }
}

/** Trains as three hundred owners of mailboxes would, through the whole protocol, and asks the model. */
export function runMailboxes({ say, out }: { say: string; out: string }): void {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { train, test } = prepareMails({ short: false });
  const { run, accuracy } = runFederated({ train, test }, out);
  console.log(`\n${percent(accuracy)} of ${test.length} test mails, with everything that one owner has hidden`);
  console.log(`ask it  sotto predict ${run} --text "${say}"`);
}

/** Runs the example. */
export async function runExample({ short, say, out }: { short: boolean; say: string; out: string }): Promise<void> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const rng = createSystemRng();
  const clock = (): Date => new Date();
  const terms = { accountant: 'rdp', clock, relation, privacyUnit: 'example' } as const;
  const { train, test, found } = prepareMails({ short });
  const settings = short
    ? {
        training: { ...TRAINING, steps: 30, expected: 630 },
        vocabulary: { ...VOCABULARY, expectedTexts: 630 },
      }
    : { training: TRAINING, vocabulary: VOCABULARY };

  console.log('training privately: vocabulary, then steps …');
  const before = [vocabularyEvent(settings.vocabulary)];
  const noiseMultiplier = calibrateTraining(settings.training, { ...PRIVACY, before });
  const ledger = await createLedger({
    ...terms,
    accountant: 'pld',
    store: createLedgerFile(join(out, 'training-ledger.jsonl')),
    budget: PRIVACY,
    dataset: 'training mails',
  });
  const wordCharge = await ledger.reserve({ event: vocabularyEvent(settings.vocabulary), purpose: 'vocabulary' });
  const stepCharge = await ledger.reserve({
    event: trainingEvent(settings.training, { noiseMultiplier }),
    purpose: 'training',
  });
  const { encoding, linear, parameters } = trainOnce(train, settings, { noiseMultiplier, rng });
  await ledger.commit(wordCharge);
  await ledger.commit(stepCharge);
  const { epsilon } = ledger.spent();
  const run = join(out, 'run');
  const promise = { epsilon, delta: PRIVACY.delta, privacyUnit: 'example', relation } as const;
  writeLinearRun(run, {
    task: 'spam or not',
    encoding,
    classes: CLASSES,
    plan: linear.plan,
    parameters,
    promise,
  });

  console.log('evaluating privately …');
  const layout: ClassificationLayout = { kind: 'classification', classes: 2, groups: 1, bins: 10, scoresOfAll: false };
  const testLedger = await createLedger({
    ...terms,
    store: createLedgerFile(join(out, 'test-ledger.jsonl')),
    budget: { epsilon: 1, delta: EVALUATION.delta },
    dataset: 'test mails',
  });
  const tests = datasetOf(test, encoding);
  const outputs = linear.probabilities(parameters, tests);
  const counts = await evaluatePrivately(
    layout,
    { count: () => computeTally({ outputs, labels: tests.labels }, layout), target: EVALUATION, ledger: testLedger },
    rng,
  );
  const metrics = computeMetrics(layout, counts);
  if (metrics.kind !== 'classification' || metrics.auc === null) throw new Error('a classifier was evaluated');
  console.log('training again, to see how far runs differ …');
  const runs = [linear.measure(parameters, tests)];
  while (runs.length < (short ? 2 : 5)) {
    const again = trainOnce(train, settings, { noiseMultiplier, rng });
    runs.push(again.linear.measure(again.parameters, datasetOf(test, again.encoding)));
  }
  const accuracy = spreadOf(runs.map((each) => each.accuracy));
  const auc = spreadOf(runs.map((each) => each.auc));
  console.log('training WITHOUT privacy, as the ceiling …');
  const plain = linear.train(datasetOf(train, encoding), settings.training, { noiseMultiplier: undefined, rng });
  const ceiling = linear.measure(plain, tests);

  const inputs = new Float32Array(encodingWidth(encoding));
  createTextEncoder(encoding)(createRedactor()(say).text, inputs);
  const typed = createDataset({ inputs, inputShape: [inputs.length], labels: new Float32Array(1) });
  const spam = linear.probabilities(parameters, typed)[1] as number;
  const report = join(out, 'report.html');
  const about: [string, string][] = [
    ['mails', `${train.length} for choosing settings and for training, ${test.length} for the test`],
    ['personal data', `${found} pieces replaced`],
    ['private model', `ε = ${epsilon.toFixed(3)} at δ = ${PRIVACY.delta}, one mail added or removed`],
    ['vocabulary', `${encoding.vocabulary.length} frequent terms from a noisy histogram, charged within that`],
    [
      'exact, for the record',
      `accuracy ${withSpread(accuracy)}, AUC ${auc.mean.toFixed(4)} ± ${auc.stddev.toFixed(4)} over ${runs.length} runs (the corpus is public)`,
    ],
    ['ceiling, NOT PRIVATE', `accuracy ${percent(ceiling.accuracy)}, AUC ${ceiling.auc.toFixed(4)}`],
    ['asked', `“${say}”`],
    ['answer', `${spam >= 0.5 ? 'spam' : 'ham'} (spam with ${percent(spam)}), mode dp-trained-model, charge ε = 0`],
  ];
  writeFileSync(
    report,
    await renderEvaluationPage({
      model: 'spam, trained privately',
      data: `${test.length} mails of the SpamAssassin corpus that neither training nor the choice of settings saw`,
      protection: {
        kind: 'private',
        ...EVALUATION,
        noiseStddev: counts.noiseStddev,
        spent: testLedger.spent().epsilon,
        budget: 1,
      },
      classNames: CLASSES,
      groupNames: [],
      metrics,
      about,
    }),
  );
  const rows = [
    ...about.slice(0, 4),
    ['private evaluation', `accuracy ${formatShare(metrics.accuracy)}, AUC ${formatShare(metrics.auc)}`],
    ['', `charged ε = ${EVALUATION.epsilon} at δ = ${EVALUATION.delta} to the test mails`],
    ...about.slice(4),
    ['ask again', `sotto predict ${run} --text "…"`],
    ['report', report],
  ];
  console.log(
    `\ntext: spam or not\n${rows.map(([name = '', value = '']) => `  ${name.padEnd(22)}  ${value}`).join('\n')}`,
  );
  const result = { epsilon, delta: PRIVACY.delta, mails: train.length, found, accuracy, auc, runs, ceiling, spam };
  writeFileSync(join(out, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`);
}
