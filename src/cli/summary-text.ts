/**
 * The summary of a run for people.
 *
 * @module
 */

import type { RunSummary } from '../runtime/simulation/index.ts';
import { formatBytes, formatSeconds } from './progress.ts';

/** Formats a summary as a block of text. */
export function formatSummary(summary: RunSummary, { folder }: { folder: string }): string {
  const rows: (readonly [string, string])[] = [
    ['test accuracy', `${(summary.accuracy * 100).toFixed(2)} %`],
    ['privacy', privacyLine(summary)],
    ...(summary.epsilon === null ? [] : [['counted by', countedBy(summary)] as const]),
    ['who was trusted', trustLine(summary)],
    ['holds against', summary.adversary === 'honest-but-curious' ? honestButCurious(summary) : summary.adversary],
    ...(summary.mode === 'federated' ? [['coordinator saw', sawLine(summary)] as const] : []),
    ...assistantRows(summary),
    [
      'rounds',
      `${summary.rounds} in ${summary.attempts} attempts, ${summary.abortedAttempts} aborted` +
        (summary.interruptedAttempts > 0 ? `, ${summary.interruptedAttempts} interrupted` : '') +
        (summary.mode === 'federated'
          ? `; ${summary.dropouts} ${summary.dropouts === 1 ? 'dropout' : 'dropouts'}, ${formatBytes(summary.bytesPerParticipantRound)} a participant and round`
          : ''),
    ],
    ['time', timeLine(summary)],
    [
      'model',
      `${summary.model.parameters.toLocaleString('en')} parameters, sha256 ${summary.model.sha256.slice(0, 16)}…`,
    ],
    ['run folder', folder],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  const warnings = [
    ...(summary.seeded ? ['  SEEDED RUN: REPRODUCIBLE, AND THEREFORE WITHOUT ANY PRIVACY GUARANTEE.'] : []),
    ...(summary.ended === 'budget-spent'
      ? ['  the budget was spent before the last round: no further attempt is within it, or within maxParticipations']
      : []),
    ...(summary.ended === 'stopped' ? ['  stopped before the last round'] : []),
  ];
  return [
    '',
    `${summary.task}: ${summary.mode === 'federated' ? `${summary.participants} participants, one sum` : 'one party'}`,
    ...lines,
    ...warnings,
  ].join('\n');
}

function privacyLine(summary: RunSummary): string {
  if (summary.epsilon === null) return 'NONE: NOT PRIVATE';
  const guarantee = `ε = ${summary.epsilon.toFixed(3)} at δ = ${summary.delta}`;
  return summary.seeded ? `VOID (seeded); would be ${guarantee}` : guarantee;
}

function countedBy(summary: RunSummary): string {
  return (
    `${summary.accountant?.toUpperCase()} accountant, unit: one ${summary.privacyUnit}, relation: ${summary.relation}, ` +
    `noise multiplier ${summary.noiseMultiplier?.toFixed(3)}`
  );
}

function trustLine(summary: RunSummary): string {
  switch (summary.trust) {
    case 'nobody':
      return `nobody: each participant adds a share of the noise; ${summary.maxCorrupt} of them may be corrupt`;
    case 'coordinator':
      return 'the one who trains: it sees the exact sum and adds the noise';
    case 'local':
      return 'nobody: each participant adds the whole of its noise';
    default:
      return 'everybody: NOT PRIVATE';
  }
}

function honestButCurious(summary: RunSummary): string {
  return (
    `an honest-but-curious coordinator with up to ${summary.maxCorrupt} participants` +
    (summary.aggregation === 'secagg' ? ' (messages are not signed)' : '')
  );
}

function sawLine(summary: RunSummary): string {
  const sum = summary.trust === 'nobody' || summary.trust === 'local' ? 'one noised sum' : 'one EXACT sum';
  switch (summary.aggregation) {
    case 'secagg':
      return `who took part and when, masked vectors, and of each round ${sum}`;
    case 'shares':
      return `who took part and when, sealed shares, and of each round ${sum}`;
    case 'homomorphic':
      return `who took part and when, ciphertexts, and of each round ${sum}`;
    default:
      return summary.trust === 'local' ? 'every contribution, noised by its sender' : 'every contribution in the clear';
  }
}

/** Who must not collude, and what the way of adding cost beside masks. */
function assistantRows({ aggregation, assistants, price, bytesPerParticipantRound }: RunSummary): [string, string][] {
  if (price === null) return [];
  const names = [assistants.slice(0, -1).join(', '), ...assistants.slice(-1)]
    .filter((part) => part !== '')
    .join(' and ');
  const blind = assistants.length > 2 ? `any ${assistants.length - 1} of them see` : 'any one of them alone sees';
  const collusion =
    aggregation === 'shares'
      ? `${names}: ${blind} uniform bits; all of them together see contributions`
      : `${names}: it must not collude with the coordinator; it opens one sum an attempt`;
  const { assistantSecondsPerAttempt: seconds, secaggBytesPerParticipantRound: masks } = price;
  return [
    ['assistants', collusion],
    [
      'price',
      `${formatBytes(bytesPerParticipantRound)} a participant and round, pairwise masks would take ${formatBytes(masks)}; ` +
        `assistants took ${seconds.toFixed(2)} s a round`,
    ],
  ];
}

/** What participants do beside computing, by how the sum is formed. */
const PROTECTING: Readonly<Record<string, string>> = {
  secagg: 'masks',
  shares: 'sealed shares',
  homomorphic: 'encryption',
};

function timeLine({ secondsTotal, cpuSeconds, aggregation }: RunSummary): string {
  const parts = Object.entries(cpuSeconds)
    .filter(([, seconds]) => seconds >= 0.05)
    .map(([part, seconds]) => {
      const name = part === 'masks' ? (PROTECTING[aggregation] ?? 'messages') : part;
      return `${name} ${seconds.toFixed(1)}`;
    })
    .join(', ');
  return `${formatSeconds(secondsTotal)} (thread seconds: ${parts})`;
}
