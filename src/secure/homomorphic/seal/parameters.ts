/**
 * Parameters from needs: the smallest ring whose noise leaves the declared grid untouched, always at 128 bits of
 * security by the table of the homomorphic encryption standard, which SEAL enforces. [HES18]
 *
 * @module
 */

import { HomomorphicError } from '../errors.ts';

/** Bits of the coefficient modulus at 128 bits of security, by polynomial degree. [HES18] table 1 */
const MAX_MODULUS_BITS: Readonly<Record<number, number>> = { 2048: 54, 4096: 109, 8192: 218, 16384: 438 };
/** Variance of SEAL's centred binomial error: 21 coin pairs. */
const ERROR_VARIANCE = 10.5;

/** What a vector that is only added needs. */
export interface SumNeeds {
  readonly clampRange: number;
  readonly fractionBits: number;
  readonly addends: number;
  /** Entries, for the union bound of the failure probability. */
  readonly entries: number;
  /** Whether vectors are multiplied by plain numbers, which adds noise up as if it were one and the same. */
  readonly products?: boolean;
}

/** A ring, its modulus, and the scale of values in it. */
export interface SealParameterChoice {
  readonly degree: number;
  readonly modulusBits: readonly number[];
  /** CKKS: binary digits of the scale. */
  readonly scaleBits: number;
  /** BFV and BGV: bits of the plaintext prime. */
  readonly plainBits: number;
  /** Log2 of a bound of the chance that noise reaches the grid, over all entries. */
  readonly failureLog2: number;
}

const TARGET_FAILURE_LOG2 = -40;
const MAX_SCALE_BITS = 60;

/** Rings for sums, cheapest first. */
const SUM_RINGS: readonly (readonly [degree: number, modulusBits: readonly number[]])[] = [
  [4096, [60]],
  [8192, [60, 60, 60]],
];

/** Bits that carry data: SEAL keeps the last of several primes for switching keys. */
function dataBits(modulusBits: readonly number[]): number {
  const carrying = modulusBits.length === 1 ? modulusBits : modulusBits.slice(0, -1);
  return carrying.reduce((sum, bits) => sum + bits, 0);
}

/** Deviations that so many sub-Gaussians all stay within except with probability 2^−40, both sides. */
function deviations(count: number): number {
  return Math.sqrt(2 * Math.LN2 * (-TARGET_FAILURE_LOG2 + 1 + Math.log2(count)));
}

/**
 * Bounds the error of every slot of a CKKS sum, in units of 1 ÷ scale, except with probability 2^−40.
 * A fresh error is v·e + e₀ + s·e₁ with ternary v and s, e of the public key. At a slot's root ζ the real part of
 * v(ζ)·e(ζ), given v, is sub-Gaussian with parameter σ² N/2 · |v(ζ)|², and each part of v(ζ) itself is one with N/3 (a
 * ternary coefficient with 2/3): the tail of the product is heavier than Gaussian, so both factors are bounded, each by its
 * deviations z. Over all addends |Σ v(ζ)|² ≤ addends · 2 z² N/3 and |s(ζ)|² ≤ 2 z² N/3.
 */
export function slotErrorBound({
  degree,
  addends,
  entries,
}: Pick<SumNeeds, 'addends' | 'entries'> & { readonly degree: number }): number {
  // One bound of each slot's error, two for the parts of Σ v(ζ), two for those of s(ζ).
  const z = deviations(5 * entries);
  return z * Math.sqrt(addends * ERROR_VARIANCE * (degree / 2) * ((4 / 3) * z * z * degree + 1));
}

/**
 * Chooses CKKS parameters for sums on a grid: the decrypted error stays below half a step except with probability
 * 2^−40, so that rounding to the grid returns the exact sum and shows nothing of the noise [LM21].
 * @throws {HomomorphicError} `homomorphic/no-parameters` when the grid is too fine for its range.
 */
