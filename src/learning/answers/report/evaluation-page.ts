/**
 * The report of an evaluation as one HTML page that needs nothing else: tables, and figures drawn by Observable Plot when
 * the page is made, so that no script runs in it.
 *
 * @module
 */

import type { ClassificationMetrics } from '../evaluation/classification.ts';
import type { Estimate } from '../evaluation/estimates.ts';
import type { EvaluationMetrics } from '../evaluation/release.ts';
import { createSvgDocument, escapeHtml } from './svg-document.ts';

/** How the figures were protected, in data. */
export type Protection =
  | { readonly kind: 'public' }
  | {
      readonly kind: 'private';
      readonly epsilon: number;
      readonly delta: number;
      readonly noiseStddev: number;
      /** Spent on the test data so far, this evaluation included. */
      readonly spent: number;
      readonly budget: number;
    }
  | {
      readonly kind: 'federated';
      readonly participants: number;
      readonly aggregation: string;
      readonly trust: string;
      readonly noiseStddev: number;
      readonly epsilon: number | null;
      readonly delta: number | null;
      /** With noise: spent on the test data so far, this evaluation included, and its budget. */
      readonly spent?: number;
      readonly budget?: number;
    };

/** An evaluation, as it is written to JSON. */
export interface EvaluationReport {
  readonly model: string;
  readonly data: string;
  readonly protection: Protection;
  readonly classNames: readonly string[];
  readonly groupNames: readonly string[];
  readonly metrics: EvaluationMetrics;
  /** What else a reader should know, such as what training promised: name and value. */
  readonly about?: readonly (readonly [name: string, value: string])[];
}

/** Says in one line how the figures were protected. */
export function describeProtection(protection: Protection): string {
  switch (protection.kind) {
    case 'public':
      return 'public test data, exact figures: they are not charged, and would have to be if the data were private';
    case 'private':
      return `private test data: discrete Gaussian noise of standard deviation ${protection.noiseStddev.toPrecision(4)} on every count, charged ε = ${protection.epsilon} at δ = ${protection.delta}; spent on this data in all: ε = ${protection.spent.toFixed(4)} of ${protection.budget}`;
    case 'federated':
      return `${protection.participants} participants through ${protection.aggregation}: ${
        protection.epsilon === null
          ? 'the EXACT sum of their counts was opened'
          : `noise of standard deviation ${protection.noiseStddev.toPrecision(4)} inside the sum, charged ε = ${protection.epsilon} at δ = ${protection.delta}${protection.spent === undefined ? '' : `; spent on this data in all: ε = ${protection.spent.toFixed(4)} of ${protection.budget}`}`
      } (${protection.trust})`;
  }
}

/** A share as a person reads it. */
export function formatShare(estimate: Estimate): string {
  if (Number.isNaN(estimate.value)) return 'unknown';
  const percent = (value: number): string => (value * 100).toFixed(2);
  const [low, high] = estimate.interval;
  return `${percent(estimate.value)} % (95 %: ${percent(low)}–${percent(high)})`;
}

