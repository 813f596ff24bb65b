/**
 * Walker's alias method with integers only: a choice with probabilities weight/2^32 from one 32-bit word, exactly.
 * [Vose91]
 *
 * @module
 */

const COLUMNS = 256;
const CAPACITY = 2 ** 24;

/**
 * Lays integer weights that sum to 2^32 out over 256 columns of 2^24 each, every column shared by at most two items.
 * @param weights - at most 256 integers ≥ 0.
 * @returns 256 pairs: the threshold below which a column means itself, and the item it means otherwise.
 * @throws {RangeError} when the weights do not sum to 2^32.
 */
export function createAliasColumns(weights: readonly number[]): Uint32Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.length > COLUMNS || total !== 2 ** 32 || weights.some((weight) => weight < 0 || weight % 1 !== 0)) {
    throw new RangeError(`"weights" must be at most ${COLUMNS} integers ≥ 0 that sum to 2^32, got a sum of ${total}`);
  }
  const columns = new Uint32Array(2 * COLUMNS);
  const rest = Array.from({ length: COLUMNS }, (_, item) => weights[item] ?? 0);
  const small: number[] = [];
  const large: number[] = [];
  rest.forEach((weight, item) => (weight < CAPACITY ? small : large).push(item));
  for (let item = small.pop(); item !== undefined; item = small.pop()) {
    const donor = large[large.length - 1] as number;
    const own = rest[item] as number;
    columns[2 * item] = own;
    columns[2 * item + 1] = donor;
    const left = (rest[donor] as number) - (CAPACITY - own);
    rest[donor] = left;
    if (left < CAPACITY) {
      large.pop();
      small.push(donor);
    }
  }
  // What is left holds exactly one capacity: the column means itself always.
  for (const item of large) {
    columns[2 * item] = CAPACITY;
    columns[2 * item + 1] = item;
  }
  return columns;
}
