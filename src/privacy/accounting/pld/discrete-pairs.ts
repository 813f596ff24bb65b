/**
 * The dominating pairs of the discrete mechanisms, whose losses lie on a lattice: nothing is lost by discretising them.
 *
 * @module
 */

import { logSumExp } from '../../../foundations/numerics/index.ts';
import type { Atom, DominatingPair } from './pair.ts';

/** Two outcomes with loss ±epsilon, and an outright failure of probability delta ([KOV15]). */
export function createPrivacyParametersPair(epsilon: number, delta: number): DominatingPair {
  const rest = 1 - delta;
  const likely = rest / (1 + Math.exp(-epsilon));
  const unlikely = rest / (1 + Math.exp(epsilon));
  const atoms: Atom[] = [
    { p: unlikely, q: likely },
    { p: likely, q: unlikely },
  ];
  if (delta > 0) atoms.push({ p: delta, q: 0 }, { p: 0, q: delta });
  if (epsilon === 0) return { pieces: [], atoms };
  return { pieces: [], atoms, lattice: { origin: -epsilon, spacing: 2 * epsilon } };
}

/** k-ary randomized response, the true bucket replaced by another one. */
export function createResponsePair({
  noiseParameter: p,
  buckets: k,
}: {
  readonly noiseParameter: number;
  readonly buckets: number;
}): DominatingPair {
  if (k === 1 || p === 1) return { pieces: [], atoms: [{ p: 1, q: 1 }] };
  const own = 1 - p + p / k;
  const other = p / k;
  if (p === 0) return { pieces: [], atoms: [{ p: 1, q: 0 }] };
  const loss = Math.log(own / other);
  const atoms = [
    { p: own, q: other },
    { p: other, q: own },
  ];
  if (k > 2) atoms.push({ p: (k - 2) * other, q: (k - 2) * other });
  return { pieces: [], atoms, lattice: { origin: -loss, spacing: k > 2 ? loss : 2 * loss } };
}

/** k-ary randomized response against a uniform bucket (zero-out). */
export function createZeroOutResponsePair({
  noiseParameter: p,
  buckets: k,
}: {
  readonly noiseParameter: number;
  readonly buckets: number;
}): DominatingPair {
  if (k === 1 || p === 1) return { pieces: [], atoms: [{ p: 1, q: 1 }] };
  const own = { p: 1 - p + p / k, q: 1 / k };
  const others = { p: ((k - 1) * p) / k, q: (k - 1) / k };
  if (p === 0) return { pieces: [], atoms: [own, { p: 0, q: others.q }] };
  const origin = Math.log(others.p / others.q);
  return { pieces: [], atoms: [own, others], lattice: { origin, spacing: Math.log(own.p / own.q) - origin } };
}

/** The discrete Laplace of parameter a at integer sensitivity s: losses a·(s − 2k), k = 0…s. */
export function createDiscreteLaplacePair(a: number, s: number): DominatingPair {
  const centre = Math.tanh(a / 2);
  const outside = 1 / (1 + Math.exp(-a));
  const atoms: Atom[] = [
    { p: outside, q: outside * Math.exp(-a * s) },
    { p: outside * Math.exp(-a * s), q: outside },
  ];
  for (let k = 1; k < s; k += 1) {
    atoms.push({ p: centre * Math.exp(-a * k), q: centre * Math.exp(-a * (s - k)) });
  }
  return { pieces: [], atoms, lattice: { origin: -a * s, spacing: 2 * a } };
}

/** The discrete Gaussian reaches so far that what is left out is below e⁻⁶⁰⁰ of it. */
const REACH = 35;

/**
 * The discrete Gaussian of parameter σ on the integers at integer sensitivity s: the loss at z is (2z − s)·s/2σ², here
 * with P centred at s.
 */
export function createDiscreteGaussianPair(sigma: number, s: number): DominatingPair {
  const from = Math.floor(-REACH * sigma);
  const to = Math.ceil(s + REACH * sigma);
  const log = (z: number): number => (-z * z) / (2 * sigma * sigma);
  const logNorm = logSumExp(Float64Array.from({ length: to - from + 1 }, (_, i) => log(from + i)));
  const atoms: Atom[] = [];
  for (let z = from; z <= to; z += 1) {
    atoms.push({ p: Math.exp(log(z - s) - logNorm), q: Math.exp(log(z) - logNorm) });
  }
  const lattice = { origin: (-s * s) / (2 * sigma * sigma), spacing: s / (sigma * sigma) };
  return { pieces: [], atoms: atoms.filter(({ p, q }) => p > 0 && q > 0), lattice };
}
