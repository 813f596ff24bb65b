/**
 * The metrics of a run as numbers by step: what every export starts from.
 *
 * @module
 */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { StorageError } from '../errors.ts';
import { readFileOf } from '../files.ts';

/** One line of `metrics.jsonl`, its numbers alone. */
export interface MetricPoint {
  /** The attempt: it never repeats, as a round's number does. */
  readonly step: number;
  readonly values: Readonly<Record<string, number>>;
  readonly outcome: string;
}

/**
 * Reads the metrics of a run folder, or of a file as `sotto logs` prints it.
 * @throws {@link StorageError} `storage/not-found` or `storage/unreadable`, naming the line.
 */
export function readMetrics(path: string): readonly MetricPoint[] {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'metrics.jsonl') : path;
  const lines = new TextDecoder().decode(readFileOf(file, 'metrics')).split('\n');
  return lines.flatMap((line, i): MetricPoint[] => {
    if (line.trim() === '') return [];
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(line) as Record<string, unknown>;
    } catch (cause) {
      throw new StorageError('storage/unreadable', `metrics: ${file}:${i + 1} is not JSON`, { cause });
    }
    const values = Object.fromEntries(
      Object.entries(fields).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
    );
    const outcome = typeof fields.outcome === 'string' ? fields.outcome : '';
    return [{ step: values.attempt ?? i + 1, values, outcome }];
  });
}

/** Names of all numbers, in the order of their first use. */
export function metricNames(points: readonly MetricPoint[]): string[] {
  return [...new Set(points.flatMap(({ values }) => Object.keys(values)))];
}
