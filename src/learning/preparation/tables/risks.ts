/**
 * Re-identification risks of a table, from its class sizes ([EED08]): somebody who knows that a person is in
 * it (prosecutor), somebody who knows the wider population (journalist), somebody who wants many people at once
 * (marketer).
 *
 * @module
 */

/** Figures in [0, 1] unless they are counts. */
export interface Risks {
  readonly rows: number;
  readonly classes: number;
  readonly smallestClass: number;
  readonly largestClass: number;
  readonly prosecutor: {
    /** 1 ÷ smallest class. */
    readonly highest: number;
    /** Mean risk of a row: classes ÷ rows. */
    readonly average: number;
    /** Share of rows whose risk is above the threshold. */
    readonly rowsAtRisk: number;
  };
  /** From the sizes in the population; absent without one. */
  readonly journalist?: { readonly highest: number; readonly average: number; readonly rowsAtRisk: number };
  /** The share of rows that a marketer expects to re-identify. */
  readonly marketer: number;
  /** Share of rows that are alone in their class. */
  readonly sampleUniqueness: number;
}

/**
 * Computes risks.
 * @param sizes - rows of each class; classes of none are left out.
 * @param options - `populations` per class, and the `threshold` from which a row is at risk.
 */
export function computeRisks(
  sizes: ArrayLike<number>,
  { populations, threshold = 0.2 }: { populations?: ArrayLike<number>; threshold?: number } = {},
): Risks {
  let rows = 0;
  let classes = 0;
  let smallest = Number.POSITIVE_INFINITY;
  let largest = 0;
  let unique = 0;
  let atRisk = 0;
  let smallestPopulation = Number.POSITIVE_INFINITY;
  let journalistAtRisk = 0;
  let expected = 0;
  for (let i = 0; i < sizes.length; i += 1) {
    const size = sizes[i] as number;
    if (size === 0) continue;
    const population = populations?.[i] ?? size;
    rows += size;
    classes += 1;
    smallest = Math.min(smallest, size);
    largest = Math.max(largest, size);
    smallestPopulation = Math.min(smallestPopulation, population);
    if (size === 1) unique += 1;
    if (1 / size > threshold) atRisk += size;
    if (1 / population > threshold) journalistAtRisk += size;
    expected += size / population;
  }
  const share = (count: number): number => (rows === 0 ? 0 : count / rows);
  const journalist =
    populations === undefined
      ? {}
      : {
          journalist: {
            highest: rows === 0 ? 0 : 1 / smallestPopulation,
            average: share(expected),
            rowsAtRisk: share(journalistAtRisk),
          },
        };
  return {
    rows,
    classes,
    smallestClass: rows === 0 ? 0 : smallest,
    largestClass: largest,
    prosecutor: { highest: rows === 0 ? 0 : 1 / smallest, average: share(classes), rowsAtRisk: share(atRisk) },
    ...journalist,
    marketer: share(expected),
    sampleUniqueness: share(unique),
  };
}
