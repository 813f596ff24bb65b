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
    [
      'rounds',
      `${summary.rounds} in ${summary.attempts} attempts, ${summary.abortedAttempts} aborted` +
        (summary.interruptedAttempts > 0 ? `, ${summary.interruptedAttempts} interrupted` : '') +
        (summary.mode === 'federated'
          ? `; ${summary.dropouts} dropouts, ${formatBytes(summary.bytesPerParticipantRound)} a participant and round`
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
      ? ['  the budget was spent before the last round: the ledger refused the next attempt']
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
  return `an honest-but-curious coordinator with up to ${summary.maxCorrupt} participants (messages are not signed)`;
}

function sawLine(summary: RunSummary): string {
  if (summary.aggregation !== 'secagg') {
    return summary.trust === 'local' ? 'every contribution, noised by its sender' : 'every contribution in the clear';
  }
  const sum = summary.trust === 'nobody' || summary.trust === 'local' ? 'one noised sum' : 'one EXACT sum';
  return `who took part and when, masked vectors, and of each round ${sum}`;
}

function timeLine({ secondsTotal, cpuSeconds }: RunSummary): string {
  const parts = Object.entries(cpuSeconds)
    .filter(([, seconds]) => seconds >= 0.05)
    .map(([part, seconds]) => `${part} ${seconds.toFixed(1)}`)
    .join(', ');
  return `${formatSeconds(secondsTotal)} (thread seconds: ${parts})`;
}
