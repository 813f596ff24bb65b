/**
 * White-box canaries: examples whose gradient is long and points along one parameter, its own, at every step ([SNJ23] §6 calls it
 * a Dirac canary). They stand between the code that trains and its engine, so that sampling, noise and division are those of the
 * real run, clipping is measured on its engine, and an observer between the steps and the optimizer sees what each step releases.
 *
 * @module
 */

import { assertInteger, assertPositive, assertProbability, log1pExp } from '../foundations/numerics/index.ts';
import { type Rng, sampleUint32Below } from '../foundations/random/index.ts';
import { createDataset, type Dataset, type LabelArray } from '../learning/data/index.ts';
import {
  type ClippedSumRequest,
  type Clipping,
  computeClipFactor,
  type GradientSource,
  type Optimizer,
  type Plan,
} from '../learning/models/index.ts';
import { RedteamError } from './errors.ts';
import { tossCoins } from './one-run-audit.ts';

/** What is planted into, all of it public. */
export interface GradientCanaryOptions {
  readonly engine: GradientSource;
  readonly dataset: Dataset;
  readonly canaries: number;
  readonly samplingRate: number;
  readonly clipNorm: number;
  /** What the steps divide a noisy sum by. */
  readonly expectedBatchSize: number;
}

/** Canaries in place. */
export interface GradientCanaries {
  /** Sums gradients, those of the canaries that were drawn among them. */
  readonly engine: GradientSource;
  /** The data set with a place for each canary that is in it; only for {@link GradientCanaries.engine}. */
  readonly dataset: Dataset;
  /** 1 for each canary that is in. Open them when every guess has been made. */
  readonly coins: Uint8Array;
  /** Watches what the steps hand to an optimizer. */
  readonly watch: (optimizer: Optimizer) => Optimizer;
  /** How likely each canary seems to be in, by all that was watched: a sum of log likelihood ratios. */
  scores(): Float64Array;
}

/** Gradients of canaries are so many clip norms long: clipping has to shorten them, and one that does not is seen. */
const LENGTH = 64;
/** Entries of a tensor whose spread is measured; more would cost time and tell nothing new. */
const SPREAD_ENTRIES = 4096;
/** A tensor of fewer entries has the spread of the whole vector. */
const FEWEST_ENTRIES = 16;
/** Spread below which a step is as good as bare, in clip norms. */
const LEAST_SPREAD = 1e-4;
/** Median of |x| of a standard normal variable. */
const NORMAL_MEDIAN = 0.6744897501960817;

/**
 * Plants canaries, each by a fair secret coin, at parameters of their own.
 *
 * The observer knows everything but the coins: it subtracts the clipped gradients of the real examples that were drawn. The
 * guarantee of a Poisson-sampled Gaussian holds with these known: given who else was drawn, one canary's output is still the
 * mixture that the accountant counts. It believes no claim about the noise either: of every step and tensor it takes the
 * spread that it finds, so that a step or layer without noise stands out, and the change since the step before where that is
 * the quieter of the two, so that noise that comes twice cancels.
 *
 * A canary's gradient is a number of this module's and not the engine's; how long it stays is the engine's doing. It is as long as the
 * request's clipping leaves it, or as one real example moves the engine's own sum, where that is more. Not covered: a fault of
 * clipping that does not show on the first rows of the data, {@link LENGTH} times as large and under another class.
 * @throws {RedteamError} `redteam/too-many-canaries` when the model has fewer parameters than canaries.
 * @throws {RangeError} when a setting is out of range; from the engine, for a way of clipping that is not by one norm.
 */
