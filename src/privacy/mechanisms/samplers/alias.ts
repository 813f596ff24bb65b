/**
 * The alias method with integers only: a choice with probabilities weight/2^total, exactly, from one uniform column and
 * one uniform threshold. [Vose91]
 *
 * @module
 */

/**
 * Lays integer weights out over 2^columnsLog2 columns of equal capacity, every column shared by at most two items.
 * @param weights - at most 2^columnsLog2 integers ≥ 0 that sum to 2^(columnsLog2 + capacityLog2) ≤ 2^53.
 * @returns pairs: the threshold below which a column means itself, and the item it means otherwise. A full column names
 * itself twice, so that a threshold never needs one bit more than the capacity has.
 * @throws {RangeError} when the weights have another sum.
 */
export function createAliasColumns(
  weights: readonly number[],
  { columnsLog2, capacityLog2 }: { columnsLog2: number; capacityLog2: number },
): Uint32Array {
  const columnsCount = 2 ** columnsLog2;
  const capacity = 2 ** capacityLog2;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (
    weights.length > columnsCount ||
    columnsLog2 + capacityLog2 > 53 ||
    total !== columnsCount * capacity ||
    weights.some((weight) => weight < 0 || weight % 1 !== 0)
  ) {
    throw new RangeError(`"weights" must be integers ≥ 0 that sum to 2^${columnsLog2 + capacityLog2}, got ${total}`);
  }
  const columns = new Uint32Array(2 * columnsCount);
  const rest = Float64Array.from({ length: columnsCount }, (_, item) => weights[item] ?? 0);
  const small: number[] = [];
  const large: number[] = [];
  rest.forEach((weight, item) => (weight < capacity ? small : large).push(item));
  for (let item = small.pop(); item !== undefined; item = small.pop()) {
    const donor = large[large.length - 1] as number;
    const own = rest[item] as number;
    columns[2 * item] = own;
    columns[2 * item + 1] = donor;
    const left = (rest[donor] as number) - (capacity - own);
    rest[donor] = left;
    if (left < capacity) {
      large.pop();
      small.push(donor);
    }
  }
  for (const item of large) columns[2 * item + 1] = item;
  return columns;
}
