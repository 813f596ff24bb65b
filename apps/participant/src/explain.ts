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

function leaving({ contributionBytes, parameterCount, aggregation, rounds, trust }: TaskView): string[] {
  const form =
    aggregation === 'secagg'
      ? 'a list of numbers that look like dice rolls, because masks hide them'
      : trust === 'local'
        ? 'a list of noisy numbers'
        : 'a list of numbers THAT THE COORDINATOR CAN READ';
  return [
    `Once a round: ${form} (${count(parameterCount)} of them, ${bytes(contributionBytes)}; ${bytes(contributionBytes * rounds)} in all).`,
    'Keys and signatures that let the others’ masks cancel against yours.',
    'The label you choose below, a public key made for this browser, and the times at which you answer.',
  ];
}

function learned({ participants, threshold, trust, aggregation, maxCorrupt, epsilon, delta }: TaskView): string[] {
  const said: string[] = [];
  if (aggregation === 'secagg') {
    said.push(`The sum over at least ${threshold} of ${participants} participants, never a single contribution.`);
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
