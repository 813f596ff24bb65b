import { mkdtempSync, openSync, closeSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { runPreparation } from './prepare.ts';

it('prepares a table of 560 MB in less than 300 MB of further memory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-large-'));
  const path = join(folder, 'large.csv');
  const file = openSync(path, 'w');
  writeSync(file, 'age,zip,job,note\n');
  const note = 'an unremarkable remark that fills the line '.repeat(4).trim();
  for (let block = 0; block < 300; block += 1) {
    const lines = Array.from(
      { length: 10_000 },
      (_, i) => `${20 + (i % 60)},${10_000 + (i % 500)},job${i % 20},${note}`,
    );
    writeSync(file, `${lines.join('\n')}\n`);
  }
  closeSync(file);
  expect(statSync(path).size).toBeGreaterThan(550e6);
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `recipe: large
purpose: Show that memory does not grow with rows
input: { format: csv, path: large.csv }
columns:
  age: { type: integer, min: 0, max: 120, serves: a quasi-identifier }
  zip: { type: text, serves: a quasi-identifier }
  job: { type: text, serves: the sensitive attribute }
anonymize:
  quasiIdentifiers:
    age: { kind: intervals, min: 0, max: 120, widths: [5, 20] }
    zip: { kind: prefixes, length: 5 }
  criteria: [{ kind: kAnonymity, k: 1000 }, { kind: entropyLDiversity, column: job, l: 2 }]
  suppressionLimit: 0.05
`,
  );
  const before = process.memoryUsage().rss;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss);
  }, 20);
  const result = await runPreparation({ recipePath: join(folder, 'recipe.yaml'), out: join(folder, 'out') });
  clearInterval(watch);
  expect(result.rows.read).toBe(3_000_000);
  expect(peak - before).toBeLessThan(300e6);
});
