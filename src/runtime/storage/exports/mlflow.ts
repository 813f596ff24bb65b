/**
 * MLflow's file store: the folder that `mlflow ui --backend-store-uri` reads. One experiment, one run, a file a metric with
 * lines of time, value and step, a file a parameter.
 *
 * @module
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { stringify } from 'yaml';

import { writeFileAtomic } from '../files.ts';
import { type MetricPoint, metricNames } from './metrics.ts';

/** MLflow's number for a run that has finished. */
const FINISHED = 3;

/** Writes a run below `folder`. @param run - 32 hexadecimal digits, MLflow's form of a run's id. */
export function writeMlflow(
  folder: string,
  points: readonly MetricPoint[],
  { run, name, at, parameters }: { run: string; name: string; at: Date; parameters: Readonly<Record<string, string>> },
): void {
  const experiment = join(folder, '0');
  const base = join(experiment, run);
  for (const part of ['metrics', 'params', 'tags', 'artifacts']) mkdirSync(join(base, part), { recursive: true });
  const timeMs = at.getTime();
  const write = (path: string, content: string): void => writeFileAtomic(path, content, { durable: false });
  write(
    join(experiment, 'meta.yaml'),
    stringify({ artifact_location: './0', experiment_id: '0', lifecycle_stage: 'active', name: 'sotto' }),
  );
  write(
    join(base, 'meta.yaml'),
    stringify({
      artifact_uri: `./0/${run}/artifacts`,
      end_time: timeMs,
      entry_point_name: '',
      experiment_id: '0',
      lifecycle_stage: 'active',
      run_id: run,
      run_name: name,
      run_uuid: run,
      source_name: '',
      source_type: 4,
      source_version: '',
      start_time: timeMs,
      status: FINISHED,
      tags: [],
      user_id: 'sotto',
    }),
  );
  for (const metric of metricNames(points)) {
    const lines = points.flatMap(({ step, values }) => {
      const value = values[metric];
      return value === undefined ? [] : [`${timeMs} ${value} ${step}`];
    });
    write(join(base, 'metrics', metric), `${lines.join('\n')}\n`);
  }
  for (const [key, value] of Object.entries(parameters)) write(join(base, 'params', key), value);
  write(join(base, 'tags', 'mlflow.runName'), name);
}
