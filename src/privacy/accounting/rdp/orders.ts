/**
 * The Rényi orders at which curves are kept.
 *
 * @module
 */

/** Tenths up to 10.9, then every integer to 63, then powers of two to 1024: good for DP-SGD and for single releases. */
export const DEFAULT_ORDERS: readonly number[] = Object.freeze([
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 53 }, (_, i) => 11 + i),
  128,
  256,
  512,
  1024,
]);

/** Every integer from 2 to 256: where the sampled mechanisms have exact finite sums. */
export const INTEGER_ORDERS: readonly number[] = Object.freeze(Array.from({ length: 255 }, (_, i) => i + 2));
