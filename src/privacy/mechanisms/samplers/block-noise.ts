/**
 * Sources of noise that follow a block table, with the tables of recent laws kept.
 *
 * @module
 */

import type { Rational } from '../../../foundations/numerics/index.ts';
import { createBlockTable, decideBlockDraw, type BlockTable, type NoiseLaw } from './block-table.ts';
import { createTableNoise, type IntegerNoise } from './integer-noise.ts';

const KEPT = 16;
const tables = new Map<string, BlockTable>();

function toText({ numerator, denominator }: Rational): string {
  return `${numerator}/${denominator}`;
}

/** Makes the source of a law whose table's magnitudes fit 30 bits. */
export function createBlockNoise(law: NoiseLaw): IntegerNoise {
  const key = `${toText(law.linear)} ${toText(law.quadratic)}`;
  let table = tables.get(key);
  if (table === undefined) {
    table = createBlockTable(law);
    if (tables.size >= KEPT) tables.clear();
    tables.set(key, table);
  }
  const kept = table;
  return createTableNoise(kept.kernel, (pending, rng) => decideBlockDraw(kept, pending, rng));
}
