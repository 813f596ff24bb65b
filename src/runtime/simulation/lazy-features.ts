/**
 * Features of examples when they are first drawn. A round draws a few of them, so that the first round need not wait for
 * the features of all; each example's are computed once, and are the same whenever that is.
 *
 * @module
 */

import { createDataset, type Dataset } from '../../learning/data/index.ts';
import type { Engine } from '../../learning/models/index.ts';

/** A dataset whose rows are filled in before the engine reads them. */
export interface LazyFeatures {
  readonly dataset: Dataset;
  /** The engine, which has the rows filled in that it is asked to read. */
  readonly engine: Engine;
}

/** Wraps a dataset; `prepare` must give an example the same features in whichever subset it comes. */
export function prepareLazily(raw: Dataset, prepare: (dataset: Dataset) => Dataset, engine: Engine): LazyFeatures {
  const sample = prepare(raw.subset([0]));
  const { inputWidth, inputShape, inputScale, inputOffset } = sample;
  const Rows = sample.inputs.constructor as new (length: number) => Dataset['inputs'];
  const inputs = new Rows(raw.size * inputWidth);
  const { labels, labelWidth, classes } = raw;
  const dataset = createDataset({ inputs, inputShape, labels, inputScale, inputOffset, labelWidth, classes });
  const filled = new Uint8Array(raw.size);

  function fill(indices: ArrayLike<number>): void {
    const missing = Array.from(indices).filter((index) => filled[index] === 0);
    if (missing.length === 0) return;
    const prepared = prepare(raw.subset(missing));
    for (const [row, index] of missing.entries()) {
      inputs.set(prepared.inputs.subarray(row * inputWidth, (row + 1) * inputWidth), index * inputWidth);
      filled[index] = 1;
    }
  }
  const clippedSum: Engine['clippedSum'] = (options) => {
    fill(options.indices);
    return engine.clippedSum(options);
  };
  return { dataset, engine: Object.create(engine, { clippedSum: { value: clippedSum } }) as Engine };
}
