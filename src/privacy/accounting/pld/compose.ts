/**
 * Composition of grid losses by one Fourier transform, tilted so that the answer keeps its relative accuracy however
 * small delta is, with every error bounded: wrap-around, the tails outside the window, rounding of the transform.
 *
 * With S the composed loss, p the masses and K(θ) = log E e^{θS}, the tilted masses p·e^{θS − K(θ)} add up to one and
 * centre on the epsilon asked about. They are computed circularly on a window that holds all but 2η of them; a mass at x
 * is the tilted one times e^{K(θ) − θx}, so an error e in the tilted masses changes delta(ε) by at most e·e^{K(θ) − θε}.
 *
 * @module
 */

import { createRealFft, FFT_ERROR_PER_LEVEL, type Spectrum } from '../../../foundations/numerics/index.ts';
import { computeCumulant, findChernoffTilt, type Part, toPoints } from './moments.ts';

/** Tilted mass allowed outside the window, at each end, when nothing coarser is asked for. */
const OUTSIDE = 1e-12;
/** The largest transform: beyond it the caller has to take a coarser grid. */
const LARGEST_TRANSFORM = 2 ** 22;
/** Relative error of a mass from quadrature and from its split; it counts once for every draw. */
const MASS_ERROR = 1e-12;
/** A steeper tilt would leave nothing but the largest loss. */
const STEEPEST_PER_STEP = 30;
/** Points of the coarse stand-ins on which tilts are searched. */
const COARSE_POINTS = 1024;

/** The composed loss on a window, tilted. */
export interface ComposedLoss {
  /** Loss at index 0 of `tilted`. */
  readonly start: number;
  readonly step: number;
  /** Tilted masses p(x)·e^{θx − logScale}. */
  readonly tilted: Float64Array;
  readonly theta: number;
  readonly logScale: number;
  /** Bound on the absolute error of any sum of tilted masses, and on the tilted mass missing at the upper end. */
  readonly error: number;
  readonly missing: number;
  /** Probability of +∞. */
  readonly infinite: number;
  /** The largest and the smallest finite loss there can be. */
  readonly largest: number;
  readonly smallest: number;
}

/** Thrown inside this room when a grid is too fine for its range; the planner takes a coarser one. */
export class GridTooFine extends Error {}

/**
 * Composes parts of one step width under a tilt chosen by `findTilt`.
 * @param options - `outside`: the tilted mass that may lie outside the window; it widens the bounds by as much.
 */
export function composeLosses(
  parts: readonly Part[],
  findTilt: (coarse: ReturnType<typeof toPoints>[]) => number,
  { outside = OUTSIDE }: { readonly outside?: number } = {},
): ComposedLoss {
  const coarse = parts.map((part) => toPoints(part, COARSE_POINTS));
  const exact = parts.map((part) => toPoints(part));
  const step = (parts[0] as Part).pmf.step;
  const theta = Math.min(findTilt(coarse), STEEPEST_PER_STEP / step);
  const { value: logScale } = computeCumulant(exact, theta);
  const smallest = sumOver(parts, ({ pmf }) => pmf.origin + pmf.first * step);
  const largest = sumOver(parts, ({ pmf }) => pmf.origin + (pmf.first + pmf.masses.length - 1) * step);
  const level = -Math.log(outside);
  const edge = (side: 1 | -1): number => {
    const tilt = findChernoffTilt(coarse, { base: theta, level, side });
    const { value } = computeCumulant(exact, theta + side * tilt);
    return (side * (value - logScale + level)) / tilt;
  };
  const from = Math.max(smallest, edge(-1));
  const to = Math.min(largest, edge(1));
  // Index 0 is the sum of all smallest losses; the window starts `skip` steps above it.
  const skip = Math.max(0, Math.floor((from - smallest) / step));
  const needed = Math.ceil((to - smallest) / step) - skip + 2;
  let length = 16;
  while (length < needed) length *= 2;
  if (length > LARGEST_TRANSFORM) throw new GridTooFine(`${needed} points`);
  const { masses, error } = transformMasses(parts, { theta, length });
  const tilted = new Float64Array(length);
  // Above the largest loss there is nothing but rounding noise.
  const end = Math.min(length, Math.round((largest - smallest) / step) - skip + 1);
  for (let i = 0; i < end; i += 1) tilted[i] = masses[(i + skip) % length] as number;
  return {
    start: smallest + skip * step,
    step,
    tilted,
    theta,
    logScale,
    error: error + 2 * outside + MASS_ERROR * sumOver(parts, () => 1),
    missing: outside,
    infinite: -Math.expm1(sumOver(parts, ({ pmf }) => Math.log1p(-pmf.infinite))),
    largest,
    smallest,
  };
}

function sumOver(parts: readonly Part[], f: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + part.count * f(part), 0);
}

/** Below this logarithm a coefficient is left at zero. */
const NEGLIGIBLE = -80;

