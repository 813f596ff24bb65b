export { metricNames, type MetricPoint, readMetrics } from './metrics.ts';
export { writeMlflow } from './mlflow.ts';
export { encodeMetricsParquet } from './parquet.ts';
export { crc32c, encodeTensorBoard } from './tensorboard.ts';
