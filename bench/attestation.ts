/**
 * Benchmark of the verifiers of evidence: every sample of real hardware and every negative case, from the envelope to the
 * decision, in Node and in Chromium. Needs the shared vectors; Chromium is left out where there is none.
 *
 *     node bench/attestation.ts                 times of every piece of evidence
 *     node bench/attestation.ts --runs 50       more repetitions
 *     node bench/attestation.ts --record        also into bench/results/attestation.json
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { decodeEvidence, encodeEvidence } from '../src/trust/attestation/index.ts';
import { openAttestationPage } from '../test/attestation/chromium.ts';
import { hasChromium } from '../test/harness/chromium.ts';
import { type JudgedCase, judgeCase } from '../test/attestation/judge-case.ts';
import { createNegativeCases } from '../test/attestation/negative-cases.ts';
import type { PageApi } from '../test/attestation/page.ts';
import { SAMPLES, sampleEvidence, samplesPresent } from '../test/attestation/samples.ts';
import { describeMachine } from './machine.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '30' },
    record: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
if (!samplesPresent) {
  console.error('the vectors of attestation are not there: nothing to measure');
  process.exit(2);
}
const runs = Number(values.runs);

/** First run, median and worst of the rest, in milliseconds. */
interface Times {
  readonly firstMs: number;
  readonly medianMs: number;
  readonly worstMs: number;
}

const summarize = ([first = Number.NaN, ...rest]: readonly number[]): Times => {
  const sorted = rest.toSorted((a, b) => a - b);
  const round = (ms: number | undefined): number => Number((ms ?? Number.NaN).toFixed(2));
  return {
    firstMs: round(first),
    medianMs: round(sorted[Math.floor(sorted.length / 2)]),
    worstMs: round(sorted.at(-1)),
  };
};

const samples = SAMPLES.map(({ name, accepted }) => {
  const { evidence, at } = sampleEvidence(name);
  return { name, evidence, at: at.toISOString(), accepted };
});
const negative = (await createNegativeCases()).map(({ row, ...each }) => ({ ...each, name: `[${row}] ${each.name}` }));
const cases: readonly (JudgedCase & { readonly refused: boolean })[] = [
  ...samples.map(({ accepted, ...each }) => ({ ...each, refused: !accepted })),
  ...negative.map((each) => ({ ...each, refused: true })),
];

let wrong = 0;
const node: Record<string, Times> = {};
for (const { refused: expected, ...each } of cases) {
  const envelope = encodeEvidence(each.evidence);
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const start = performance.now();
    const { refused } = await judgeCase({ ...each, evidence: decodeEvidence(envelope) });
    times.push(performance.now() - start);
    if (refused !== expected) wrong += 1;
  }
  node[each.name] = summarize(times);
}

const chromium: Record<string, Times> = {};
if (hasChromium) {
  const opened = await openAttestationPage();
  try {
    const given = cases.map(({ evidence, refused: _refused, ...each }) => ({
      ...each,
      envelope: Buffer.from(encodeEvidence(evidence)).toString('base64'),
    }));
    const judged = await opened.page.evaluate(
      ([asked, count]) => (globalThis as unknown as { attestation: PageApi }).attestation.judgeAll(asked, count),
      [given, runs] as const,
    );
    for (const [index, { name, refused, times }] of judged.entries()) {
      if (refused !== cases[index]?.refused) wrong += 1;
      chromium[name] = summarize(times);
    }
  } finally {
    await opened.close();
  }
}

const worst = (times: Readonly<Record<string, Times>>, field: keyof Times): number =>
  Math.max(...Object.values(times).map((each) => each[field]));
const result = {
  machine: describeMachine(),
  runs,
  samples: samples.length,
  negativeCases: negative.length,
  node: { firstMs: worst(node, 'firstMs'), medianMs: worst(node, 'medianMs'), worstMs: worst(node, 'worstMs') },
  ...(hasChromium
    ? {
        chromium: {
          firstMs: worst(chromium, 'firstMs'),
          medianMs: worst(chromium, 'medianMs'),
          worstMs: worst(chromium, 'worstMs'),
        },
      }
    : {}),
  wrongVerdicts: wrong,
  bySample: Object.fromEntries(
    samples.map(({ name }) => [name, { node: node[name], ...(hasChromium ? { chromium: chromium[name] } : {}) }]),
  ),
};
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
else {
  console.table(node);
  if (hasChromium) console.table(chromium);
  console.log(JSON.stringify({ ...result, bySample: undefined }, undefined, 2));
}
if (values.record) {
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(new URL('results/attestation.json', import.meta.url), `${JSON.stringify(result, undefined, 2)}\n`);
}
if (wrong > 0) process.exitCode = 1;
