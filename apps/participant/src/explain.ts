/**
 * A task in plain words: what will be computed, what leaves the device, what the coordinator can learn. Every sentence
 * is derived from the task's own numbers, as this browser has recomputed them.
 */
import type { TaskView } from '../../../src/runtime/client/browser/index.ts';
import { bytes, count, oneIn, percent, plural, short } from './format.ts';

export interface Explanation {
  readonly compute: readonly string[];
  readonly leaves: readonly string[];
  readonly stays: readonly string[];
  readonly learns: readonly string[];
  readonly never: readonly string[];
  readonly strength: { readonly word: 'strong' | 'good' | 'moderate' | 'weak' | 'none'; readonly text: string };
}

export function explain(task: TaskView): Explanation {
  return {
    compute: computed(task),
    leaves: leaving(task),
    stays: [
      'Your files, every single example and its label',
      task.privacyUnit === 'client'
        ? 'The model as your data alone would make it'
        : 'Which of your examples were drawn, and how many',
      'Your budget ledger and your receipts, unless you export them',
    ],
    learns: learned(task),
    never: hidden(task),
    strength: strengthOf(task),
  };
}

function computed({
  rounds,
  samplingRate,
  clipNorm,
  parameterCount,
  privacyUnit,
  trust,
  participants,
}: TaskView): string[] {
  const start =
    privacyUnit === 'client'
      ? `In each of ${plural(rounds, 'round')}, your device trains a copy of the shared model on your examples and takes the difference.`
      : `In each of ${plural(rounds, 'round')}, your device tosses a coin for every example (${percent(samplingRate)} come up) and works out how those would change the model.`;
  const clip =
    privacyUnit === 'client'
      ? `The whole difference is shortened to a length of at most ${short(clipNorm)}, so that no participant weighs more than another.`
      : `The pull of every single example is shortened to a length of at most ${short(clipNorm)}, so that none stands out.`;
  const noise = {
    nobody: 'Then your device adds its own share of random noise and adds random masks on top.',
    local: 'Then your device adds enough random noise to hide your contribution on its own.',
    coordinator: 'The noise is added later, by the coordinator.',
    off: 'NO NOISE IS ADDED: this task has no privacy protection.',
  }[trust];
  return [
    start,
    clip,
    ...(noise === undefined ? [] : [noise]),
    `All ${plural(participants, 'participant')} do the same; the model has ${count(parameterCount)} numbers to learn.`,
  ];
}

/** Whether nobody but the participant can read its contribution, by masks, shares or encryption. */
const isUnreadable = ({ aggregation }: TaskView): boolean => aggregation !== 'clear';

/** The sentence that a person reads first. */
export function summaryOf(task: TaskView): string {
  const { trust } = task;
  const fate = isUnreadable(task)
    ? 'what leaves it is summed with the others’ before anybody can read it.'
    : trust === 'local'
      ? 'what leaves it carries noise that hides it by itself, and the coordinator reads no more than that.'
      : 'WHAT LEAVES IT CAN BE READ BY THE COORDINATOR.';
  return `${plural(task.participants, 'participant')} train one model together. Your data stays on this device; ${fate}`;
}

/** Names in a row: `a`, `a and b`, `a, b and c`. */
function row(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function formOf({ aggregation, assistants, trust }: TaskView): string {
  switch (aggregation) {
    case 'secagg':
      return 'a list of numbers that look like dice rolls, because masks hide them';
    case 'shares':
      return `a list of numbers cut into ${assistants.length} pieces that look like dice rolls each, one for ${row(assistants)} each`;
    case 'homomorphic':
      return `an encrypted list of numbers, which none but ${row(assistants)} can open, who opens sums alone`;
    default:
      return trust === 'local' ? 'a list of noisy numbers' : 'a list of numbers THAT THE COORDINATOR CAN READ';
  }
}

function leaving(task: TaskView): string[] {
  const { contributionBytes, parameterCount, aggregation, rounds } = task;
  // Ciphertexts and pieces are larger than what they hold; by how much is not said here.
  const size =
    aggregation === 'secagg' || aggregation === 'clear'
      ? `${count(parameterCount)} of them, ${bytes(contributionBytes)}; ${bytes(contributionBytes * rounds)} in all`
      : `${count(parameterCount)} of them; more than ${bytes(contributionBytes * rounds)} in all`;
  return [
    `Once a round: ${formOf(task)} (${size}).`,
    aggregation === 'secagg'
      ? 'Keys and signatures that let the others’ masks cancel against yours.'
      : 'Keys and signatures that show that it comes from you.',
    'The label you choose below, a public key made for this browser, and the times at which you answer.',
  ];
}

/** On whom it depends that no single contribution is seen, beside the participants. */
function conditionOf({ aggregation, assistants }: TaskView): string | undefined {
  if (aggregation === 'shares') {
    return `That holds as long as ${row(assistants)} do not put their pieces together: one of them that does not is enough.`;
  }
  if (aggregation === 'homomorphic') {
    return `That holds as long as ${row(assistants)}, who has the key, does not secretly work with the coordinator.`;
  }
  return undefined;
}

function learned(task: TaskView): string[] {
  const { participants, threshold, trust, maxCorrupt, epsilon, delta } = task;
  const said: string[] = [];
  if (isUnreadable(task)) {
    said.push(`The sum over at least ${threshold} of ${participants} participants, never a single contribution.`);
    const condition = conditionOf(task);
    if (condition !== undefined) said.push(condition);
    said.push(
      maxCorrupt > 0
        ? `That stays so even if ${maxCorrupt === 1 ? 'one of the others' : `${maxCorrupt} of the others`} secretly worked with the coordinator.`
        : 'That holds as long as no participant secretly works with the coordinator.',
    );
  } else said.push('EVERY SINGLE CONTRIBUTION, yours too: there is no secure aggregation in this task.');
  if (trust === 'nobody') said.push('The sum carries noise already: nobody ever sees it without.');
  if (trust === 'local') said.push('Your contribution carries all of its noise when it leaves.');
  if (trust === 'coordinator')
    said.push('The sum is exact when the coordinator gets it. It must be trusted to add the noise.');
  if (trust === 'off')
    said.push('THE EXACT SUM, AND WHATEVER CAN BE WORKED OUT FROM IT. There is no privacy guarantee.');
  if (epsilon !== null && delta !== null) {
    said.push(
      `Of everything released in the whole task together: at most ε = ${short(epsilon)}, with a probability of failure below ${oneIn(delta)}.`,
    );
  }
  said.push('That you take part, when you are online, and how much data travels.');
  return said;
}

function hidden({ trust, privacyUnit }: TaskView): string[] {
  if (trust === 'off') return [];
  return privacyUnit === 'client'
    ? ['What is in your data, as a whole']
    : ['Whether any one example of yours was used, or what it shows'];
}

function strengthOf({ epsilon, trust, privacyUnit }: TaskView): Explanation['strength'] {
  if (epsilon === null || trust === 'off') {
    return { word: 'none', text: 'NOT PRIVATE. Whoever has the model may learn what your examples show.' };
  }
  const what = privacyUnit === 'client' ? 'had your data been blank' : 'had any one of your examples been left out';
  const factor = `Whatever anybody concludes from the model, they would have concluded almost the same ${what}: no odds change by more than a factor of ${short(Math.exp(epsilon))}.`;
  if (epsilon <= 1) return { word: 'strong', text: factor };
  if (epsilon <= 3) return { word: 'good', text: factor };
  if (epsilon <= 8) return { word: 'moderate', text: factor };
  return { word: 'weak', text: `${factor} That is little protection.` };
}
