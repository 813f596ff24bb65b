/**
 * One table prepared in memory, from the text of a recipe to the rows of the release, and a text screened: the same in Node and
 * in a page, for a seed.
 *
 * @module
 */

import { createSeededRng } from '../../src/foundations/random/index.ts';
import { createPiiScanner, createPreparation, parseRecipe, redactText } from '../../src/learning/preparation/index.ts';
import { createCsvParser } from '../../src/runtime/storage/csv/index.ts';

const RECIPE = `recipe: clinic
purpose: Predict readmission from what is known at discharge
input: { format: csv, path: patients.csv }
columns:
  patient: { type: text, serves: joins visits of a person, treatment: { kind: token, purpose: study, prefix: s- } }
  age: { type: integer, min: 0, max: 120, serves: risk grows with age }
  zip: { type: text, serves: distance to the clinic }
  weight: { type: number, min: 30, max: 200, serves: dose, private: true, treatment: { kind: noise, epsilon: 1 } }
  card: { type: text, serves: billing, treatment: { kind: formatPreserving, purpose: study } }
  admitted: { type: date, serves: season, treatment: { kind: dateShift, purpose: study, person: patient } }
  diagnosis: { type: category, categories: [flu, asthma, cancer, injury], serves: the main predictor }
  note: { type: text, serves: free text model, treatment: { kind: pii, operator: { kind: hash } } }
anonymize:
  quasiIdentifiers:
    age: { kind: intervals, min: 0, max: 120, widths: [5, 10, 20] }
    zip: { kind: prefixes, length: 5, steps: [1, 2] }
  criteria: [{ kind: kAnonymity, k: 5 }, { kind: distinctLDiversity, column: diagnosis, l: 2 }]
  suppressionLimit: 0.05
statistics:
  - { kind: quantiles, name: median age, column: age, epsilon: 0.5, quantiles: [0.5] }
  - { kind: histogram, name: diagnoses, column: diagnosis, epsilon: 0.5 }
synthetic: { columns: [age, diagnosis], rows: 20, epsilon: 1, delta: 1.0e-7 }
privacy: { epsilon: 4, delta: 1.0e-6, dataset: clinic }
keys: { file: study.key }
`;

/** A text with letters beyond the BMP before what is to be found. */
export const TEXT =
  '👩‍⚕️ 𝒟r. says: write to ann.lee@example.org, or pay to DE89 3704 0044 0532 0130 00. 😀 Call +1 415 555 2671!';

function table(): string {
  const lines = Array.from({ length: 300 }, (_, i) =>
    [
      `P${i % 120}`,
      20 + (i % 60),
      `1011${i % 10}`,
      50 + (i % 70),
      `4000${String(i).padStart(6, '0')}`,
      `2024-0${1 + (i % 9)}-1${i % 9}`,
      ['flu', 'asthma', 'cancer', 'injury'][(i * 7) % 4],
      `"Called, on +1 415 555 ${2600 + (i % 90)}"`,
    ].join(','),
  );
  return `patient,age,zip,weight,card,admitted,diagnosis,note\n${lines.join('\n')}\n`;
}

/** Prepares the table and screens the text. */
export function prepareSample(): Record<string, unknown> {
  const parser = createCsvParser();
  const items = [...parser.push(table()), ...parser.end()];
  const preparation = createPreparation({
    recipe: parseRecipe(RECIPE, { path: 'recipe.yaml' }),
    columns: parser.columns ?? [],
    readFile: () => '',
    masterKey: new Uint8Array(32).fill(7),
    rng: createSeededRng('preparation'),
  });
  const rows: { line: number; cells: (string | null)[] }[] = [];
  for (const item of items) {
    if (item.kind === 'malformed') throw new TypeError('the sample has no malformed rows');
    const cells = preparation.check(item);
    if ('kind' in cells) throw new TypeError('the sample has no malformed cells');
    rows.push({ line: item.line, cells });
    preparation.collect(cells, item.line);
  }
  preparation.decide();
  const prepared = rows.flatMap(({ cells, line }) =>
    [preparation.transform(cells, line)].filter((row) => row !== undefined),
  );
  const spans = createPiiScanner().scan(TEXT);
  return {
    prepared,
    synthetic: [...(preparation.synthesize()?.rows ?? [])],
    report: JSON.parse(JSON.stringify(preparation.report({ read: rows.length, malformed: 0 }))) as unknown,
    spans,
    redacted: redactText(TEXT, spans, { operators: { default: { kind: 'replace' } } }).text,
  };
}