export function plantGradientCanaries(
  { engine, dataset: real, canaries, samplingRate, clipNorm, expectedBatchSize }: GradientCanaryOptions,
  rng: Rng,
): GradientCanaries {
  const { plan } = engine;
  assertProbability(samplingRate, 'samplingRate');
  assertPositive(clipNorm, 'clipNorm');
  assertPositive(expectedBatchSize, 'expectedBatchSize');
  const coins = tossCoins(canaries, rng.fork('coins'));
  const places = choosePlaces(plan, canaries, rng.fork('places'));
  const included = places.filter((_, canary) => coins[canary] === 1);
  const dataset: Dataset = { ...real, size: real.size + included.length };
  const scores = new Float64Array(canaries);
  /** The real examples' part of the sum of this step. */
  const known = new Float64Array(plan.parameterCount);
  const probes = createProbes(real, plan);

  /** What was left of the step before. */
  let before: Float64Array | undefined;

  function see(released: ArrayLike<number>): void {
    const left = known.map((sum, j) => ((released[j] as number) * expectedBatchSize - sum) / clipNorm);
    const spreads = spreadsOf(plan, left);
    const earlier = before;
    const change = earlier === undefined ? left : left.map((value, j) => value - (earlier[j] as number));
    const changes = spreadsOf(plan, change);
    places.forEach((place, canary) => {
      const [spread, moved] = [spreads(place), changes(place)];
      // Two fresh noises differ by more than either. Where they do not, the same noise came twice: what changed are canaries.
      const gain =
        2 * moved < spread
          ? changeEvidence(change[place] as number, { spread: moved, samplingRate })
          : stepEvidence(left[place] as number, { spread, samplingRate });
      scores[canary] = (scores[canary] as number) + gain;
    });
    before = left;
    known.fill(0);
  }

  return {
    coins,
    dataset,
    scores: () => scores.slice(),
    engine: {
      plan,
      async clippedSum(request) {
        if (request.dataset !== dataset) throw new RangeError('the canaries are in another data set');
        const drawn = Uint32Array.from(request.indices);
        const indices = drawn.filter((index) => index < real.size);
        const summed = await engine.clippedSum({ ...request, dataset: real, indices });
        const { sum } = summed;
        for (let j = 0; j < known.length; j += 1) known[j] = (known[j] as number) + (sum[j] as number);
        const inside = drawn.filter((index) => index >= real.size);
        if (inside.length === 0) return summed;
        const pull = Math.max(pullOf(request, clipNorm), await influenceOf(engine, { ...request, dataset: probes }));
        for (const index of inside) {
          const place = included[index - real.size] as number;
          sum[place] = (sum[place] as number) + pull;
        }
        return summed;
      },
    },
    watch: (optimizer) => ({
      ...optimizer,
      step(parameters, gradient, options) {
        see(gradient);
        optimizer.step(parameters, gradient, options);
      },
    }),
  };
}

/** Log likelihood ratio of what is left of a step at one place: noise around 0, or now and then around one clip norm? */
function stepEvidence(left: number, { spread, samplingRate }: { spread: number; samplingRate: number }): number {
  const ratio = (2 * left - 1) / (2 * spread * spread) + Math.log(samplingRate);
  if (samplingRate === 1) return ratio;
  const absent = Math.log1p(-samplingRate);
  return absent + log1pExp(ratio - absent);
}

/** The same for the change since the step before: noise around 0, or now and then around ±1, drawn for one of the two steps. */
function changeEvidence(change: number, { spread, samplingRate }: { spread: number; samplingRate: number }): number {
  const once = samplingRate * (1 - samplingRate);
  if (once === 0) return 0;
  const ratio = (2 * Math.abs(change) - 1) / (2 * spread * spread) + Math.log(once);
  const same = Math.log1p(-2 * once);
  return same + log1pExp(ratio - same);
}

/** Real examples beside which the influence of one more is measured: fewer than the engine takes at once. */
const COMPANIONS = 7;

/**
 * A few rows of the data whose gradients are long wherever inputs are multiplied or labels are classes: so many times as
 * large, under the next class. Words stay what they are.
 */
function createProbes(real: Dataset, { steps, loss, outputWidth }: Plan): Dataset {
  const rows = Array.from({ length: COMPANIONS + 1 }, (_, i) => Math.min(i, real.size - 1));
  const probes = real.subset(rows);
  const factor = steps[0]?.declaration.kind === 'embeddingBag' ? 1 : LENGTH;
  const labels =
    loss === 'softmaxCrossEntropy'
      ? (probes.labels.map((label: number) => (label + 1) % outputWidth) as LabelArray)
      : probes.labels;
  const { inputScale, inputOffset } = probes;
  return createDataset({
    ...probes,
    labels,
    inputScale: factor * inputScale,
    inputOffset: factor * inputOffset,
    classes: 0,
  });
}

