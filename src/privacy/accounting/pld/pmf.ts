/**
 * A privacy loss distribution on a grid: masses under P at `origin` + (`first` + i)·`step`.
 *
 * @module
 */

/** A discrete loss. What is missing to one lies at −∞ (it never counts), `infinite` lies at +∞ (it always does). */
export interface LossPmf {
  readonly origin: number;
  readonly step: number;
  readonly first: number;
  readonly masses: Float64Array;
  readonly infinite: number;
}

/** A pmf that grows at both ends while it is filled. */
export interface PmfBuilder {
  /** Adds mass at grid index j. */
  add(j: number, mass: number): void;
  addInfinite(mass: number): void;
  build(shift?: number): LossPmf;
}

/** Creates a builder for a grid. */
export function createPmfBuilder({ origin, step }: { readonly origin: number; readonly step: number }): PmfBuilder {
  let masses = new Float64Array(256);
  let base = 0;
  let low = Infinity;
  let high = -Infinity;
  let infinite = 0;
  const reserve = (j: number): void => {
    if (low > high) base = j - (masses.length >> 1);
    const from = Math.min(low, j);
    const to = Math.max(high, j);
    if (from >= base && to < base + masses.length) return;
    const size = 2 * Math.max(masses.length, to - from + 1);
    const grown = new Float64Array(size);
    const newBase = from - Math.floor((size - (to - from)) / 2);
    if (low <= high) grown.set(masses.subarray(low - base, high - base + 1), low - newBase);
    masses = grown;
    base = newBase;
  };
  return {
    add(j, mass) {
      if (!(mass > 0)) return;
      if (j < low || j > high) {
        reserve(j);
        low = Math.min(low, j);
        high = Math.max(high, j);
      }
      masses[j - base] = (masses[j - base] as number) + mass;
    },
    addInfinite(mass) {
      infinite += mass;
    },
    build(shift = 0) {
      const used = low > high ? new Float64Array(1) : masses.slice(low - base, high - base + 1);
      return { origin: origin + shift, step, first: low > high ? 0 : low, masses: used, infinite };
    },
  };
}
