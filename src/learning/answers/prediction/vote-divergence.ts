/**
 * What one answer from votes tells about one example when its votes agree: a bound on the Rényi divergence that falls with
 * the gap between the winner and the runner-up. It depends on the votes, so it is itself private. [PSMRTE18]
 *
 * Everything is a function of that gap alone, an integer that one vote moves by at most two: neighbours, and neighbours of
 * neighbours, can then be walked through exactly.
 *
 * @module
 */

import { assertInteger, assertPositive } from '../../../foundations/numerics/index.ts';

/** The public constants of a vote. */
export interface VoteShape {
  readonly teachers: number;
  readonly classes: number;
  /** σ of the noise on every count. */
  readonly answerStddev: number;
}

/** Noise further out than this many σ is taken to be an error in any case. */
const TAIL_STDDEVS = 12;
/** Twice the mass of a discrete Gaussian beyond 12 σ is below 2·exp(−72), and rounding below that. */
const TAIL_MASS = 1e-29;
/** Orders of the two higher divergences that are tried. */
const HIGHER_ORDERS = 96;

/**
 * Returns, for every gap from 0 to `teachers`, a bound on the probability that the noisy maximum is not the winner:
 * (classes − 1) times the chance that the difference of two discrete Gaussians reaches the gap, ties counted.
 */
export function computeUpsetProbabilities({ teachers, classes, answerStddev }: VoteShape): Float64Array {
  assertInteger(teachers, 'teachers', { min: 2 });
  assertInteger(classes, 'classes', { min: 2 });
  assertPositive(answerStddev, 'answerStddev');
  const reach = Math.ceil(TAIL_STDDEVS * answerStddev) + 1;
  const mass = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * answerStddev * answerStddev)),
  );
  const total = mass.reduce((sum, value) => sum + value, 0);
  let tail = TAIL_MASS;
  const probabilities = new Float64Array(teachers + 1);
  // From far to near, so that small numbers are added first.
  for (let gap = 2 * reach; gap >= 0; gap -= 1) {
    let atGap = 0;
    for (let i = 0; i + gap < mass.length; i += 1) atGap += (mass[i] as number) * (mass[i + gap] as number);
    tail += atGap / (total * total);
    if (gap <= teachers) probabilities[gap] = Math.min(1, (classes - 1) * tail);
  }
  return probabilities.map((probability) => probability || (classes - 1) * TAIL_MASS);
}

/**
 * Returns, for every gap, a bound on the Rényi divergence at `order` between the answer of these votes and that of any
 * neighbour, in both directions: theorem 6 at the gap that is two smaller, which no neighbour is below. Never rises with the gap,
 * and is never above what is charged, order ÷ σ².
 *
 * Deviation from [PSMRTE18] proposition 10: in place of the two higher orders that are best for one vote, the best of a
 * fixed list is taken. Each of the list gives a bound that does not rise with the gap, so their minimum does not either.
 */
export function computeAnswerDivergences(shape: VoteShape, order: number): Float64Array {
  if (!(order > 1 && order < Infinity)) throw new RangeError(`"order" must be a finite number > 1, got ${order}`);
  const { answerStddev: sigma } = shape;
  const upsets = computeUpsetProbabilities(shape);
  const from = Math.max(1.001, order - 0.999);
  const to = Math.max(2 * from, sigma * Math.sqrt(-Math.log(TAIL_MASS)));
  const higher = Array.from({ length: HIGHER_ORDERS }, (_, i) => from * (to / from) ** (i / (HIGHER_ORDERS - 1)));
  const own = upsets.map((upset) =>
    Math.min(order / (sigma * sigma), ...higher.map((mu2) => boundAt(Math.log(upset), { mu2, sigma, order }))),
  );
  return own.map((_, gap) => own[Math.max(0, gap - 2)] as number);
}

/** [PSMRTE18] theorem 6 with ε₁ = μ₁/σ², ε₂ = μ₂/σ², μ₁ = μ₂ + 1; infinite outside its conditions. */
function boundAt(
  logUpset: number,
  { mu2, sigma, order }: { readonly mu2: number; readonly sigma: number; readonly order: number },
): number {
  const mu1 = mu2 + 1;
  const [epsilon1, epsilon2] = [mu1 / sigma ** 2, mu2 / sigma ** 2];
  const limit = (mu2 - 1) * epsilon2 - mu2 * (Math.log(mu1 / (mu1 - 1)) + Math.log(mu2 / (mu2 - 1)));
  if (!(order <= mu1 && logUpset <= limit && logUpset + epsilon2 < 0)) return Infinity;
  const logStay = Math.log1p(-Math.exp(logUpset));
  const logA = logStay - Math.log1p(-Math.exp(((logUpset + epsilon2) * (mu2 - 1)) / mu2));
  const logB = epsilon1 - logUpset / (mu1 - 1);
  const [a, b] = [logStay + (order - 1) * logA, logUpset + (order - 1) * logB];
  const top = Math.max(a, b);
  return Math.max(0, (top + Math.log1p(Math.exp(Math.min(a, b) - top))) / (order - 1));
}

/**
 * Returns a `smoothness`-smooth upper bound on how much the sum of `divergences` over some votes can change between neighbours:
 * at most exp(`smoothness`) apart for neighbours, and never below `floor`. One example moves one vote of every answer.
 * @param gaps - winner minus runner-up of each answer.
 * @see [NRS07] §2 and §3, exactly: every gap within 2·distance of the true one is looked at
 */
export function computeSmoothSensitivity(
  gaps: ArrayLike<number>,
  {
    divergences,
    smoothness,
    floor,
  }: { readonly divergences: Float64Array; readonly smoothness: number; readonly floor: number },
): number {
  const last = divergences.length - 1;
  const at = (gap: number): number => divergences[Math.min(last, Math.max(0, gap))] as number;
  const changes = divergences.map((value, gap) => Math.max(at(gap - 2) - value, value - at(gap + 2)));
  const locals = Float64Array.from(gaps, (gap) => changes[gap] as number);
  let smooth = 0;
  for (let distance = 0; 2 * distance <= last + 1; distance += 1) {
    let local = floor;
    for (let i = 0; i < locals.length; i += 1) {
      // The window grows by two on each side; what it held before is in the running maximum.
      for (const reach of distance === 0 ? [] : [2 * distance - 1, 2 * distance]) {
        for (const gap of [(gaps[i] as number) - reach, (gaps[i] as number) + reach]) {
          if (gap >= 0 && gap <= last) locals[i] = Math.max(locals[i] as number, changes[gap] as number);
        }
      }
      local += locals[i] as number;
    }
    smooth = Math.max(smooth, Math.exp(-smoothness * distance) * local);
  }
  return smooth;
}
