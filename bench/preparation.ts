/**
 * Speed of preparation: the optimal search over the 12,960 transformations of the Adult table (30,162 rows, nine
 * quasi-identifiers) for each metric, and the scan of a megabyte of text for personal data. `npm run bench:preparation`
 * prints a table and writes bench/results/preparation.json.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createPiiScanner, findOptimum, type Metric } from 'sotto/preparation';

import { describeMachine } from './machine.ts';
import { adult } from '../test/support/adult-table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const RUNS = 3;

interface Row {
  readonly what: string;
  readonly secondsWall: number;
  readonly secondsCpu: number;
}

/** The best of a few runs, in wall time and in processor time. */
function measure(what: string, run: () => void): Row {
  let [wall, cpu] = [Infinity, Infinity];
  for (let i = 0; i < RUNS; i += 1) {
    const [started, used] = [performance.now(), process.cpuUsage()];
    run();
    const { user, system } = process.cpuUsage(used);
    wall = Math.min(wall, performance.now() - started);
    cpu = Math.min(cpu, (user + system) / 1000);
  }
  const row = { what, secondsWall: Math.round(wall) / 1000, secondsCpu: Math.round(cpu) / 1000 };
  console.log(`${what.padEnd(60)} ${row.secondsWall.toFixed(3)} s (${row.secondsCpu.toFixed(3)} s of CPU)`);
  return row;
}

const rows: Row[] = [];
if (adult === undefined) console.log('the Adult table is not present: its rows are left out');
else {
  const { table, hierarchies } = adult.load([]);
  const metrics: Metric[] = [
    { kind: 'entropy' },
    { kind: 'discernibility' },
    { kind: 'averageClassSize' },
    { kind: 'loss' },
    { kind: 'precision' },
  ];
  for (const metric of metrics) {
    for (const k of [5, 100]) {
      rows.push(
        measure(`optimum of 12,960 transformations, ${metric.kind}, k = ${k}`, () => {
          findOptimum(table, { hierarchies, criteria: [{ kind: 'kAnonymity', k }], metric, suppressionLimit: 0.04 });
        }),
      );
    }
  }
}
const sentences = readFileSync(join(root, 'test/vectors/pii/sentences.txt'), 'utf8').replaceAll(
  /\[\[[A-Z_]+\|(.*?)\]\]/gsu,
  '$1',
);
const filler = ' Some more words of ordinary prose, which has nothing to hide.\n\n';
const text = sentences
  .split('\n')
  .join(filler)
  .repeat(40)
  .slice(0, 2 ** 20);
const scanner = createPiiScanner();
let found = 0;
rows.push(
  measure('1 MiB of text, all recognisers', () => {
    found = scanner.scan(text).length;
  }),
);
console.log(`${found} findings in that text`);
writeFileSync(
  join(root, 'bench/results/preparation.json'),
  `${JSON.stringify({ machine: describeMachine(), runs: RUNS, findings: found, rows }, undefined, 2)}\n`,
);
