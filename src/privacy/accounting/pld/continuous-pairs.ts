/**
 * The dominating pairs of the continuous mechanisms: Gaussian and its mixtures, Laplace, bounded range.
 *
 * @module
 */

import { normalCdf } from '../../../foundations/numerics/index.ts';
import { bisectRising, type DominatingPair, type Piece, samplePair, swapPiece } from './pair.ts';

const INVERSE_SQRT_TWO_PI = 0.3989422804014327;

/** Five nodes on a tenth of a deviation integrate a Gaussian, and mixtures of them, to rounding error. */
const PANEL_IN_DEVIATIONS = 0.2;

/** Beyond this many deviations a normal density underflows. */
const FAR = 37;

/** One component of a mixture: its centre and its weights in P and Q. */
interface Component {
  readonly centre: number;
  readonly p: number;
  readonly q: number;
}

/**
 * A piece between two mixtures of Gaussians of one deviation, whose likelihood ratio rises in z.
 * @param zAt - the inverse of the loss where there is a closed form.
 */
function createNormalMixturePiece(
  components: readonly Component[],
  { sigma, zAt }: { readonly sigma: number; readonly zAt?: (loss: number) => number },
): Piece {
  const scale = INVERSE_SQRT_TWO_PI / sigma;
  const rate = 1 / (2 * sigma * sigma);
  const tail = (side: 'p' | 'q', z: number, direction: 1 | -1): number => {
    let sum = 0;
    for (const component of components) {
      if (component[side] > 0) sum += component[side] * normalCdf((direction * (component.centre - z)) / sigma);
    }
    return sum;
  };
  const centres = components.map(({ centre }) => centre);
  const range = { low: Math.min(...centres) - FAR * sigma, high: Math.max(...centres) + FAR * sigma };
  const edgeLoss = (end: -1 | 1): number => {
    // The outermost component decides; alone in one of the two it makes the loss unbounded.
    const outermost = [...components].sort((a, b) => end * (b.centre - a.centre))[0] as Component;
    if (outermost.q === 0) return Infinity;
    return outermost.p === 0 ? -Infinity : Math.log(outermost.p / outermost.q);
  };
  const flat = components.length === 1;
  // Flat arrays: this is the innermost loop of every discretisation.
  const count = components.length;
  const centreOf = Float64Array.from(centres);
  const weightP = Float64Array.from(components, ({ p }) => p);
  const weightQ = Float64Array.from(components, ({ q }) => q);
  const piece: Piece = {
    from: -Infinity,
    to: Infinity,
    lossFrom: flat ? 0 : edgeLoss(-1),
    lossTo: flat ? 0 : edgeLoss(1),
    panel: PANEL_IN_DEVIATIONS * sigma,
    densities(z, out) {
      let p = 0;
      let q = 0;
      for (let i = 0; i < count; i += 1) {
        const x = z - (centreOf[i] as number);
        const density = scale * Math.exp(-x * x * rate);
        p += (weightP[i] as number) * density;
        q += (weightQ[i] as number) * density;
      }
      out[0] = p;
      out[1] = q;
    },
    zAt:
      zAt ??
      ((loss) => {
        if (loss <= piece.lossFrom) return -Infinity;
        if (loss >= piece.lossTo) return Infinity;
        return bisectRising((z) => logRatio(components, z, rate), loss, range);
      }),
    pBelow: (z) => tail('p', z, -1),
    pAbove: (z) => tail('p', z, 1),
    qBelow: (z) => tail('q', z, -1),
    qAbove: (z) => tail('q', z, 1),
  };
  return piece;
}

/** log of the mixtures' ratio, safe where both densities underflow. */
function logRatio(components: readonly Component[], z: number, rate: number): number {
  let top = -Infinity;
  let bottom = -Infinity;
  for (const { centre, p, q } of components) {
    const log = -((z - centre) ** 2) * rate;
    if (p > 0) top = Math.max(top, log);
    if (q > 0) bottom = Math.max(bottom, log);
  }
  let p = 0;
  let q = 0;
  for (const component of components) {
    const log = -((z - component.centre) ** 2) * rate;
    if (component.p > 0) p += component.p * Math.exp(log - top);
    if (component.q > 0) q += component.q * Math.exp(log - bottom);
  }
  return top - bottom + Math.log(p / q);
}

