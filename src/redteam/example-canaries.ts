/**
 * Black-box canaries: examples that no other example teaches, so that a model which knows them has seen them. What is
 * looked at is the finished model alone.
 *
 * @module
 */

import { assertInteger } from '../foundations/numerics/index.ts';
import { type Rng, sampleUint32Below } from '../foundations/random/index.ts';
import { createDataset, type Dataset, joinDatasets, type LabelArray } from '../learning/data/index.ts';
import { RedteamError } from './errors.ts';
import { tossCoins } from './one-run-audit.ts';

/**
 * What a canary is.
 * - `mislabelled`: an example of the data with a class that is not its own.
 * - `scrambled`: values from anywhere in the data in any order, which look like no example, with any class.
 */
export type ExampleCanaryKind = 'mislabelled' | 'scrambled';

/** Canaries in a data set. */
export interface ExampleCanaries {
  /** What is trained on: the data, without the examples that canaries were made of, and the canaries that are in. */
  readonly dataset: Dataset;
  /** All canaries, in or out. */
  readonly canaries: Dataset;
  /** 1 for each canary that is in. Open them when every guess has been made. */
  readonly coins: Uint8Array;
}

/**
 * Plants canaries, each by a fair secret coin.
 * @param options - `classes` of the labels; `canaries`, at most half of the data.
 * @throws {RedteamError} `redteam/unsupported-model` when labels are no classes, `redteam/too-few-examples` when there are
 * fewer than two examples a canary.
 */
export function plantExampleCanaries(
  data: Dataset,
  { kind, canaries: count, classes }: { kind: ExampleCanaryKind; canaries: number; classes: number },
  rng: Rng,
): ExampleCanaries {
  assertInteger(count, 'canaries', { min: 1 });
  if (data.labelWidth !== 1 || classes < 2) {
    throw new RedteamError(
      'redteam/unsupported-model',
      'canary examples get another class: the labels must be classes',
    );
  }
  if (2 * count > data.size) {
    throw new RedteamError(
      'redteam/too-few-examples',
      `${count} canaries need ${2 * count} examples beside them, the data has ${data.size}: take fewer canaries`,
      { details: { canaries: count, examples: data.size } },
    );
  }
  const coins = tossCoins(count, rng.fork('coins'));
  const made =
    kind === 'mislabelled'
      ? mislabel(data, { count, classes }, rng.fork('mislabelled'))
      : { rest: data, canaries: scramble(data, { count, classes }, rng.fork('scrambled')) };
  const included = made.canaries.subset(Array.from({ length: count }, (_, i) => i).filter((i) => coins[i] === 1));
  return { dataset: joinDatasets(made.rest, included), canaries: made.canaries, coins };
}

function mislabel(
  data: Dataset,
  { count, classes }: { count: number; classes: number },
  rng: Rng,
): { rest: Dataset; canaries: Dataset } {
  const order = Array.from({ length: data.size }, (_, i) => i);
  for (let i = 0; i < count; i += 1) {
    const j = i + sampleUint32Below(data.size - i, rng);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  const picked = data.subset(order.slice(0, count));
  const labels = picked.labels.map(
    (label: number) => (label + 1 + sampleUint32Below(classes - 1, rng)) % classes,
  ) as LabelArray;
  return {
    rest: data.subset(order.slice(count).toSorted((a, b) => a - b)),
    canaries: createDataset({ ...picked, labels }),
  };
}

function scramble(data: Dataset, { count, classes }: { count: number; classes: number }, rng: Rng): Dataset {
  const { inputs, inputWidth } = data;
  const picked = data.subset(Array.from({ length: count }, (_, i) => i));
  const pool = inputs.length;
  for (let i = 0; i < count * inputWidth; i += 1) {
    picked.inputs[i] = inputs[sampleUint32Below(pool, rng)] as number;
  }
  const labels = picked.labels.map(() => sampleUint32Below(classes, rng)) as LabelArray;
  return createDataset({ ...picked, labels });
}
