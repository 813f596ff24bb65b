/**
 * The summary of `sotto train` for people.
 *
 * @module
 */

import type { TrainSummary } from '../runtime/training/index.ts';
import { formatSeconds } from './progress.ts';

const ENDINGS: Readonly<Partial<Record<TrainSummary['ended'], string>>> = {
  'budget-spent': '  the budget was spent before the last step: the ledger refused the next one',
  stopped: '  stopped before the last step',
  'early-stop': '  the rule of training.earlyStop ended it, privately',
};

/** Formats a summary as a block of text. */
export function formatTrainSummary(summary: TrainSummary, { folder }: { folder: string }): string {
  const { seconds } = summary;
  const accuracy = Number.isNaN(summary.accuracy)
    ? ['test loss', summary.loss.toPrecision(5)]
    : ['test accuracy', `${(summary.accuracy * 100).toFixed(2)} %`];
  const rows: (readonly string[])[] = [
    accuracy,
    [
      'privacy',
      summary.epsilon === null
        ? 'NONE: NOT PRIVATE'
        : `ε = ${summary.epsilon.toFixed(3)} at δ = ${summary.delta}, against readers of the model`,
    ],
    ...(summary.epsilon === null
      ? []
      : [
          [
            'counted by',
            `${summary.accountant?.toUpperCase()} accountant, unit: one ${summary.privacyUnit}, relation: ` +
              `${summary.relation}, noise: ${summary.noise}, multiplier ${summary.noiseMultiplier?.toPrecision(4)}`,
          ],
        ]),
    ['who was trusted', summary.trust === 'off' ? 'everybody: NOT PRIVATE' : 'the one who trains'],
    ['steps', String(summary.rounds)],
    [
      'time',
      `${formatSeconds(summary.secondsTotal)} (features ${seconds.features.toFixed(1)}, steps ` +
        `${seconds.steps.toFixed(1)}, evaluation ${seconds.evaluation.toFixed(1)})`,
    ],
    [
      'model',
      `${summary.model.parameters.toLocaleString('en')} parameters, sha256 ${summary.model.sha256.slice(0, 16)}…`,
    ],
    ['run folder', folder],
  ];
  const width = Math.max(...rows.map(([name = '']) => name.length));
  const ending = ENDINGS[summary.ended];
  return [
    '',
    `${summary.task}: one party`,
    ...rows.map(([name = '', value = '']) => `  ${name.padEnd(width)}  ${value}`),
    ...(ending === undefined ? [] : [ending]),
  ].join('\n');
}
