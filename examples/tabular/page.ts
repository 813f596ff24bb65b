/**
 * The report of the example on tables: one page that needs nothing else.
 *
 * @module
 */

/** What a model was trained on, and under what protection. */
export type TrainedOn = 'raw, no protection' | '10-anonymous rows, no noise' | 'raw, differential privacy';

interface Risks {
  readonly prosecutor: { readonly highest: number; readonly average: number };
  readonly sampleUniqueness: number;
}

interface Spread {
  readonly mean: number;
  readonly stddev: number;
}

/** What came of one table. */
export interface TableOutcome {
  readonly name: string;
  readonly train: number;
  readonly test: number;
  readonly dropped: readonly { readonly column: string; readonly why: string }[];
  readonly suppressed: number;
  readonly anonymization: {
    readonly classes: number;
    readonly levels?: Readonly<Record<string, number>>;
    readonly risks: { readonly before: Risks; readonly after: Risks };
    readonly warning: string;
  };
  readonly promise: {
    readonly epsilon: number;
    readonly delta: number;
    readonly relation: string;
    readonly noiseMultiplier: number;
  };
  /** Accuracy of whoever always says the larger class. */
  readonly always: number;
  readonly models: readonly {
    readonly kind: TrainedOn;
    readonly runs: number;
    readonly accuracy: Spread;
    readonly auc: Spread;
  }[];
}

const PROMISE: Readonly<Record<TrainedOn, string>> = {
  'raw, no protection': 'nothing: NOT PRIVATE, the ceiling',
  '10-anonymous rows, no noise': 'ten rows look alike; no bound on what the model tells',
  'raw, differential privacy': 'whoever reads the model learns next to nothing of one row',
};

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--faint:#667;--bar:#3b7dd8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#16181c;--faint:#99a;--bar:#6ba3f0}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem .9rem .25rem 0;border-bottom:1px solid #8884;vertical-align:top}
figure{margin:1rem 0;overflow-x:auto}figcaption,.faint{color:var(--faint)}.scroll{overflow-x:auto}.note{border-left:4px solid var(--bar);padding:.3rem .8rem}svg{width:100%;min-width:34rem;max-width:46rem;height:auto}
svg text{fill:var(--ink);font:14px system-ui,sans-serif}svg rect{fill:var(--bar)}svg .base{stroke:var(--faint);stroke-dasharray:4 4}svg .spread{stroke:var(--ink);stroke-width:2}`;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
const row = (tag: string, cells: readonly string[]): string =>
  `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join('')}</tr>`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<div class="scroll"><table><thead>${row('th', head)}</thead><tbody>${rows.map((cells) => row('td', cells)).join('')}</tbody></table></div>`;

/** Bars of accuracy from the larger class's share upwards: what a model adds to knowing nothing of a person. */
function drawBars({ models, always }: TableOutcome): string {
  const top = Math.max(...models.map(({ accuracy }) => accuracy.mean)) + 0.01;
  const from = Math.floor(always * 50) / 50 - 0.02;
  const x = (value: number): number => 230 + (420 * (value - from)) / (top - from);
  const bars = models.map(({ kind, accuracy: { mean, stddev }, runs }, i) => {
    const y = 14 + 40 * i;
    const spread =
      runs > 1
        ? `<line class="spread" x1="${x(mean - stddev)}" x2="${x(mean + stddev)}" y1="${y + 13}" y2="${y + 13}"/>`
        : '';
    return `<text x="0" y="${y + 18}">${escape(kind)}</text><rect x="${x(from)}" y="${y}" width="${x(mean) - x(from)}" height="26" rx="3"/>${spread}<text x="${x(top) + 12}" y="${y + 18}">${percent(mean)}</text>`;
  });
  const height = 40 * models.length + 34;
  return `<figure><svg viewBox="0 0 740 ${height}" role="img" aria-label="Accuracy of the models">${bars.join('')}
<line class="base" x1="${x(always)}" x2="${x(always)}" y1="4" y2="${height - 26}"/><text x="${x(always) + 4}" y="${height - 8}">always the larger class: ${percent(always)}</text></svg>
<figcaption>Accuracy on raw test rows; the axis begins at ${percent(from)}. Thin lines: one standard deviation of several runs.</figcaption></figure>`;
}

function sectionOf(outcome: TableOutcome): string {
  const { name, train, test, dropped, suppressed, anonymization, promise, models } = outcome;
  const { before, after } = anonymization.risks;
  return `<h2>${escape(name)}</h2>
<p>${train} rows for training, ${test} raw rows for the test.</p>
<h3>What was left out, and what was generalised</h3>
${
  dropped.length === 0
    ? '<p>No column was dropped: all of them serve the purpose.</p>'
    : table(
        ['dropped', 'why'],
        dropped.map(({ column, why }) => [column, why]),
      )
}
${table(
  ['column', 'level of generalisation (0: as it is)'],
  Object.entries(anonymization.levels ?? {}).map(([column, level]) => [column, `${level}`]),
)}
${table(
  ['risk of re-identification', 'before', 'after'],
  [
    ['highest', percent(before.prosecutor.highest), percent(after.prosecutor.highest)],
    ['average', percent(before.prosecutor.average), percent(after.prosecutor.average)],
    ['rows that are unique', percent(before.sampleUniqueness), percent(after.sampleUniqueness)],
  ],
)}
<p class="faint">${anonymization.classes} classes; ${suppressed} rows suppressed. ${escape(anonymization.warning)}</p>
<h3>What the models are worth, and what they promise</h3>
${drawBars(outcome)}
${table(
  ['trained on', 'accuracy', 'AUC', 'promise'],
  models.map(({ kind, accuracy, auc, runs }) => [
    kind,
    `${percent(accuracy.mean)}${runs > 1 ? ` ± ${(100 * accuracy.stddev).toFixed(2)} (${runs} runs)` : ''}`,
    `${auc.mean.toFixed(4)}${runs > 1 ? ` ± ${auc.stddev.toFixed(4)}` : ''}`,
    PROMISE[kind],
  ]),
)}
<p class="note">Differential privacy: ε = ${promise.epsilon.toFixed(3)} at δ = ${promise.delta} for one row (${escape(promise.relation)}), noise multiplier ${promise.noiseMultiplier.toPrecision(4)}, charged once for the model that is kept. Further runs only show the spread.</p>`;
}

/** Makes the page. */
export function renderTabularPage(outcomes: readonly TableOutcome[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A census table, protected in two ways</title><style>${STYLE}</style></head><body>
<h1>A census table, protected in two ways</h1>
<p>The same linear model predicts the income class. It is trained on rows that were minimised and made k-anonymous, and on the raw rows with differential privacy; without any protection it shows what there is to lose.</p>
${outcomes.map(sectionOf).join('\n')}
</body></html>
`;
}
