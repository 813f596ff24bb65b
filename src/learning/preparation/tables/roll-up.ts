/**
 * Roll-up: the classes of a coarser generalisation from those of a finer one, never from the rows ([KPEK12] §IV). Keys
 * are mixed-radix numbers over the generalised codes; small key spaces are addressed directly, larger ones hashed.
 *
 * @module
 */

import type { Classes, ClassTable, Histograms } from './classes.ts';
import type { CodedHierarchy } from './hierarchy.ts';

/** Key spaces up to this size are addressed directly: 8 MB of table. */
const DIRECT_LIMIT = 2 ** 21;
/** Radix limit of one key word. */
const WORD_LIMIT = 2 ** 31;

/** Makes classes coarser. */
export interface RollUp {
  /** The classes under `levels`, from classes under levels that are nowhere higher. */
  roll(from: Classes, levels: Int32Array): Classes;
}

/** Creates the roll-up of one table; it keeps scratch memory between calls. */
export function createRollUp(table: ClassTable, hierarchies: readonly CodedHierarchy[]): RollUp {
  const width = hierarchies.length;
  const offsets = new Int32Array(width + 1);
  hierarchies.forEach((hierarchy, column) => {
    offsets[column + 1] = (offsets[column] as number) + (hierarchy.codes[0]?.length ?? 0);
  });
  // One lookup for every value of every column: its generalised code times the column's radix weight.
  const lookup = new Int32Array(offsets[width] as number);
  // The codes of the table, shifted to where their column's lookups stand.
  const codes = table.codes.map((code, i) => code + (offsets[i % width] as number));
  const wordOf = new Int32Array(width);
  // Columns that still tell classes apart; those at a level with one label do not.
  const active = new Int32Array(width);
  let activeColumns = 0;
  const { size } = table.base;
  let slots = new Int32Array(0);
  const keys: Int32Array[] = [new Int32Array(size)];
  const target = new Int32Array(size);

  /** Fills the lookups and returns the radix product of every word. */
  function prepare(levels: Int32Array): number[] {
    const words = [1];
    activeColumns = 0;
    for (let column = 0; column < width; column += 1) {
      const { codes: maps, labels } = hierarchies[column] as CodedHierarchy;
      const level = levels[column] as number;
      const radix = (labels[level] as readonly string[]).length;
      if (radix < 2) continue;
      active[activeColumns] = column;
      activeColumns += 1;
      if ((words.at(-1) as number) * radix > WORD_LIMIT) words.push(1);
      const weight = words.at(-1) as number;
      wordOf[column] = words.length - 1;
      words[words.length - 1] = weight * radix;
      const map = maps[level] as Int32Array;
      const start = offsets[column] as number;
      for (let code = 0; code < map.length; code += 1) lookup[start + code] = (map[code] as number) * weight;
    }
    return words;
  }

  function slotTable(wanted: number): Int32Array {
    if (slots.length < wanted) slots = new Int32Array(wanted);
    return slots;
  }

  /** Assigns to every class of `from` its new class; returns how many there are. */
  function assignDirect(from: Classes, space: number, representatives: Int32Array): number {
    const slot = slotTable(space);
    const key = keys[0] as Int32Array;
    let found = 0;
    for (let i = 0; i < from.size; i += 1) {
      const base = (from.representatives[i] as number) * width;
      let word = 0;
      for (let a = 0; a < activeColumns; a += 1) {
        word += lookup[codes[base + (active[a] as number)] as number] as number;
      }
      let at = slot[word] as number;
      if (at === 0) {
        representatives[found] = from.representatives[i] as number;
        key[found] = word;
        found += 1;
        at = found;
        slot[word] = at;
      }
      target[i] = at - 1;
    }
    for (let i = 0; i < found; i += 1) slot[key[i] as number] = 0;
    return found;
  }

  function assignHashed(from: Classes, words: number, representatives: Int32Array): number {
    while (keys.length < words) keys.push(new Int32Array(size));
    let capacity = 1024;
    while (capacity < from.size * 2) capacity *= 2;
    const slot = slotTable(capacity);
    const mask = capacity - 1;
    const word = new Int32Array(words);
    const used: number[] = [];
    let found = 0;
    for (let i = 0; i < from.size; i += 1) {
      const base = (from.representatives[i] as number) * width;
      word.fill(0);
      for (let a = 0; a < activeColumns; a += 1) {
        const column = active[a] as number;
        const at = wordOf[column] as number;
        word[at] = (word[at] as number) + (lookup[codes[base + column] as number] as number);
      }
      let hash = 0;
      for (let w = 0; w < words; w += 1) {
        hash = Math.imul(hash ^ (word[w] as number), 0x9e3779b1);
        hash ^= hash >>> 15;
      }
      hash &= mask;
      let at = slot[hash] as number;
      while (at !== 0 && !sameKey(at - 1, word, words)) {
        hash = (hash + 1) & mask;
        at = slot[hash] as number;
      }
      if (at === 0) {
        representatives[found] = from.representatives[i] as number;
        for (let w = 0; w < words; w += 1) (keys[w] as Int32Array)[found] = word[w] as number;
        found += 1;
        at = found;
        slot[hash] = at;
        used.push(hash);
      }
      target[i] = at - 1;
    }
    for (const at of used) slot[at] = 0;
    return found;
  }

  function sameKey(at: number, word: Int32Array, words: number): boolean {
    for (let w = 0; w < words; w += 1) if ((keys[w] as Int32Array)[at] !== word[w]) return false;
    return true;
  }

  return {
    roll(from, levels) {
      const words = prepare(levels);
      const representatives = new Int32Array(from.size);
      const direct = words.length === 1 && (words[0] as number) <= DIRECT_LIMIT;
      const found = direct
        ? assignDirect(from, words[0] as number, representatives)
        : assignHashed(from, words.length, representatives);
      const counts = new Int32Array(found);
      for (let i = 0; i < from.size; i += 1) {
        const at = target[i] as number;
        counts[at] = (counts[at] as number) + (from.counts[i] as number);
      }
      let populations = counts;
      if (from.populations !== from.counts) {
        populations = new Int32Array(found);
        for (let i = 0; i < from.size; i += 1) {
          const at = target[i] as number;
          populations[at] = (populations[at] as number) + (from.populations[i] as number);
        }
      }
      const sensitive = from.sensitive.map((histograms, column) =>
        mergeHistograms(histograms, {
          target,
          size: from.size,
          found,
          values: table.sensitiveDictionaries[column]?.values.length ?? 0,
        }),
      );
      return { size: found, representatives: representatives.slice(0, found), counts, populations, sensitive };
    },
  };
}