export function chooseCkksSum({ clampRange, fractionBits, addends, entries }: SumNeeds): SealParameterChoice {
  const rangeBits = Math.ceil(Math.log2(clampRange * addends + 1)) + 1;
  for (const [degree, modulusBits] of SUM_RINGS) {
    const total = dataBits(modulusBits);
    // One bit for the sign, one for the noise. A larger scale shrinks the noise; what doubles lose, it does not.
    const scaleBits = Math.min(MAX_SCALE_BITS, total - rangeBits - 2);
    const floatError = 2 ** (rangeBits + scaleBits - 52) * Math.log2(degree) * addends;
    const error = (slotErrorBound({ degree, addends, entries }) + floatError) / 2 ** scaleBits;
    if (scaleBits >= 20 && error < 2 ** -(fractionBits + 1)) {
      return { degree, modulusBits, scaleBits, plainBits: 0, failureLog2: TARGET_FAILURE_LOG2 };
    }
  }
  throw new HomomorphicError(
    'homomorphic/no-parameters',
    `CKKS cannot keep ${fractionBits} fraction bits of sums up to ${clampRange * addends}: lower "fractionBits" or "clampRange", or use BFV`,
  );
}

/**
 * Tells whether the noise of all addends stays below q ÷ 2t except with probability 2^−40. The bound is one for both: BFV
 * decrypts ⌊t ÷ q · m'⌉, where noise e must stay below q ÷ 2t, and BGV reduces m + t·e, which must stay below q ÷ 2.
 * A coefficient of the noise is sub-Gaussian with parameter σ² (‖Σ v‖² + addends (1 + ‖s‖²)); Σ v has 2/3 · addends a
 * coefficient, so that its norm stays below addends · N [HKZ12], as ‖s‖² does below N. A plain factor f multiplies noise by
 * f where f addends would by √f.
 */
export function holdsNoise(
  { addends, entries, products = false }: SumNeeds,
  { degree, modulusBits, plainBits }: Pick<SealParameterChoice, 'degree' | 'modulusBits' | 'plainBits'>,
): boolean {
  const total = dataBits(modulusBits) - modulusBits.length;
  // A wrong coefficient is one of every slot of its ciphertext.
  const coefficients = Math.ceil(entries / degree) * degree;
  const variance = ERROR_VARIANCE * (2 * degree + 1) * (products ? addends ** 2 : addends);
  const noise = deviations(2 * coefficients) * Math.sqrt(variance) + addends;
  return plainBits <= 60 && total - plainBits - 1 > Math.log2(noise);
}

/**
 * Chooses BFV or BGV parameters for exact sums: the plaintext prime exceeds twice the largest sum, and {@link holdsNoise}.
 * @throws {HomomorphicError} `homomorphic/no-parameters` when sums need more than 58 bits.
 */
export function chooseExactSum(needs: SumNeeds): SealParameterChoice {
  const { clampRange, fractionBits, addends } = needs;
  const largest = (Math.floor(clampRange * 2 ** fractionBits) + 1) * addends;
  // A prime of b bits is at least 2^(b−1); 2^(b−1) > 2 · largest. Batching needs primes ≡ 1 mod 2N: 20 bits at least.
  const plainBits = Math.max(20, Math.ceil(Math.log2(2 * largest + 1)) + 1);
  for (const [degree, modulusBits] of SUM_RINGS) {
    if (holdsNoise(needs, { degree, modulusBits, plainBits })) {
      return { degree, modulusBits, scaleBits: 0, plainBits, failureLog2: TARGET_FAILURE_LOG2 };
    }
  }
  throw new HomomorphicError(
    'homomorphic/no-parameters',
    `BFV and BGV cannot hold sums of ${plainBits} bits: lower "fractionBits", "clampRange" or "addends"`,
  );
}

/**
 * Chooses a CKKS chain for computing: one prime a multiplication, the first and the key-switching prime wider by the
 * bits before the point.
 * @throws {HomomorphicError} `homomorphic/no-parameters` when no ring up to 16384 gives `scaleBits` for that depth.
 */
export function chooseCkksCompute({
  depth,
  scaleBits,
  integerBits,
  slots,
}: {
  readonly depth: number;
  readonly scaleBits: number;
  readonly integerBits: number;
  readonly slots: number;
}): SealParameterChoice {
  const outer = Math.min(60, scaleBits + integerBits);
  for (const degree of [4096, 8192, 16_384]) {
    const total = 2 * outer + depth * scaleBits;
    if (degree / 2 >= slots && total <= (MAX_MODULUS_BITS[degree] as number)) {
      const modulusBits = [outer, ...Array.from({ length: depth }, () => scaleBits), outer];
      return { degree, modulusBits, scaleBits, plainBits: 0, failureLog2: 0 };
    }
  }
  throw new HomomorphicError(
    'homomorphic/no-parameters',
    `no ring up to 16384 has ${depth} levels of ${scaleBits} bits and ${slots} slots at 128 bits of security`,
  );
}
