/**
 * The card as one HTML page for people: no script, nothing loaded from elsewhere, light and dark.
 *
 * @module
 */

import type { PrivacyCard } from './card.ts';
import { drawPlot } from './plot.ts';
import { answerNistQuestions, detectionAt } from './sheets.ts';
import {
  describeActors,
  describeProtections,
  describeSettings,
  describeTrust,
  describeUnit,
  describeVoid,
} from './words.ts';

const STYLE = `
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d1f24;--soft:#5c616b;--line:#dcd9d0;--main:#1f5fbf;--limit:#b3261e;--card:#fff}
@media(prefers-color-scheme:dark){:root{--paper:#15171b;--ink:#e8e6e1;--soft:#a0a5ae;--line:#33373e;--main:#7fb0ff;--limit:#ff8a80;--card:#1c1f24}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}h1{font-size:1.9rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.5rem 0 .75rem}
.lead{color:var(--soft);margin:0 0 1.5rem}.void{background:var(--limit);color:var(--paper);padding:.75rem 1rem;border-radius:.4rem;font-weight:700}
.figures{display:grid;grid-template-columns:repeat(3,1fr);gap:.75rem}
.figures div{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:.8rem 1rem}.figures b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}
.figures span{color:var(--soft);font-size:.85rem}.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem}figcaption{font-weight:600;margin-bottom:.5rem}
svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:11px}.grid{stroke:var(--line);stroke-width:1}
path{fill:none;stroke-width:2.5}.main{stroke:var(--main)}.limit{stroke:var(--limit);stroke-dasharray:6 4}.reference{stroke:var(--soft);stroke-dasharray:2 4}
.legend{margin:.4rem 0 0;color:var(--soft);font-size:.85rem}.key{display:inline-block;width:1.4rem;border-top:3px solid var(--main);vertical-align:middle;margin-right:.4rem}
.key.limit{border-color:var(--limit);border-top-style:dashed}.key.reference{border-color:var(--soft);border-top-style:dotted}
table{width:100%;border-collapse:collapse;background:var(--card);border:1px solid var(--line);border-radius:.5rem}th,td{text-align:left;vertical-align:top;padding:.55rem .8rem;border-top:1px solid var(--line)}
tr:first-child>*{border-top:0}th{width:15rem;font-weight:600}td{overflow-wrap:anywhere}code{font-size:.85em;overflow-wrap:anywhere}dt{font-weight:600;margin-top:.9rem}dd{margin:.15rem 0 0;color:var(--soft)}
@media(max-width:34rem){.figures{grid-template-columns:1fr 1fr}th{width:9rem}.plots{grid-template-columns:1fr}}
`;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Writes the page. */
export function formatCardPage(card: PrivacyCard): string {
  const { guarantee } = card;
  const warning = describeVoid(card);
  const figures: [string, string][] = [
    [guarantee === null ? 'none' : guarantee.epsilon.toFixed(2), 'ε spent, recomputed'],
    [guarantee === null ? '–' : `${guarantee.delta}`, 'δ'],
    [guarantee === null ? '–' : guarantee.privacyUnit, 'hidden unit'],
    [
      guarantee === null ? '100 %' : `${(100 * detectionAt(card, 0.01)).toFixed(1)} %`,
      'members found at most, at 1 % false alarms',
    ],
    [card.accuracy === null ? '–' : `${(100 * card.accuracy).toFixed(2)} %`, 'accuracy on public data'],
    [`${card.participants}`, 'participants'],
  ];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>Privacy card: ${escape(card.task)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>Privacy card: ${escape(card.task)}</h1>`,
    `<p class="lead">Generated from the run’s transparency log; every number is recomputed from its ledger records.</p>`,
    warning === '' ? '' : `<p class="void">${escape(warning)}</p>`,
    `<section class="figures">${figures.map(([value, label]) => `<div><b>${escape(value)}</b><span>${escape(label)}</span></div>`).join('')}</section>`,
    '<h2>What it cost, and what it buys</h2>',
    `<section class="plots">${spendingPlot(card)}${tradeOffPlot(card)}</section>`,
    '<h2>The guarantee</h2>',
    table([
      ['unit and neighbours', describeUnit(card)],
      ['who was trusted', describeTrust(card)],
      ['mechanism', guarantee === null ? 'none' : `${guarantee.mechanism}, ${describeSettings(guarantee)}`],
      [
        'accounting',
        guarantee === null
          ? 'none'
          : `${guarantee.charges} charges, ${guarantee.accountant.toUpperCase()} accountant, budget ε = ${guarantee.budget}`,
      ],
      [
        'rounds',
        `${card.rounds} in ${card.attempts} attempts, ${card.abortedAttempts} aborted and charged all the same`,
      ],
      ['safeguards', describeProtections(card).join(' ')],
    ]),
    '<h2>Who sees what</h2>',
    `<ul>${describeActors(card)
      .map((line) => `<li>${escape(line)}</li>`)
      .join('')}</ul>`,
    '<h2>Questions of NIST SP 800-226</h2>',
    `<dl>${answerNistQuestions(card)
      .map(({ question, answer }) => `<dt>${escape(question)}</dt><dd>${escape(answer)}</dd>`)
      .join('')}</dl>`,
    '<h2>Evidence</h2>',
    table([
      [
        'log',
        `${card.log.leaves} leaves, key ${card.log.key ?? 'unknown'}${card.log.keyPinned ? '' : ' (taken from the run itself)'}`,
      ],
      ['witnesses', card.log.witnesses.length === 0 ? 'none' : card.log.witnesses.join(', ')],
      ['parameters, SHA-256', card.modelDigest ?? 'none'],
      ...Object.entries(card.files).map(([name, digest]): [string, string] => [name, digest]),
      ['time', `${card.startedAt} to ${card.endedAt}`],
    ]),
    '</main></body></html>\n',
  ].join('\n');
}

function table(rows: readonly (readonly [string, string])[]): string {
  const cell = (text: string): string => (/^[0-9a-f]{64}$/.test(text) ? `<code>${text}</code>` : escape(text));
  return `<table>${rows.map(([name, value]) => `<tr><th scope="row">${escape(name)}</th><td>${cell(value)}</td></tr>`).join('')}</table>`;
}

function spendingPlot({ spending, guarantee }: PrivacyCard): string {
  const last = spending.at(-1);
  if (guarantee === null || last === undefined) return '<figure><figcaption>No budget was kept.</figcaption></figure>';
  const maxX = Math.max(1, last.charge);
  return drawPlot({
    title: 'ε over time',
    x: 'attempts charged',
    y: 'ε',
    maxX,
    maxY: 1.05 * Math.max(guarantee.budget, last.epsilon),
    lines: [
      {
        label: 'spent',
        kind: 'main',
        points: [[0, 0], ...spending.map(({ charge, epsilon }) => [charge, epsilon] as const)],
      },
      {
        label: `budget ${guarantee.budget}`,
        kind: 'limit',
        points: [
          [0, guarantee.budget],
          [maxX, guarantee.budget],
        ],
      },
    ],
  });
}

function tradeOffPlot({ tradeOff }: PrivacyCard): string {
  if (tradeOff.length === 0) return '<figure><figcaption>No guarantee, no trade-off.</figcaption></figure>';
  return drawPlot({
    title: 'What the best membership test can do',
    x: 'outsiders accused (false-positive rate)',
    y: 'members missed',
    maxX: 1,
    maxY: 1,
    lines: [
      {
        label: 'no test does better',
        kind: 'main',
        points: tradeOff.map((point) => [point.falsePositiveRate, point.falseNegativeRate]),
      },
      {
        label: 'guessing',
        kind: 'reference',
        points: [
          [0, 1],
          [1, 0],
        ],
      },
    ],
  });
}
