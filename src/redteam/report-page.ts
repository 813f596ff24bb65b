/**
 * The report of an attack as one HTML page that needs nothing else, light or dark as the reader's screen is: tables, and
 * figures drawn by Observable Plot when the page is made, so that no script runs in it.
 *
 * @module
 */

import { createSvgDocument, escapeHtml } from '../learning/answers/index.ts';
import type { AttackRates } from './attack-rates.ts';
import type { OneRunAudit } from './one-run-audit.ts';

/** A figure of a report. */
export type ReportFigure =
  | { readonly kind: 'scores'; readonly scores: ArrayLike<number>; readonly coins: Uint8Array }
  | { readonly kind: 'bounds'; readonly audit: OneRunAudit }
  | { readonly kind: 'roc'; readonly curves: readonly { readonly name: string; readonly rates: AttackRates }[] };

/** What a report says. */
export interface RedteamReport {
  readonly title: string;
  /** The finding in one sentence. */
  readonly verdict: string;
  /** Whether the finding is bad news. */
  readonly alarm: boolean;
  readonly tables: readonly {
    readonly heading: string;
    readonly head: readonly string[];
    readonly rows: readonly (readonly string[])[];
  }[];
  readonly figures: readonly ReportFigure[];
  /** What the figures cannot say. */
  readonly limits: readonly string[];
}

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#667;--in:#2b6cb0;--out:#c05621;--good:#2f855a;--bad:#c53030}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181c;--faint:#99a;--in:#7fb3ee;--out:#f0a36b;--good:#6fcf97;--bad:#ff8a80}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid #8884}
thead~tbody td,th{white-space:nowrap}.scroll{overflow-x:auto}figure{margin:1.5rem 0;overflow-x:auto}figcaption,li{color:var(--faint)}svg{max-width:100%;height:auto}
.verdict{border-left:4px solid var(--good);padding:.3rem .8rem;font-weight:600}.verdict.alarm{border-color:var(--bad)}`;

/** Makes the page. */
export async function renderRedteamPage(report: RedteamReport): Promise<string> {
  const { title, verdict, alarm, tables, figures, limits } = report;
  const drawn = await drawFigures(figures);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head><body>
<h1>${escapeHtml(title)}</h1>
<p class="verdict${alarm ? ' alarm' : ''}">${escapeHtml(verdict)}</p>
${tables.map(({ heading, head, rows }) => `<h2>${escapeHtml(heading)}</h2>${tableOf(head, rows)}`).join('\n')}
${drawn.join('\n')}
<h2>What this cannot say</h2><ul>${limits.map((limit) => `<li>${escapeHtml(limit)}</li>`).join('')}</ul>
</body></html>
`;
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('');
  const heading = head.some((cell) => cell !== '') ? `<thead><tr>${cells('th', head)}</tr></thead>` : '';
  return `<div class="scroll" tabindex="0"><table>${heading}<tbody>${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('')}</tbody></table></div>`;
}

