/**
 * Metrics as Parquet: one row an attempt, one nullable column a number.
 *
 * @module
 */

import { parquetWriteBuffer } from 'hyparquet-writer';

import { type MetricPoint, metricNames } from './metrics.ts';

/** Encodes metrics as a Parquet file. */
export function encodeMetricsParquet(points: readonly MetricPoint[]): Uint8Array {
  const columns = metricNames(points).map((name) => ({
    name,
    data: points.map(({ values }) => values[name] ?? null),
    type: 'DOUBLE' as const,
    nullable: true,
  }));
  const outcome = { name: 'outcome', data: points.map((point) => point.outcome), type: 'STRING' as const };
  return new Uint8Array(parquetWriteBuffer({ columnData: [...columns, outcome] }));
}