function transformMasses(
  parts: readonly Part[],
  { theta, length }: { readonly theta: number; readonly length: number },
): { readonly masses: Float64Array; readonly error: number } {
  const fft = createRealFft(length);
  const signal = new Float64Array(length);
  const rounding = FFT_ERROR_PER_LEVEL * Math.log2(length);
  const half = length / 2;
  const logs = new Float64Array(half + 1);
  const angles = new Float64Array(half + 1);
  // Σ count/|φ|: how much a relative error of one factor grows in the product.
  const growth = new Float64Array(half + 1);
  const spectrum = fft.createSpectrum();
  for (const { pmf, count } of parts) {
    tiltInto(signal, pmf.masses, theta * pmf.step);
    fft.forward(signal, spectrum);
    for (let k = 0; k <= half; k += 1) {
      if ((logs[k] as number) < NEGLIGIBLE) continue;
      const re = spectrum.re[k] as number;
      const im = spectrum.im[k] as number;
      const square = re * re + im * im;
      logs[k] = (logs[k] as number) + (count / 2) * Math.log(square);
      if ((logs[k] as number) < NEGLIGIBLE) continue;
      const angle = Math.atan2(im, re) * count;
      angles[k] = (angles[k] as number) + (angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI)));
      growth[k] = (growth[k] as number) + count / Math.sqrt(square);
    }
  }
  // The tilted masses add up to one, so the coefficient at zero is one.
  logs[0] = 0;
  const product: Spectrum = fft.createSpectrum();
  let squares = 0;
  for (let k = 0; k <= half; k += 1) {
    const log = logs[k] as number;
    if (log < NEGLIGIBLE) continue;
    const size = Math.exp(log);
    product.re[k] = size * Math.cos(angles[k] as number);
    product.im[k] = k === 0 || k === half ? 0 : size * Math.sin(angles[k] as number);
    const wrong = size * (growth[k] as number) * rounding;
    squares += 2 * wrong * wrong;
  }
  fft.inverse(product, signal);
  // Parseval and Cauchy–Schwarz: the masses' errors add up to at most the Euclidean norm of the coefficients' errors; the
  // inverse transform adds its own, and coefficients left at zero are below e^NEGLIGIBLE each.
  return { masses: signal, error: Math.sqrt(squares) + rounding + length * Math.exp(NEGLIGIBLE) };
}

/** Writes the masses times e^{theta·i}, normalised, folded to the signal's length. */
function tiltInto(signal: Float64Array, masses: Float64Array, slope: number): void {
  signal.fill(0);
  const { length } = signal;
  const shift = slope >= 0 ? masses.length - 1 : 0;
  let sum = 0;
  for (let i = 0; i < masses.length; i += 1) {
    const value = (masses[i] as number) * Math.exp(slope * (i - shift));
    sum += value;
    const place = i & (length - 1);
    signal[place] = (signal[place] as number) + value;
  }
  for (let i = 0; i < length; i += 1) signal[i] = (signal[i] as number) / sum;
}

/** Which bound is asked for. */
export type Side = 'upper' | 'lower';

/** Returns the bound on delta at an epsilon. */
export function boundDelta(loss: ComposedLoss, epsilon: number, side: Side): number {
  const { start, step, tilted, theta, logScale, infinite } = loss;
  const scale = Math.exp(logScale - theta * epsilon);
  let sum = 0;
  const firstIndex = Math.max(0, Math.floor((epsilon - start) / step) + 1);
  for (let i = tilted.length - 1; i >= firstIndex; i -= 1) {
    const distance = start + i * step - epsilon;
    if (distance > 0) sum += (tilted[i] as number) * Math.exp(-theta * distance) * -Math.expm1(-distance);
  }
  if (epsilon >= loss.largest) return infinite;
  const slack = loss.error + loss.missing;
  const value = scale * (side === 'upper' ? sum + slack : sum - slack);
  return Math.min(1, Math.max(0, infinite + value));
}

/** The slack is taken this many tilted units below the answer, so that it covers the answer itself; more when it moves far. */
const SLACK_REACHES = [0.02, 0.5, 5];

/** Returns the bound on epsilon at a delta; the largest loss (∞ where failure alone exceeds delta) when nothing less holds. */
export function boundEpsilon(loss: ComposedLoss, delta: number, side: Side): number {
  const { start, step, tilted, theta, logScale, infinite } = loss;
  const target = delta - infinite;
  if (target < 0) return Infinity;
  // Everything is taken relative to a reference loss, so that nothing overflows.
  const reference = start + (tilted.length / 2) * step;
  const goal = target * Math.exp(theta * reference - logScale);
  const plain = findQuantile(loss, goal);
  if (!(plain < Infinity)) return side === 'upper' ? loss.largest : -Infinity;
  for (const reach of SLACK_REACHES) {
    const slack = (loss.error + loss.missing) * Math.exp(-theta * (Math.max(plain, start) - reference) + reach);
    const bound = findQuantile(loss, side === 'upper' ? goal - slack : goal + slack);
    if (side === 'upper') return Math.min(Math.max(bound, start - step), loss.largest);
    if (plain === -Infinity) break;
    // Down to here the slack taken covers the slack there; below it nothing would be proved.
    if (bound >= plain - reach / theta) return bound;
  }
  return -Infinity;
}

/** Finds where the tilted, scaled delta falls below a goal, on the computed masses alone. */
function findQuantile({ start, step, tilted, theta }: ComposedLoss, goal: number): number {
  if (!(goal > 0)) return Infinity;
  const half = tilted.length / 2;
  const reference = start + half * step;
  let above = 0;
  let aboveQ = 0;
  const growP = Math.exp(theta * step);
  const growQ = Math.exp(step);
  let weightP = 0;
  let weightQ = 0;
  for (let i = tilted.length - 1; i >= 0; i -= 1) {
    const x = (i - half) * step;
    // The exponentials go by multiplication, set right again before their rounding errors add up.
    const fresh = (i & 63) === 63 || i === tilted.length - 1;
    weightP = fresh ? Math.exp(-theta * x) : weightP * growP;
    weightQ = fresh ? Math.exp(-x) : weightQ * growQ;
    const term = (tilted[i] as number) * weightP;
    above += term;
    aboveQ += term * weightQ;
    // Between this grid point and the one below, delta is above − e^y·aboveQ.
    if (above > goal && above * weightQ * growQ - aboveQ > goal * weightQ * growQ) {
      return reference + Math.min(x, Math.max(x - step, Math.log((above - goal) / aboveQ)));
    }
  }
  // Delta stays below the goal on the whole window.
  return -Infinity;
}
