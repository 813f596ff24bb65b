/**
 * `sotto prepare RECIPE`: minimise, anonymise and screen a table before anything is trained on it.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

import { Command } from 'commander';

import { type PrepareResult, runPreparation } from '../runtime/storage/index.ts';

interface PrepareCommandOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createPrepareCommand(): Command {
  return new Command('prepare')
    .description('Minimise, anonymise and screen a table as a recipe says, and report what was done.')
    .argument('<recipe>', 'recipe file (YAML), see docs/preparation.md')
    .option('--out <folder>', 'run folder; runs/<recipe>-<time> by default')
    .option('--json', 'print the report as JSON')
    .action(async (recipePath: string, options: PrepareCommandOptions) => {
      const interactive = options.json !== true && process.stderr.isTTY;
      const result = await runPreparation({
        recipePath,
        out: options.out ?? freeFolder(recipePath),
        ...(interactive
          ? {
              onProgress: (rows: number, pass: number) =>
                process.stderr.write(`\r${pass === 1 ? 'reading' : 'writing'}: ${rows} rows`),
            }
          : {}),
      });
      if (interactive) process.stderr.write('\r\u001b[K');
      console.log(options.json === true ? JSON.stringify(result) : formatReport(result));
    });
}

function freeFolder(recipePath: string): string {
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[:T]/g, '-');
  const base = join('runs', `${basename(recipePath).replace(/\.ya?ml$/, '')}-${stamp}`);
  let path = base;
  for (let i = 2; existsSync(path); i += 1) path = `${base}-${i}`;
  return path;
}

/** The report as a person reads it. */
function formatReport(result: PrepareResult): string {
  const { rows, dropped, kept, anonymization, charged, safeHarbor } = result;
  const lines = [
    `${result.recipe}: ${result.purpose}`,
    `rows: ${rows.read} read, ${rows.malformed} malformed, ${rows.suppressed} suppressed, ${rows.released} written` +
      (rows.population > 0 ? `, ${rows.population} in the population alone` : ''),
    '',
    'kept:',
    ...kept.map(({ column, serves, treatment }) => `  ${column}: ${treatment} (serves: ${serves})`),
    dropped.length === 0 ? 'dropped: nothing' : 'dropped:',
    ...dropped.map(({ column, why }) => `  ${column}: ${why}`),
  ];
  if (anonymization !== undefined) {
    const { before, after } = anonymization.risks;
    const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
    lines.push(
      '',
      `anonymised (${anonymization.method}): ${anonymization.classes} classes`,
      ...(anonymization.levels === undefined
        ? []
        : [
            `  levels: ${Object.entries(anonymization.levels)
              .map(([name, level]) => `${name} ${level}`)
              .join(', ')}`,
          ]),
      `  highest risk ${percent(before.prosecutor.highest)} → ${percent(after.prosecutor.highest)}, average ${percent(before.prosecutor.average)} → ${percent(after.prosecutor.average)}, unique rows ${percent(before.sampleUniqueness)} → ${percent(after.sampleUniqueness)}`,
      `  utility: ${Object.entries(anonymization.utility)
        .map(([name, value]) => `${name} ${Number(value.toPrecision(6))}`)
        .join(', ')}`,
      `  ${anonymization.warning}`,
    );
  }
  const statistics = Object.entries(result.statistics);
  if (statistics.length > 0) {
    lines.push(
      '',
      'private statistics:',
      ...statistics.map(([name, value]) => `  ${name}: ${JSON.stringify(value).slice(0, 200)}`),
    );
  }
  if (charged !== null) {
    lines.push(
      '',
      `charged: ε = ${charged.spent.epsilon.toFixed(4)} of ${charged.epsilon} spent at δ = ${charged.delta} (${charged.ledger})`,
    );
  }
  if (safeHarbor !== null) {
    lines.push('', 'HIPAA Safe Harbor, 164.514(b)(2):');
    for (const { letter, identifier, pass, findings } of safeHarbor) {
      lines.push(`  ${pass ? 'pass' : 'FAIL'}  (${letter}) ${identifier}${pass ? '' : `: ${findings.join('; ')}`}`);
    }
  }
  lines.push('', ...result.notes, ...result.outputs.map((path) => `written: ${path}`));
  if (result.quarantine !== null) lines.push(`malformed rows: ${result.quarantine}`);
  lines.push(`report and lineage: ${result.folder}`);
  return lines.join('\n');
}