function formatNumber({ value, interval: [low, high] }: Estimate): string {
  if (Number.isNaN(value)) return 'unknown';
  return `${value.toPrecision(4)} (95 %: ${low.toPrecision(4)}–${high.toPrecision(4)})`;
}

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#667}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181c;--faint:#99a}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid #8884}
td span,td small{white-space:nowrap}td small{color:var(--faint)}
.scroll{overflow-x:auto}figure{margin:1.5rem 0;overflow-x:auto}figure.wide svg{max-width:none}figcaption{color:var(--faint)}.note{border-left:4px solid #3b7dd8;padding:.3rem .8rem}svg{max-width:100%;height:auto}`;

/** Makes the page. */
export async function renderEvaluationPage(report: EvaluationReport): Promise<string> {
  const { metrics, model, data, protection } = report;
  const figures = metrics.kind === 'classification' ? await drawFigures(metrics, report) : '';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Evaluation of ${escapeHtml(model)}</title><style>${STYLE}</style></head><body>
<h1>Evaluation of ${escapeHtml(model)}</h1>
<p>Test data: ${escapeHtml(data)}.</p>
<p class="note">${escapeHtml(describeProtection(protection))}</p>
${tableOf(['figure', 'value'], summaryRows(report))}
${report.about === undefined ? '' : tableOf(['about', ''], report.about)}
${classTable(report)}${groupTable(report)}${figures}
</body></html>
`;
}

/** The figures in words, for the page and the terminal. */
export function summaryRows({ metrics }: EvaluationReport): string[][] {
  const count = ({ value, noiseInterval: [low, high] }: Estimate): string =>
    low === high ? `${Math.round(value)}` : `${Math.round(value)} (95 %: ${Math.round(low)}–${Math.round(high)})`;
  if (metrics.kind === 'regression') {
    return [
      ['examples', count(metrics.examples)],
      ['mean absolute error', formatNumber(metrics.meanAbsoluteError)],
      ['root mean squared error', formatNumber(metrics.rootMeanSquaredError)],
      ['R²', formatNumber(metrics.rSquared)],
      ...(metrics.errorGap === null ? [] : [['gap of mean absolute errors', metrics.errorGap.toPrecision(4)]]),
    ];
  }
  const { gaps } = metrics;
  return [
    ['examples', count(metrics.examples)],
    ['accuracy', formatShare(metrics.accuracy)],
    ['macro F1', formatShare(metrics.macroF1)],
    ...(metrics.auc === null ? [] : [['area under the curve', formatShare(metrics.auc)]]),
    ['expected calibration error', formatShare(metrics.calibrationError)],
    ...(gaps === null ? [] : [['accuracy gap between groups', formatShare(gaps.accuracy)]]),
    ...(gaps === null || gaps.selectionRate === null
      ? []
      : [['demographic parity difference', formatShare(gaps.selectionRate)]]),
    ...(gaps === null || gaps.truePositiveRate === null
      ? []
      : [['equal opportunity difference', formatShare(gaps.truePositiveRate)]]),
    ...(gaps === null || gaps.equalizedOdds === null
      ? []
      : [
          [
            'equalized odds difference',
            Number.isNaN(gaps.equalizedOdds) ? 'unknown' : `${(100 * gaps.equalizedOdds).toFixed(2)} %`,
          ],
        ]),
  ];
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // A figure and its interval stay whole each; a line may break between them.
  const partsOf = (cell: string): string =>
    escapeHtml(cell).replace(/^(.*) (\(95 %: .*\))$/, '<span>$1</span> <small>$2</small>');
  const cells = (tag: string, row: readonly string[]): string =>
    row.map((cell) => `<${tag}>${partsOf(cell)}</${tag}>`).join('');
  return `<div class="scroll"><table><thead><tr>${cells('th', head)}</tr></thead><tbody>${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('')}</tbody></table></div>`;
}

function classTable({ metrics, classNames }: EvaluationReport): string {
  if (metrics.kind !== 'classification') return '';
  const hasAreas = metrics.classes.length > 2 && metrics.classes.some(({ auc }) => auc !== null);
  const rows = metrics.classes.map((one) => [
    classNames[one.class] ?? `${one.class}`,
    formatShare(one.precision),
    formatShare(one.recall),
    formatShare(one.f1),
    ...(hasAreas ? [one.auc === null ? '–' : formatShare(one.auc)] : []),
  ]);
  return `<h2>Classes</h2>${tableOf(['class', 'precision', 'recall', 'F1', ...(hasAreas ? ['area under the curve'] : [])], rows)}`;
}

function groupTable({ metrics, groupNames }: EvaluationReport): string {
  if (metrics.groups.length === 0) return '';
  if (metrics.kind === 'regression') {
    const lines = metrics.groups.map((one) => [
      groupNames[one.group] ?? `${one.group}`,
      `${Math.round(one.examples.value)}`,
      formatNumber(one.meanAbsoluteError),
      formatNumber(one.rootMeanSquaredError),
      formatNumber(one.rSquared),
    ]);
    const head = ['group', 'examples', 'mean absolute error', 'root mean squared error', 'R²'];
    return `<h2>Groups</h2>${tableOf(head, lines)}`;
  }
  const rows = metrics.groups.map((one) => [
    groupNames[one.group] ?? `${one.group}`,
    formatShare(one.accuracy),
    one.selectionRate === null ? '–' : formatShare(one.selectionRate),
    one.truePositiveRate === null ? '–' : formatShare(one.truePositiveRate),
    one.falsePositiveRate === null ? '–' : formatShare(one.falsePositiveRate),
  ]);
  const head = ['group', 'accuracy', 'selection rate', 'true positive rate', 'false positive rate'];
  return `<h2>Groups</h2>${tableOf(head, rows)}`;
}

async function drawFigures(metrics: ClassificationMetrics, { classNames }: EvaluationReport): Promise<string> {
  // Loaded here: whoever only counts does not load a drawing library.
  const Plot = await import('@observablehq/plot');
  const nameOf = (at: number): string => classNames[at] ?? `${at}`;
  const figure = (options: object, caption: string, kind = ''): string => {
    const drawn = Plot.plot({ ...options, document: createSvgDocument() as Document }) as unknown as {
      outerHTML: string;
    };
    return `<figure${kind === '' ? '' : ` class="${kind}"`}>${drawn.outerHTML}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
  };
  const cells = metrics.confusion.flatMap((row, label) => {
    const total = row.reduce((sum, { value }) => sum + Math.max(0, value), 0);
    return row.map(({ value }, predicted) => ({
      label: nameOf(label),
      predicted: nameOf(predicted),
      count: Math.round(value),
      share: total > 0 ? Math.max(0, value) / total : 0,
    }));
  });
  const [noiseLow, noiseHigh] = metrics.examples.noiseInterval;
  const isNoisy = noiseLow < noiseHigh;
  const order = metrics.confusion.map((_, at) => nameOf(at));
  const confusion = figure(
    {
      width: Math.max(320, 60 + 52 * order.length),
      height: Math.max(220, 60 + 36 * order.length),
      marginLeft: 70,
      x: { type: 'band', domain: order, label: 'predicted', axis: 'top' },
      y: { type: 'band', domain: order, label: 'label' },
      color: { scheme: 'blues', type: 'sqrt', domain: [0, 1] },
      marks: [
        Plot.cell(cells, { x: 'predicted', y: 'label', fill: 'share', inset: 0.5 }),
        Plot.text(cells, {
          x: 'predicted',
          y: 'label',
          text: (cell: { count: number }) => `${cell.count}`,
          fill: (cell: { share: number }) => (cell.share > 0.4 ? 'white' : 'black'),
        }),
      ],
    },
    `Confusion matrix: rows are labels, shading is the share of the row.${isNoisy ? ' Counts carry noise: some fall below zero.' : ''}`,
    'wide',
  );
  const bins = metrics.calibration
    .filter(({ examples, observed }) => examples.noiseInterval[0] > 0 && !Number.isNaN(observed.value))
    .map(({ from, to, observed }) => ({
      score: (from + to) / 2,
      observed: observed.value,
      low: observed.interval[0],
      high: observed.interval[1],
    }));
  const square = { width: 420, height: 380, grid: true };
  const calibration = figure(
    {
      ...square,
      x: { domain: [0, 1], label: 'score' },
      y: { domain: [0, 1], label: 'observed share' },
      marks: [
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { strokeDasharray: '4 4', strokeOpacity: 0.5 },
        ),
        Plot.ruleX(bins, { x: 'score', y1: 'low', y2: 'high', strokeOpacity: 0.5 }),
        Plot.dot(bins, { x: 'score', y: 'observed', fill: 'steelblue' }),
      ],
    },
    `Calibration, with 95 % intervals.${isNoisy ? ' Bins whose counts may be noise alone are left out.' : ''}`,
  );
  if (metrics.roc === null) return confusion + calibration;
  const roc = figure(
    {
      ...square,
      x: { domain: [0, 1], label: 'false positive rate' },
      y: { domain: [0, 1], label: 'true positive rate' },
      marks: [
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { strokeDasharray: '4 4', strokeOpacity: 0.5 },
        ),
        Plot.line(metrics.roc, { x: 'fpr', y: 'tpr', stroke: 'steelblue', strokeWidth: 2 }),
      ],
    },
    'Receiver operating curve.',
  );
  return confusion + roc + calibration;
}