/** N(1, σ²) against N(0, σ²). */
export function createGaussianPair(sigma: number): DominatingPair {
  const variance = sigma * sigma;
  return {
    pieces: [
      createNormalMixturePiece(
        [
          { centre: 0, p: 0, q: 1 },
          { centre: 1, p: 1, q: 0 },
        ],
        { sigma, zAt: (loss) => loss * variance + 0.5 },
      ),
    ],
    atoms: [],
  };
}

/**
 * (1−q)·N(0, σ²) + q·N(1, σ²) against (1−q)·N(0, σ²) + q·N(−1, σ²): Poisson sampling under replace-one, the two
 * contributions opposite ([LSSS24] section 5: the pair that dominates).
 */
export function createReplacedGaussianPair(sigma: number, samplingRate: number): DominatingPair {
  const q = samplingRate;
  const variance = sigma * sigma;
  if (q === 1) {
    return createGaussianPair(sigma / 2);
  }
  const damp = q * Math.exp(-1 / (2 * variance));
  // With w = exp(z/σ²): damp·w² − (1−q)(e^loss − 1)·w − damp·e^loss = 0, for a loss ≥ 0; the pair is its own mirror image.
  const zAt = (loss: number): number => {
    if (loss < 0) return -zAt(-loss);
    const b = (1 - q) * Math.expm1(loss);
    const root = (b + Math.sqrt(b * b + 4 * damp * damp * Math.exp(loss))) / (2 * damp);
    return variance * (root === Infinity ? loss + Math.log((1 - q) / damp) : Math.log(root));
  };
  return {
    pieces: [
      createNormalMixturePiece(
        [
          { centre: -1, p: 0, q },
          { centre: 0, p: 1 - q, q: 1 - q },
          { centre: 1, p: q, q: 0 },
        ],
        { sigma, zAt },
      ),
    ],
    atoms: [],
  };
}

/** Σ probabilities[i]·N(sensitivities[i], σ²) against N(0, σ²) ([CMGT24]). */
export function createMixturePair({
  noiseStddev,
  sensitivities,
  probabilities,
}: {
  readonly noiseStddev: number;
  readonly sensitivities: readonly number[];
  readonly probabilities: readonly number[];
}): DominatingPair {
  const weights = new Map<number, number>([[0, 0]]);
  sensitivities.forEach((centre, i) => {
    weights.set(centre, (weights.get(centre) ?? 0) + (probabilities[i] as number));
  });
  const components = [...weights]
    .filter(([centre, p]) => centre === 0 || p > 0)
    .map(([centre, p]) => ({ centre, p, q: centre === 0 ? 1 : 0 }));
  if (components.length === 1) return { pieces: [], atoms: [{ p: 1, q: 1 }] };
  return { pieces: [createNormalMixturePiece(components, { sigma: noiseStddev })], atoms: [] };
}

/** A piece whose densities are exponentials in z on a finite range: a·exp(b·z) for each of p and q. */
function createExponentialPiece(
  { from, to }: { readonly from: number; readonly to: number },
  { p, q }: { readonly p: readonly [number, number]; readonly q: readonly [number, number] },
): Piece {
  const slope = p[1] - q[1];
  const loss = (z: number): number => Math.log(p[0] / q[0]) + slope * z;
  const mass = ([a, b]: readonly [number, number], low: number, high: number): number => {
    const left = Math.max(low, from);
    const right = Math.min(high, to);
    if (left >= right) return 0;
    return b === 0 ? a * (right - left) : (a * Math.exp(b * left) * Math.expm1(b * (right - left))) / b;
  };
  return {
    from,
    to,
    lossFrom: loss(from),
    lossTo: loss(to),
    panel: 0.5 / Math.max(Math.abs(p[1]), Math.abs(q[1]), 1e-300),
    densities(z, out) {
      out[0] = p[0] * Math.exp(p[1] * z);
      out[1] = q[0] * Math.exp(q[1] * z);
    },
    zAt: (value) => Math.min(Math.max((value - Math.log(p[0] / q[0])) / slope, from), to),
    pBelow: (z) => mass(p, from, z),
    pAbove: (z) => mass(p, z, to),
    qBelow: (z) => mass(q, from, z),
    qAbove: (z) => mass(q, z, to),
  };
}

