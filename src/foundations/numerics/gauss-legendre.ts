/**
 * Gauss–Legendre quadrature: nodes and weights on [0, 1], found by Newton's method on the Legendre polynomial.
 *
 * @module
 */

/** A rule on [0, 1]: ∫f ≈ Σ weights[i]·f(nodes[i]), exact for polynomials of degree 2·count − 1. */
export interface QuadratureRule {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

/** Creates the rule with `count` nodes. */
export function createGaussLegendre(count: number): QuadratureRule {
  const nodes = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let step = 0; step < 100; step += 1) {
      let before = 1;
      let value = x;
      for (let k = 2; k <= count; k += 1) [before, value] = [value, ((2 * k - 1) * x * value - (k - 1) * before) / k];
      slope = count === 1 ? 1 : (count * (x * value - before)) / (x * x - 1);
      const move = value / slope;
      x -= move;
      if (Math.abs(move) < 1e-16) break;
    }
    nodes[count - 1 - i] = (1 + x) / 2;
    weights[count - 1 - i] = 1 / ((1 - x * x) * slope * slope);
  }
  return { nodes, weights };
}
