/**
 * `sotto export RUN`: the metrics of a run for other tools.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

import { Command } from 'commander';

import { sha256, toHex, utf8 } from '../foundations/crypto/index.ts';
import { encodeMetricsParquet, encodeTensorBoard, readMetrics, writeMlflow } from '../runtime/storage/exports/index.ts';
import { writeFileAtomic } from '../runtime/storage/index.ts';
import { UsageError } from './exit-codes.ts';

interface ExportOptions {
  readonly format: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createExportCommand(): Command {
  return new Command('export')
    .description('Write the metrics of a run for other tools.')
    .argument('<run>', 'run folder, or a file that sotto logs printed')
    .requiredOption('--format <name>', 'parquet, mlflow or tensorboard')
    .option('--out <path>', 'where it goes (default: metrics.parquet, mlruns or tensorboard beside the run)')
    .option('--json', 'print what was written as JSON')
    .action(exportRun);
}

function exportRun(run: string, options: ExportOptions): void {
  const points = readMetrics(run);
  if (points.length === 0) throw new UsageError(`${run} has no metrics yet`);
  const folder = run.endsWith('.jsonl') ? resolve(run, '..') : run;
  const name = basename(resolve(folder));
  const place = (preset: string): string => options.out ?? join(folder, preset);
  const path = write(options.format, { points, name, place });
  const facts = { format: options.format, path, attempts: points.length };
  process.stdout.write(
    options.json === true ? `${JSON.stringify(facts)}\n` : `wrote ${facts.attempts} attempts to ${path}\n`,
  );
}

function write(
  format: string,
  { points, name, place }: { points: ReturnType<typeof readMetrics>; name: string; place: (preset: string) => string },
): string {
  const at = new Date();
  switch (format) {
    case 'parquet': {
      const path = place('metrics.parquet');
      writeFileAtomic(path, encodeMetricsParquet(points));
      return path;
    }
    case 'tensorboard': {
      const folder = place('tensorboard');
      if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
      const path = join(folder, `events.out.tfevents.${Math.trunc(at.getTime() / 1000)}.sotto`);
      writeFileAtomic(path, encodeTensorBoard(points, { wallTime: at }));
      return path;
    }
    case 'mlflow': {
      const folder = place('mlruns');
      // The same run is the same entry, however often it is exported.
      const run = toHex(sha256(utf8(name))).slice(0, 32);
      writeMlflow(folder, points, { run, name, at, parameters: {} });
      return folder;
    }
    default:
      throw new UsageError(`--format must be parquet, mlflow or tensorboard, got "${format}"`);
  }
}