/**
 * Measures how far one example moves the engine's own sum at these parameters: the norm of the difference between the sums with
 * it and without it. An engine that clips moves by the clip norm at most, and one that does not is believed.
 */
async function influenceOf(engine: GradientSource, request: ClippedSumRequest): Promise<number> {
  const { into: _into, ...rest } = request;
  const others = Uint32Array.from({ length: COMPANIONS }, (_, i) => i);
  const without = Float64Array.from((await engine.clippedSum({ ...rest, indices: others })).sum);
  const indices = Uint32Array.from([...others, COMPANIONS]);
  const { sum } = await engine.clippedSum({ ...rest, indices });
  return Math.sqrt(sum.reduce((squares, value, j) => squares + (value - (without[j] as number)) ** 2, 0));
}

/** What one canary adds: its gradient, clipped as the request says. */
function pullOf({ clipping, clipNorm: flat }: { clipping?: Clipping; clipNorm?: number }, norm: number): number {
  const how: Clipping = clipping ?? { kind: 'flat', clipNorm: flat ?? Number.NaN };
  const length = LENGTH * norm;
  switch (how.kind) {
    case 'flat':
      return length * computeClipFactor(length * length, how.clipNorm);
    case 'automatic':
      return length * computeClipFactor(length * length, how.clipNorm, how.stability);
    default:
      throw new RangeError(`"clipping" must be flat or automatic for canaries along one parameter, got ${how.kind}`);
  }
}

/**
 * Draws as many different parameters: from each tensor in turn, so that small ones are watched too, up to half of it while
 * others have room, for what is no canary tells the spread of the noise.
 */
function choosePlaces({ parameterCount, parameters }: Plan, canaries: number, rng: Rng): Uint32Array {
  assertInteger(canaries, 'canaries', { min: 1 });
  if (canaries > parameterCount) {
    throw new RedteamError(
      'redteam/too-many-canaries',
      `each canary needs a parameter of its own: the model has ${parameterCount}, got ${canaries} canaries`,
      { details: { canaries, parameterCount } },
    );
  }
  const counts = parameters.map(() => 0);
  let left = canaries;
  for (const part of [2, 1]) {
    let placed = -1;
    while (left > 0 && placed !== 0) {
      placed = 0;
      for (const [tensor, { size }] of parameters.entries()) {
        if (left === 0 || (counts[tensor] as number) >= Math.floor(size / part)) continue;
        counts[tensor] = (counts[tensor] as number) + 1;
        left -= 1;
        placed += 1;
      }
    }
  }
  const places = parameters.flatMap(({ offset, size }, tensor) =>
    Array.from(drawDistinct(size, counts[tensor] as number, rng), (entry) => offset + entry),
  );
  // In any order: which tensor a canary is in says nothing about where it stands among ties.
  return Uint32Array.from(drawDistinct(canaries, canaries, rng), (i) => places[i] as number);
}

/** Draws so many different numbers below a limit, in random order. */
function drawDistinct(limit: number, count: number, rng: Rng): Uint32Array {
  // The first entries of a Fisher–Yates shuffle, with only what was moved written down.
  const moved = new Map<number, number>();
  return Uint32Array.from({ length: count }, (_, i) => {
    const j = i + sampleUint32Below(limit - i, rng);
    const picked = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
    return picked;
  });
}

/** The spread around zero of what is left of a step, a tensor at a time: a median, which few canaries do not move. */
function spreadsOf({ parameters }: Plan, left: Float64Array): (place: number) => number {
  const whole = spreadOf(left);
  const tensors = parameters.map(({ offset, size }) => ({
    end: offset + size,
    spread: size < FEWEST_ENTRIES ? whole : spreadOf(left.subarray(offset, offset + size)),
  }));
  return (place) => tensors.find(({ end }) => place < end)?.spread ?? whole;
}

function spreadOf(values: Float64Array): number {
  const stride = Math.max(1, Math.floor(values.length / SPREAD_ENTRIES));
  const picked = values
    .filter((_, i) => i % stride === 0)
    .map(Math.abs)
    .sort();
  return Math.max(LEAST_SPREAD, (picked[picked.length >> 1] as number) / NORMAL_MEDIAN);
}
