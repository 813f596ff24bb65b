/**
 * Activations that ciphertexts can compute: polynomials of degree two, or odd ones of degree three, fitted to a function
 * over the range its arguments have, and folded into the neighbouring layers so that they cost one or two levels.
 *
 * @module
 */

/** c₀ + c₁x + c₂x², or c₁x + c₃x³. */
export type PolynomialActivation =
  | { readonly kind: 'quadratic'; readonly coefficients: readonly [number, number, number] }
  | { readonly kind: 'oddCubic'; readonly coefficients: readonly [number, number] };

/**
 * Fits a polynomial by least squares at Chebyshev nodes of [−range, range].
 * @throws {RangeError} when the fit has no leading term (a quadratic fit of an odd function).
 */
export function fitActivation(
  activation: (x: number) => number,
  { kind, range }: { readonly kind: PolynomialActivation['kind']; readonly range: number },
): PolynomialActivation {
  const nodes = Array.from({ length: 256 }, (_, i) => range * Math.cos((Math.PI * (i + 0.5)) / 256));
  const powers = kind === 'quadratic' ? [0, 1, 2] : [1, 3];
  const normal = powers.map((a) => powers.map((b) => nodes.reduce((sum, x) => sum + x ** (a + b), 0)));
  const right = powers.map((a) => nodes.reduce((sum, x) => sum + x ** a * activation(x), 0));
  const solution = solve(normal, right);
  if (Math.abs(solution.at(-1) as number) * range ** (powers.at(-1) as number) < 1e-6) {
    throw new RangeError(`the function has no ${kind} part on ±${range}: use the other kind`);
  }
  return kind === 'quadratic'
    ? { kind, coefficients: solution as unknown as [number, number, number] }
    : { kind, coefficients: solution as unknown as [number, number] };
}

function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i] as number]);
  const size = rows.length;
  for (let i = 0; i < size; i += 1) {
    let pivot = i;
    for (let r = i + 1; r < size; r += 1) {
      if (Math.abs((rows[r] as number[])[i] as number) > Math.abs((rows[pivot] as number[])[i] as number)) pivot = r;
    }
    [rows[i], rows[pivot]] = [rows[pivot] as number[], rows[i] as number[]];
    for (let r = 0; r < size; r += 1) {
      if (r === i) continue;
      const factor = ((rows[r] as number[])[i] as number) / ((rows[i] as number[])[i] as number);
      for (let c = i; c <= size; c += 1)
        (rows[r] as number[])[c] = ((rows[r] as number[])[c] as number) - factor * ((rows[i] as number[])[c] as number);
    }
  }
  return rows.map((row, i) => (row[size] as number) / (row[i] as number));
}

/** Computes the polynomial in the clear. */
export function evaluateActivation(activation: PolynomialActivation, x: number): number {
  if (activation.kind === 'quadratic') {
    const [c0, c1, c2] = activation.coefficients;
    return c0 + x * (c1 + x * c2);
  }
  const [c1, c3] = activation.coefficients;
  return x * (c1 + c3 * x * x);
}

/** What is left to compute after folding: ±u² (one level), or u·(u² + offset) (two). */
export interface FoldedActivation {
  /** The first layer's weights and biases times this … */
  readonly scale: number;
  /** … plus this in every bias. */
  readonly shift: number;
  /** u · (u² + offset) instead of u². */
  readonly offset: number | undefined;
  /** The next layer's weights times this … */
  readonly sign: number;
  /** … and this constant on each of its inputs, once a weight. */
  readonly constant: number;
}

/** Folds a polynomial: c₂x² + c₁x + c₀ = ±(√|c₂| x + …)² + constant; c₃x³ + c₁x = u(u² + offset) with u = ∛c₃ x. */
export function foldActivation(activation: PolynomialActivation): FoldedActivation {
  if (activation.kind === 'quadratic') {
    const [c0, c1, c2] = activation.coefficients;
    const scale = Math.sqrt(Math.abs(c2));
    return {
      scale,
      shift: (scale * c1) / (2 * c2),
      offset: undefined,
      sign: Math.sign(c2),
      constant: c0 - (c1 * c1) / (4 * c2),
    };
  }
  const [c1, c3] = activation.coefficients;
  const scale = Math.cbrt(c3);
  return { scale, shift: 0, offset: c1 / scale, sign: 1, constant: 0 };
}