/** Laplace(1, b) against Laplace(0, b). */
export function createLaplacePair(scale: number): DominatingPair {
  const epsilon = 1 / scale;
  const half = 0.5;
  return {
    // Between the two centres p = exp(−(1−z)/b)/2b and q = exp(−z/b)/2b.
    pieces: [
      createExponentialPiece(
        { from: 0, to: 1 },
        { p: [(epsilon / 2) * Math.exp(-epsilon), epsilon], q: [epsilon / 2, -epsilon] },
      ),
    ],
    atoms: [
      { p: half * Math.exp(-epsilon), q: half },
      { p: half, q: half * Math.exp(-epsilon) },
    ],
    lattice: { origin: -epsilon, spacing: 2 * epsilon },
  };
}

/** Samples a pair with the two heavy atoms of a bounded loss: the lattice moves with them. */
export function sampleBoundedPair(pair: DominatingPair, rate: number): DominatingPair {
  const sampled = samplePair(pair, rate);
  const losses = sampled.atoms.map(({ p, q }) => Math.log(p / q)).sort((a, b) => a - b);
  const origin = losses[0] as number;
  const spacing = (losses.at(-1) as number) - origin;
  return spacing > 0 ? { ...sampled, lattice: { origin, spacing } } : sampled;
}

/** (1−q)·Laplace(0) + q·Laplace(1) against (1−q)·Laplace(0) + q·Laplace(−1): replace-one under Poisson sampling. */
export function createReplacedLaplacePair(scale: number, samplingRate: number): DominatingPair {
  const q = samplingRate;
  if (q === 1) return createLaplacePair(scale / 2);
  const e = 1 / scale;
  const far = Math.exp(-e);
  // Right of 1: p = (1−q)·e^{−z/b} + q·e^{−(z−1)/b}, q likewise with −(z+1). Between 0 and 1 the moved centre is ahead.
  const right: Piece = createSlowPiece(
    { from: 0, to: 1 },
    (z, out) => {
      const base = (e / 2) * Math.exp(-e * z);
      out[0] = (1 - q) * base + q * (e / 2) * Math.exp(-e * (1 - z));
      out[1] = (1 - q) * base + q * base * far;
    },
    0.5 / e,
  );
  const mass = (z: number): number => 0.5 * Math.exp(-e * z);
  const top = { p: (1 - q) * mass(1) + (q * 1) / 2, q: (1 - q) * mass(1) + q * mass(2) };
  const loss = Math.log(top.p / top.q);
  return {
    pieces: [swapPiece(right), right],
    atoms: [{ p: top.q, q: top.p }, top],
    lattice: { origin: -loss, spacing: 2 * loss },
  };
}

/** A piece with any smooth densities on a finite range; masses and inverse by bisection and quadrature bounds. */
function createSlowPiece(
  { from, to }: { readonly from: number; readonly to: number },
  densities: (z: number, out: Float64Array) => void,
  panel: number,
): Piece {
  const out = new Float64Array(2);
  const loss = (z: number): number => {
    densities(z, out);
    return Math.log((out[0] as number) / (out[1] as number));
  };
  // Such a piece is never cut, so its masses outside a cut are asked for at its ends only.
  const outside = (z: number): number => (z <= from || z >= to ? 0 : 1);
  return {
    from,
    to,
    lossFrom: loss(from),
    lossTo: loss(to),
    panel,
    densities,
    zAt: (value) =>
      value <= loss(from) ? from : value >= loss(to) ? to : bisectRising(loss, value, { low: from, high: to }),
    pBelow: (z) => (z >= to ? 1 : outside(z)),
    pAbove: (z) => (z <= from ? 1 : outside(z)),
    qBelow: (z) => (z >= to ? 1 : outside(z)),
    qAbove: (z) => (z <= from ? 1 : outside(z)),
  };
}

/**
 * The pair that dominates every epsilon-bounded-range mechanism. For a range [t − ε, t] the worst mechanism has two
 * outcomes with those losses ([DDR20] lemma 4.2) and hockey stick (1 − e^{t−ε})(1 − e^{y−t})/(1 − e^{−ε}); its largest
 * value over t, at t = (y + ε)/2, is (1 − e^{(y−ε)/2})²/(1 − e^{−ε}), the curve of a loss with density
 * e^{(y−ε)/2}/(2(1 − e^{−ε})) on [−ε, ε].
 */
export function createBoundedRangePair(epsilon: number): DominatingPair {
  const norm = 0.5 / -Math.expm1(-epsilon);
  const scale = norm * Math.exp(-epsilon / 2);
  return {
    pieces: [createExponentialPiece({ from: -epsilon, to: epsilon }, { p: [scale, 0.5], q: [scale, -0.5] })],
    atoms: [],
    lattice: { origin: -epsilon, spacing: 2 * epsilon },
  };
}
