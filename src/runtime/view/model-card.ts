/**
 * A model's card: what it was trained to do, what it promises to those whose data it saw, and what it does not.
 *
 * @module
 */

import type { TaskView } from './task-view.ts';

/** Writes the card of a task's model as Markdown. */
export function describeModel({ head, models, history, alarms }: TaskView): string {
  const { privacy } = head;
  const [model] = models;
  const rows: (readonly [string, string])[] = [
    ['rounds', `${head.round} of ${head.rounds}, in ${history.length} attempts, ${head.aborted} aborted`],
    ['participants', `${head.participants}; ${head.dropouts} dropouts`],
    ['parameters', head.parameters.toLocaleString('en')],
    ['accuracy on public test data', head.accuracy === null ? 'not measured' : `${(head.accuracy * 100).toFixed(2)} %`],
    ['loss on public test data', head.loss === null ? 'not measured' : head.loss.toFixed(4)],
    ['sha256', model?.sha256 ?? 'no model yet'],
  ];
  const promise =
    privacy.trust === 'off' || privacy.seeded
      ? '**None. This model protects nobody whose data it was trained on.**'
      : `(ε, δ) = (${head.epsilon?.toFixed(4)}, ${privacy.delta}) for one ${privacy.privacyUnit}, relation ${privacy.relation}, ` +
        `counted by the ${privacy.accountant?.toUpperCase()} accountant over every attempt that was charged. ` +
        `Noise multiplier ${privacy.noiseMultiplier?.toFixed(4)}, clip norm ${privacy.clipNorm}${privacy.samplingRate === null ? '' : `, sampling rate ${privacy.samplingRate}`}.`;
  return [
    `# ${head.name.replaceAll(/[\n\r]/g, ' ')}`,
    '',
    '| | |',
    '|---|---|',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    '## What it promises',
    '',
    promise,
    '',
    '## Who was trusted, with what',
    '',
    trustOf(head),
    '',
    ...(alarms.length === 0 ? [] : ['## To be known', '', ...alarms.map(({ text }) => `- ${text}`), '']),
    '## What it does not promise',
    '',
    'Nothing about what the model says of the population: a fact that many people share can be learned from it, whoever of',
    'them took part. Accuracy on other data than the public test data is not known.',
    '',
  ].join('\n');
}

/** What the coordinator saw, and on whom that depended. */
function sumOf({ aggregation, threshold, adversary }: TaskView['head']['privacy']): string {
  const sums = `the coordinator saw ${threshold === null ? 'sums' : `sums of at least ${threshold} contributions`} and no single one`;
  switch (aggregation) {
    case 'secagg':
      return adversary === 'malicious-coordinator'
        ? `Contributions were masked: ${sums}, even where it did not follow the protocol.`
        : `Contributions were masked: ${sums}, provided that it followed the protocol (honest but curious).`;
    case 'shares':
      return `Contributions were cut into shares for servers of their own: ${sums}, provided that one of the servers kept its shares to itself.`;
    case 'homomorphic':
      return `Contributions were encrypted: ${sums}, provided that the holder of the key opened sums alone.`;
    default:
      return 'Contributions reached the coordinator in the clear.';
  }
}

function trustOf({ privacy }: TaskView['head']): string {
  const sum = sumOf(privacy);
  switch (privacy.trust) {
    case 'nobody':
      return `${sum} Each participant added a share of the noise; up to ${privacy.maxCorrupt} of them may be corrupt.`;
    case 'local':
      return `${sum} Each contribution is private by itself.`;
    case 'coordinator':
      return `${sum} The coordinator was trusted to add the noise.`;
    case 'off':
      return `${sum} No noise was added.`;
  }
}