async function drawFigures(figures: readonly ReportFigure[]): Promise<string[]> {
  // Loaded here: whoever only measures does not load a drawing library.
  const Plot = await import('@observablehq/plot');
  const figure = (options: object, caption: string): string => {
    const drawn = Plot.plot({ ...options, document: createSvgDocument() as Document }) as unknown as {
      outerHTML: string;
    };
    return `<figure>${drawn.outerHTML}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
  };
  return figures.map((one) => {
    switch (one.kind) {
      case 'scores':
        return figure(
          {
            width: 640,
            height: 260,
            x: { label: 'score' },
            y: { label: 'canaries', grid: true },
            color: { domain: ['in', 'out'], range: ['var(--in)', 'var(--out)'], legend: false },
            marks: [
              Plot.rectY(histogramOf(one), {
                x1: 'from',
                x2: 'to',
                y: 'count',
                fill: 'coin',
                fillOpacity: 0.7,
                insetLeft: 0.5,
              }),
              Plot.ruleY([0]),
            ],
          },
          'Scores of the canaries, stacked: blue were in the training data, orange were not. The further apart, the more is told.',
        );
      case 'bounds': {
        const { outcomes, claimed, epsilonDetectable } = one.audit;
        return figure(
          {
            width: 640,
            height: 300,
            x: { label: 'guesses', type: 'log', ticks: 6 },
            y: {
              label: 'ε that the right guesses refute',
              grid: true,
              domain: [0, Math.max(epsilonDetectable, claimed ?? 0) * 1.05],
            },
            marks: [
              Plot.dot(outcomes, {
                x: 'guesses',
                y: 'epsilonLower',
                r: 5,
                fill: (outcome: { out: number }) => (outcome.out === 0 ? 'var(--in)' : 'var(--ink)'),
              }),
              ...(claimed === null
                ? []
                : [
                    Plot.ruleY([claimed], { stroke: 'var(--bad)', strokeDasharray: '5 4' }),
                    Plot.text([{ y: claimed }], {
                      y: 'y',
                      frameAnchor: 'right',
                      dy: -8,
                      fill: 'var(--bad)',
                      text: () => `claimed ε = ${claimed.toFixed(3)}`,
                    }),
                  ]),
            ],
          },
          'Ways of guessing: blue name only who is in, the others as many who are out. All of them count toward the confidence. A dot above the dashed line refutes the claim.',
        );
      }
      case 'roc':
        return figure(
          {
            width: 460,
            height: 420,
            grid: true,
            x: { ...axis, label: 'false positive rate' },
            y: { ...axis, label: 'true positive rate' },
            color: { legend: false },
            marks: [
              Plot.line(
                [
                  [1e-3, 1e-3],
                  [1, 1],
                ],
                { strokeDasharray: '4 4', strokeOpacity: 0.5 },
              ),
              ...one.curves.flatMap(({ rates, name }, at) => {
                const points = rates.roc.filter(({ fpr, tpr }) => fpr >= 1e-3 && tpr >= 1e-3);
                const stroke = COLORS[at % COLORS.length] as string;
                return [
                  Plot.line(points, { x: 'fpr', y: 'tpr', stroke, strokeWidth: 2 }),
                  Plot.text([name], {
                    frameAnchor: 'bottom-right',
                    dx: -8,
                    dy: -12 - 18 * at,
                    fill: stroke,
                    text: (text: string) => text,
                  }),
                ];
              }),
            ],
          },
          'Receiver operating curves on logarithmic axes: what counts is the left edge, where an attack is sure.',
        );
    }
  });
}

/** An axis of rates, from one in a thousand. */
const axis = {
  type: 'log',
  domain: [1e-3, 1],
  clamp: true,
  ticks: [1e-3, 1e-2, 1e-1, 1],
  tickFormat: (rate: number) => `${Number((100 * rate).toPrecision(3))} %`,
};
const COLORS = ['var(--in)', 'var(--out)', 'var(--good)'];
const BINS = 40;

/** Counts scores in equal cells between the first and the last percentile, beyond which they gather at the ends. */
function histogramOf({ scores, coins }: { scores: ArrayLike<number>; coins: Uint8Array }): object[] {
  const sorted = Float64Array.from(scores).sort();
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] as number;
  const [low, high] = [at(0.01), at(0.99)];
  const width = (high - low) / BINS || 1;
  const counts = { in: new Uint32Array(BINS), out: new Uint32Array(BINS) };
  Array.from(scores).forEach((score, i) => {
    const cell = Math.min(BINS - 1, Math.max(0, Math.floor((score - low) / width)));
    const side = coins[i] === 1 ? counts.in : counts.out;
    side[cell] = (side[cell] as number) + 1;
  });
  return (['in', 'out'] as const).flatMap((coin) =>
    Array.from(counts[coin], (count, i) => ({ coin, count, from: low + i * width, to: low + (i + 1) * width })),
  );
}
