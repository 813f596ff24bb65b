import { describe, expect, it } from 'vitest';

import { SecAggError } from './errors.ts';
import { createHararyGraph, permutePlaces, type Graph } from './graph.ts';
import { assertGraphParameters, findGraphParameters } from './parameters.ts';

/** Degree and threshold by cohort, for corrupt % / dropout % of 10/10, 20/20, 33/10, 33/33: the finder of Google's fcp. */
const TABLE = [
  {
    participants: 50,
    found: [
      [12, 6],
      [22, 11],
      [22, 17],
      [34, 17],
    ],
  },
  {
    participants: 100,
    found: [
      [22, 11],
      [40, 21],
      [42, 32],
      [68, 34],
    ],
  },
  {
    participants: 1000,
    found: [
      [48, 27],
      [98, 54],
      [102, 72],
      [286, 150],
    ],
  },
];
const FRACTIONS = [
  [0.1, 0.1],
  [0.2, 0.2],
  [0.33, 0.1],
  [0.33, 0.33],
] as const;

function find(participants: number, [corruptFraction, dropoutFraction]: readonly [number, number]) {
  return findGraphParameters({ participants, corruptFraction, dropoutFraction, adversary: 'semi-honest' });
}

/** Tells whether the given places hang together in the graph. */
function isConnected(graph: Graph, places: ReadonlySet<number>): boolean {
  const [start] = places;
  if (start === undefined || graph.kind === 'complete') return true;
  const reached = new Set([start]);
  const frontier = [start];
  for (let place = frontier.pop(); place !== undefined; place = frontier.pop()) {
    for (const neighbor of graph.neighbors(place)) {
      if (!places.has(neighbor) || reached.has(neighbor)) continue;
      reached.add(neighbor);
      frontier.push(neighbor);
    }
  }
  return reached.size === places.size;
}

describe('findGraphParameters', () => {
  it.each(TABLE)('gives the known degrees and thresholds for $participants participants', ({ participants, found }) => {
    const ours = FRACTIONS.map((fractions) => {
      const { degree, threshold } = find(participants, fractions) ?? { degree: 0, threshold: 0 };
      return [degree, threshold];
    });
    expect(ours).toEqual(found);
  });

  it('shows that 2 log n neighbours are enough only without corruption', () => {
    expect(find(1000, [0, 0.1])).toEqual({ degree: 18, threshold: 2 });
  });

  it('asks for more against a coordinator that lies about losses', () => {
    const requirements = { participants: 1000, corruptFraction: 0.1, dropoutFraction: 0.1 } as const;
    expect(findGraphParameters({ ...requirements, adversary: 'semi-malicious' })).toEqual({
      degree: 96,
      threshold: 67,
    });
  });

  it('finds nothing where only the complete graph will do, and refuses impossible fractions', () => {
    expect(find(6, [0.5, 0.3])).toBeUndefined();
    expect(() => find(100, [0.5, 0.41])).toThrow(expect.objectContaining({ code: 'secagg/unsafe-parameters' }));
    expect(() =>
      findGraphParameters({
        participants: 100,
        corruptFraction: 0.4,
        dropoutFraction: 0.3,
        adversary: 'semi-malicious',
      }),
    ).toThrow(/2 · dropout/);
    expect(() => find(1, [0, 0])).toThrow(RangeError);
  });

  it('accepts its own parameters and larger ones, and names what a smaller one lacks', () => {
    const requirements = {
      participants: 100,
      corruptFraction: 0.1,
      dropoutFraction: 0.1,
      adversary: 'semi-honest',
    } as const;
    expect(() => assertGraphParameters({ degree: 22, threshold: 11 }, requirements)).not.toThrow();
    expect(() => assertGraphParameters({ degree: 30, threshold: 14 }, requirements)).not.toThrow();
    for (const smaller of [
      { degree: 20, threshold: 11 },
      { degree: 22, threshold: 10 },
      { degree: 22, threshold: 23 },
    ]) {
      expect(() => assertGraphParameters(smaller, requirements)).toThrow(SecAggError);
      expect(() => assertGraphParameters(smaller, requirements)).toThrow(/degree ≥ 22 with threshold ≥ 11/);
    }
  });
});

describe('the Harary graph', () => {
  const seed = new Uint8Array(32).fill(3);

  it('is regular and symmetric, and stays connected while fewer than its degree go', () => {
    const graph = createHararyGraph(9, { degree: 4, seed });
    for (let place = 0; place < 9; place += 1) {
      const neighbors = graph.neighbors(place);
      expect(neighbors.length).toBe(4);
      for (const neighbor of neighbors) expect(graph.neighbors(neighbor)).toContain(place);
    }
    for (let subset = 0; subset < 2 ** 9; subset += 1) {
      const left = new Set(Array.from({ length: 9 }, (_, i) => i).filter((i) => ((subset >> i) & 1) === 0));
      if (9 - left.size < 4) expect(isConnected(graph, left)).toBe(true); // oxlint-disable-line vitest/no-conditional-expect
    }
  });

  it('falls apart when two gaps are wide enough', () => {
    const graph = createHararyGraph(12, { degree: 2, seed });
    const order = permutePlaces(12, seed);
    const left = new Set(order);
    left.delete(order[0] as number);
    left.delete(order[6] as number);
    expect(isConnected(graph, left)).toBe(false);
  });

  it('puts every place at every position equally often: χ²', () => {
    const size = 7;
    const draws = 7000;
    const counts = Array.from({ length: size }, () => new Float64Array(size));
    const one = new Uint8Array(32);
    for (let i = 0; i < draws; i += 1) {
      new DataView(one.buffer).setUint32(0, i);
      permutePlaces(size, one).forEach((place, position) => {
        const row = counts[position] as Float64Array;
        row[place] = (row[place] as number) + 1;
      });
    }
    const expected = draws / size;
    for (const row of counts) {
      const statistic = row.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // Upper 1e-6 / 7 quantile of χ² with 6 degrees of freedom.
      expect(statistic).toBeLessThan(42);
    }
  });

  it('refuses odd degrees and degrees the cohort cannot have', () => {
    for (const degree of [1, 3, 0, 12]) {
      expect(() => createHararyGraph(12, { degree, seed })).toThrow(RangeError);
    }
  });
});
