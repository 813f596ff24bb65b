/**
 * Dense layers on encrypted slots: where inputs and weights lie, so that one product a diagonal, a few rotations and a
 * rotate-and-sum give every output in every period of the slots (the diagonal method of [HS14], [JVC18] with copies of
 * the input shifted by the client, who does it for nothing).
 *
 * @module
 */

/** A dense layer: weights row-major, one row an output. */
export interface DenseWeights {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

/** How one layer uses the slots. */
export interface LayerLayout {
  /** Length of a copy of the input, a power of two. */
  readonly period: number;
  /** Outputs rounded up to a power of two: the result repeats with this period. */
  readonly rows: number;
  /** Shift between neighbouring copies: 0 when the copies are alike. */
  readonly shift: number;
  /** Rotations whose diagonals are multiplied: 0 … diagonals − 1. */
  readonly diagonals: number;
  /** Rotations of the rotate-and-sum. */
  readonly sums: readonly number[];
}

function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, value)));
}

/** The layout of a first layer: copy b of the input is shifted by shift · b, so that copies share the diagonals. */
export function layOutFirst({ inputs, outputs }: { inputs: number; outputs: number }, slots: number): LayerLayout {
  const rows = powerOfTwo(outputs);
  const period = Math.max(powerOfTwo(inputs), rows);
  const copies = slots / period;
  const diagonals = Math.max(1, rows / copies);
  const sums: number[] = [];
  for (let step = rows; step < slots; step *= 2) sums.push(step);
  return { period, rows, shift: diagonals, diagonals, sums };
}

/** The layout of a later layer, whose input repeats with its own period. */
export function layOutNext({ outputs }: { outputs: number }, period: number): LayerLayout {
  const rows = Math.min(powerOfTwo(outputs), period);
  const sums: number[] = [];
  for (let step = rows; step < period; step *= 2) sums.push(step);
  return { period, rows, shift: 0, diagonals: rows, sums };
}

/** Which input lies in a slot of the first layer. */
function inputAt(slot: number, { period, shift }: LayerLayout): number {
  return ((slot % period) + shift * Math.floor(slot / period)) % period;
}

/** Places an input vector: shifted copies over all slots. */
export function placeInput(values: ArrayLike<number>, layout: LayerLayout, slots: number): Float64Array {
  return Float64Array.from({ length: slots }, (_, slot) => values[inputAt(slot, layout)] ?? 0);
}

/**
 * Returns the factors of every diagonal: after a rotation by k, slot p holds the input of slot p + k and belongs to row
 * p modulo `rows`. Every pair of row and input gets its weight exactly once.
 */
export function placeWeights(
  { inputs, outputs, weights }: DenseWeights,
  layout: LayerLayout,
  slots: number,
): Float64Array[] {
  const { rows, period, diagonals, shift } = layout;
  // With more copies than diagonals to share, only the first rows ÷ diagonals copies are used.
  const used = shift === 0 ? slots / period : Math.min(slots / period, rows / diagonals);
  return Array.from({ length: diagonals }, (_, k) =>
    Float64Array.from({ length: slots }, (__, p) => {
      const q = (p + k) % slots;
      const column = inputAt(q, layout);
      const row = p % rows;
      if (Math.floor(q / period) >= used || row >= outputs || column >= inputs) return 0;
      return weights[row * inputs + column] as number;
    }),
  );
}

/** Repeats a vector of outputs over all slots. */
export function placeBias(bias: ArrayLike<number>, { rows }: LayerLayout, slots: number): Float64Array {
  return Float64Array.from({ length: slots }, (_, slot) => bias[slot % rows] ?? 0);
}