/** Merges the histograms of classes that have become one. */
function mergeHistograms(
  from: Histograms,
  { target, size, found, values }: { target: Int32Array; size: number; found: number; values: number },
): Histograms {
  // The old classes of each new one, as linked lists: the last first.
  const head = new Int32Array(found).fill(-1);
  const next = new Int32Array(size);
  for (let i = 0; i < size; i += 1) {
    const at = target[i] as number;
    next[i] = head[at] as number;
    head[at] = i;
  }
  const offsets = new Int32Array(found + 1);
  const merged = new Int32Array(from.values.length);
  const counts = new Int32Array(from.values.length);
  // place[value]: where the value stands in the class at hand, valid when at or after its start.
  const place = new Int32Array(values).fill(-1);
  let end = 0;
  for (let at = 0; at < found; at += 1) {
    const start = end;
    for (let i = head[at] as number; i >= 0; i = next[i] as number) {
      const stop = from.offsets[i + 1] as number;
      for (let entry = from.offsets[i] as number; entry < stop; entry += 1) {
        const value = from.values[entry] as number;
        let to = place[value] as number;
        if (to < start) {
          to = end;
          end += 1;
          place[value] = to;
          merged[to] = value;
          counts[to] = 0;
        }
        counts[to] = (counts[to] as number) + (from.counts[entry] as number);
      }
    }
    offsets[at + 1] = end;
  }
  return { offsets, values: merged.slice(0, end), counts: counts.slice(0, end) };
}
