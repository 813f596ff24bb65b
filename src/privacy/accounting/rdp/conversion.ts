/**
 * From Rényi divergences to (epsilon, delta): Proposition 12 of [CKS20] (arXiv 2004.00010 v4), with the
 * Bretagnolle–Huber bound through the KL divergence where that already gives epsilon zero.
 *
 * @module
 */

/** A bound, and the order that gave it (0: none did). */
export interface ConvertedBound {
  readonly value: number;
  readonly order: number;
}

/** Below this order Proposition 12 is numerically unstable, and useless. */
const SMALLEST_ORDER = 1.01;

/** Returns the least epsilon over the orders that bounds the loss at `delta`. */
export function convertToEpsilon(
  { orders, rdp }: { readonly orders: ArrayLike<number>; readonly rdp: ArrayLike<number> },
  delta: number,
): ConvertedBound {
  let best: ConvertedBound = { value: Infinity, order: 0 };
  for (let i = 0; i < orders.length; i += 1) {
    const alpha = orders[i] as number;
    const divergence = rdp[i] as number;
    let value = Infinity;
    if (divergence === 0 || (delta > 0 && delta * delta + Math.expm1(-divergence) > 0)) value = 0;
    else if (alpha > SMALLEST_ORDER && delta > 0) {
      value = divergence + Math.log1p(-1 / alpha) - Math.log(delta * alpha) / (alpha - 1);
    }
    value = Math.max(0, value);
    if (value < best.value) best = { value, order: alpha };
  }
  return best;
}

/** Returns the least delta over the orders that bounds the loss at `epsilon`. */
export function convertToDelta(
  { orders, rdp }: { readonly orders: ArrayLike<number>; readonly rdp: ArrayLike<number> },
  epsilon: number,
): ConvertedBound {
  let best: ConvertedBound = { value: 1, order: 0 };
  for (let i = 0; i < orders.length; i += 1) {
    const alpha = orders[i] as number;
    const divergence = rdp[i] as number;
    if (divergence === Infinity) continue;
    let log = divergence === 0 ? -Infinity : 0.5 * Math.log(-Math.expm1(-divergence));
    if (alpha > SMALLEST_ORDER) {
      log = Math.min(log, (alpha - 1) * (divergence - epsilon + Math.log1p(-1 / alpha)) - Math.log(alpha));
    }
    const value = Math.min(1, Math.exp(log));
    if (value < best.value) best = { value, order: alpha };
  }
  return best;
}

/**
 * Returns epsilon by the conversion in use before 2020, rdp + log(1/delta)/(α − 1) ([Mir17] proposition 3): larger, and
 * wanted only to compare with figures of that time.
 */
export function computeClassicEpsilon(
  { orders, rdp }: { readonly orders: ArrayLike<number>; readonly rdp: ArrayLike<number> },
  delta: number,
): ConvertedBound {
  let best: ConvertedBound = { value: Infinity, order: 0 };
  for (let i = 0; i < orders.length; i += 1) {
    const alpha = orders[i] as number;
    const value = (rdp[i] as number) - Math.log(delta) / (alpha - 1);
    if (value < best.value) best = { value, order: alpha };
  }
  return best;
}
