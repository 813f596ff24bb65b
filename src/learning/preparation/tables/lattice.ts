/**
 * The lattice of full-domain generalisations: one level for every column. Nodes are numbered in mixed radix, the last
 * column fastest, so that every node comes after all nodes below it.
 *
 * @module
 */

import { PreparationError } from '../errors.ts';

/** The largest lattice that is searched; the tags of its nodes take 64 MB. */
const MAX_NODES = 2 ** 25;

/** The nodes of a lattice and how they are connected. */
export interface Lattice {
  readonly dimensions: number;
  readonly nodes: number;
  /** Levels of each column. */
  readonly levels: readonly number[];
  /** What a step up in a column adds to a node's number. */
  readonly strides: readonly number[];
  levelOf(node: number, column: number): number;
  /** Writes the levels of a node into `out`. */
  decodeInto(node: number, out: Int32Array): void;
  encode(levels: ArrayLike<number>): number;
}

/**
 * Creates the lattice over columns with the given numbers of levels.
 * @throws {@link PreparationError} `preparation/too-many-transformations` above {@link MAX_NODES} nodes.
 */
export function createLattice(levels: readonly number[]): Lattice {
  const strides = Array.from({ length: levels.length }, () => 1);
  let nodes = 1;
  for (let column = levels.length - 1; column >= 0; column -= 1) {
    strides[column] = nodes;
    nodes *= levels[column] as number;
  }
  if (nodes > MAX_NODES) {
    throw new PreparationError(
      'preparation/too-many-transformations',
      `the hierarchies allow ${nodes} transformations, at most ${MAX_NODES} are searched: fewer levels or columns, or method: mondrian`,
      { details: { nodes } },
    );
  }
  const levelOf = (node: number, column: number): number =>
    Math.floor(node / (strides[column] as number)) % (levels[column] as number);
  return {
    dimensions: levels.length,
    nodes,
    levels,
    strides,
    levelOf,
    decodeInto(node, out) {
      for (let column = 0; column < levels.length; column += 1) out[column] = levelOf(node, column);
    },
    encode(at) {
      let node = 0;
      for (let column = 0; column < levels.length; column += 1)
        node += (at[column] as number) * (strides[column] as number);
      return node;
    },
  };
}
