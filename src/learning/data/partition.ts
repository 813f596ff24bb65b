/**
 * Splits a dataset over the participants of a simulation. In every split each example lands in exactly one part; the
 * order within a part is increasing. All draws come from the given generator, so a seed fixes the split.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import { type Rng, shuffleInto } from '../../foundations/random/index.ts';
import { DataError } from './errors.ts';

/** One split: the examples of each participant. */
export type Partition = readonly Uint32Array[];

const ATTEMPTS = 1000;

/** Splits `size` examples into parts whose sizes differ by one at most, every split equally likely. */
export function partitionIid({ size, participants }: { size: number; participants: number }, rng: Rng): Partition {
  assertInteger(size, 'size');
  assertInteger(participants, 'participants', { min: 1 });
  const order = Array.from({ length: size }, (_, i) => i);
  shuffleInto(order, rng);
  return cut(order, participants);
}

/**
 * Splits by label: the examples, sorted by label, are cut into `participants × shardsPerParticipant` equal shards which
 * are dealt at random, so that most participants hold few classes. [MMRHA17] §3
 */
export function partitionByLabel(
  {
    labels,
    participants,
    shardsPerParticipant = 2,
  }: { labels: ArrayLike<number>; participants: number; shardsPerParticipant?: number },
  rng: Rng,
): Partition {
  assertInteger(participants, 'participants', { min: 1 });
  assertInteger(shardsPerParticipant, 'shardsPerParticipant', { min: 1 });
  const order = Array.from({ length: labels.length }, (_, i) => i);
  shuffleInto(order, rng);
  order.sort((a, b) => (labels[a] as number) - (labels[b] as number));
  const shards = cut(order, participants * shardsPerParticipant);
  const deal = Array.from({ length: shards.length }, (_, i) => i);
  shuffleInto(deal, rng);
  return Array.from({ length: participants }, (_, p) =>
    sorted(
      deal
        .slice(p * shardsPerParticipant, (p + 1) * shardsPerParticipant)
        .flatMap((shard) => [...(shards[shard] ?? [])]),
    ),
  );
}

/**
 * Splits unevenly: of each class, participant p receives the share drawn for it from a symmetric Dirichlet
 * distribution. Small `alpha` makes sizes and class mixtures differ strongly; large `alpha` approaches an even split.
 * The whole split is drawn again until every participant holds `minExamples`. [YAGGHK19] §3, [HQB19] §4
 * @param options - `labels` of all examples; `alpha` > 0; `minExamples` is 1 by default.
 * @throws {DataError} when no split with `minExamples` each was found.
 */
export function partitionDirichlet(
  {
    labels,
    participants,
    alpha,
    minExamples = 1,
  }: { labels: ArrayLike<number>; participants: number; alpha: number; minExamples?: number },
  rng: Rng,
): Partition {
  assertInteger(participants, 'participants', { min: 1 });
  assertPositive(alpha, 'alpha');
  assertInteger(minExamples, 'minExamples');
  const classes = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i += 1) {
    const label = labels[i] as number;
    const members = classes.get(label);
    if (members === undefined) classes.set(label, [i]);
    else members.push(i);
  }
  const groups = [...classes.entries()].sort(([a], [b]) => a - b).map(([, members]) => members);
  if (participants * minExamples <= labels.length) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const parts: number[][] = Array.from({ length: participants }, () => []);
      for (const members of groups) {
        const order = [...members];
        shuffleInto(order, rng);
        deal(order, sampleDirichlet({ participants, alpha }, rng), parts);
      }
      if (parts.every((part) => part.length >= minExamples)) return parts.map(sorted);
    }
  }
  throw new DataError(
    'data/unreachable-split',
    `no Dirichlet split of ${labels.length} examples gave each of ${participants} participants ${minExamples}: raise "alpha" (${alpha}) or lower "minExamples"`,
    { details: { participants, alpha, minExamples } },
  );
}

/** Deals `order` to the parts in proportion to `shares`, by rounding the cumulated shares. */
function deal(order: readonly number[], shares: Float64Array, parts: number[][]): void {
  let cumulated = 0;
  let start = 0;
  for (const [p, part] of parts.entries()) {
    cumulated += shares[p] as number;
    const end = p === parts.length - 1 ? order.length : Math.min(order.length, Math.round(cumulated * order.length));
    for (let i = start; i < end; i += 1) part.push(order[i] as number);
    start = Math.max(start, end);
  }
}

/** Draws shares from a symmetric Dirichlet distribution, in logarithms so that a small `alpha` does not underflow. */
function sampleDirichlet({ participants, alpha }: { participants: number; alpha: number }, rng: Rng): Float64Array {
  const logs = Float64Array.from({ length: participants }, () => sampleLogGamma(alpha, rng));
  const top = logs.reduce((a, b) => Math.max(a, b));
  const shares = logs.map((log) => Math.exp(log - top));
  const total = shares.reduce((a, b) => a + b);
  return shares.map((share) => share / total);
}

/** Draws the logarithm of a Gamma(shape, 1) variate. [MT00], with its boost for shape < 1. */
function sampleLogGamma(shape: number, rng: Rng): number {
  const boost = shape < 1 ? Math.log(sampleOpenUnit(rng)) / shape : 0;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = sampleNormal(rng);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(sampleOpenUnit(rng)) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v) + boost;
  }
}

/** A uniform number in (0, 1). Serves simulated splits, never a privacy mechanism. */
function sampleOpenUnit(rng: Rng): number {
  return (rng.uint32() + 0.5) / 2 ** 32;
}

function sampleNormal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(sampleOpenUnit(rng))) * Math.cos(2 * Math.PI * sampleOpenUnit(rng));
}

function cut(order: readonly number[], parts: number): Partition {
  return Array.from({ length: parts }, (_, p) =>
    sorted(order.slice(Math.floor((p * order.length) / parts), Math.floor(((p + 1) * order.length) / parts))),
  );
}

function sorted(indices: readonly number[]): Uint32Array {
  return Uint32Array.from(indices).sort();
}
