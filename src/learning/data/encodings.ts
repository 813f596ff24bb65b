/**
 * How raw things become the numbers that a model takes, as plain data that lies beside the model: whoever asks it later
 * encodes a typed text or a row of a table exactly as training did. Everything in an encoding is public: declared in
 * advance, or taken from the data privately and charged.
 *
 * @module
 */

import { z } from 'zod';

import { DataError } from './errors.ts';
import { hashWord, splitWords } from './texts.ts';

const name = z.string().min(1).max(200);
const count = z.int().positive();

const textEncodingSchema = z
  .strictObject({
    kind: z.literal('text'),
    /** What of a text is read. */
    maxCharacters: count.max(1_000_000),
    /** Terms are hashed to this many public places… */
    places: count.max(2 ** 24),
    /** …of which these have a number of their own, with a weight each; */
    vocabulary: z.array(z.int().nonnegative()),
    weights: z.array(z.number().positive()),
    /** the terms of all other places share so many numbers. */
    rest: z
      .int()
      .nonnegative()
      .max(2 ** 20),
    /** Weight of a pair of neighbouring words. */
    pairWeight: z.number().nonnegative().default(0.5),
    /** Whether the first line, marks, capitals and length count as terms. */
    shape: z.boolean().default(false),
    /** A last number that is always this: in place of a bias, which would take half of every clipped gradient. */
    constant: z.number().nonnegative(),
    /** Personal data is replaced by the name of its kind before anything else. */
    redact: z.boolean().default(false),
  })
  .refine(({ vocabulary, weights }) => vocabulary.length === weights.length, 'needs a weight for each vocabulary place')
  .refine(
    ({ vocabulary, places }) => new Set(vocabulary).size === vocabulary.length && vocabulary.every((at) => at < places),
    'vocabulary must name different places',
  );

const columnSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('category'),
    name,
    values: z.array(z.string()).min(1),
    /** Generalised values, with the values they stand for. */
    groups: z.record(z.string(), z.array(z.string()).min(1)).default({}),
  }),
  /** A number, by the cell it lies in; below the first edge and from the last on it counts to the nearest cell. */
  z.strictObject({
    kind: z.literal('number'),
    name,
    edges: z
      .array(z.number())
      .min(2)
      .refine((edges) => edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number)), 'must ascend'),
  }),
]);

const rowEncodingSchema = z.strictObject({
  kind: z.literal('row'),
  columns: z.array(columnSchema).min(1),
  constant: z.number().nonnegative(),
});

/** The schema of an encoding. */
export const inputEncodingSchema = z.union([textEncodingSchema, rowEncodingSchema]);
/** How raw things become numbers. */
export type InputEncoding = z.output<typeof inputEncodingSchema>;
/** Of a text. */
export type TextEncoding = z.output<typeof textEncodingSchema>;
/** Of a row of a table. */
export type RowEncoding = z.output<typeof rowEncodingSchema>;

/** Numbers that an example consists of. */
export function encodingWidth(encoding: InputEncoding): number {
  if (encoding.kind === 'text') return encoding.vocabulary.length + encoding.rest + 1;
  return encoding.columns.reduce((sum, column) => sum + cellsOf(column), 0) + 1;
}

const MARKS = ['$', '!', '%', '<', '>', '|', '--', '"', '#', '*', '@', '?', '__', '://', '=='];
const bucket = (value: number): number => Math.min(9, Math.floor(Math.log2(1 + value)));

/** The terms of a text: words, each once, and with `shape` what it looks like. Control characters keep the kinds apart. */
export function termsOf(text: string, { shape }: { readonly shape: boolean }): string[] {
  const words = splitWords(text).filter((word) => word.length < 20);
  const terms = new Set(words);
  if (shape) {
    const lines = text.split('\n');
    for (const word of splitWords(lines[0] ?? '')) terms.add(`\u0001${word}`);
    for (const mark of MARKS) {
      const times = text.split(mark).length - 1;
      if (times > 0) for (let i = 0; i <= bucket(times); i += 1) terms.add(`\u0002${mark}${i}`);
    }
    const letters = text.match(/\p{L}/gu)?.length ?? 0;
    const capitals = text.match(/\p{Lu}/gu)?.length ?? 0;
    terms.add(`\u0003capitals${letters === 0 ? 0 : Math.min(9, Math.floor((20 * capitals) / letters))}`);
    const first = lines[0] ?? '';
    terms.add(`\u0003first${first.length > 8 && first === first.toUpperCase() ? 'loud' : 'quiet'}`);
    terms.add(`\u0003words${bucket(words.length)}`);
    terms.add(`\u0003line${bucket(text.length / lines.length)}`);
    const quoted = lines.filter((line) => /^\s*[>|:]/.test(line)).length;
    terms.add(`\u0003quoted${bucket(quoted)}`);
    terms.add(`\u0003markup${bucket(text.match(/<[a-z/!]/gi)?.length ?? 0)}`);
    terms.add(`\u0003numbers${bucket(text.match(/\d{2,}/g)?.length ?? 0)}`);
  } else for (const mark of MARKS.slice(0, 8)) if (text.includes(mark)) terms.add(mark);
  return [...terms];
}

/** A function that writes one text into a row of zeros. Personal data must be out of it already, if it shall be. */
export function createTextEncoder(encoding: TextEncoding): (text: string, out: Float32Array) => void {
  const { vocabulary, weights, places, rest, maxCharacters, pairWeight, shape, constant } = encoding;
  const at = new Map(vocabulary.map((place, i) => [place, i]));
  const width = encodingWidth(encoding);
  return (whole, out) => {
    const text = whole.slice(0, maxCharacters);
    const add = (term: string, weight: number): void => {
      const hash = hashWord(term);
      const own = at.get(hash % places);
      if (own !== undefined) out[own] = Math.max(out[own] as number, weight * (weights[own] as number));
      else if (rest > 0) {
        const place = vocabulary.length + ((hash >>> 1) % rest);
        // The sign keeps collisions from adding up (feature hashing, [WDLSA09] §2).
        out[place] = (out[place] as number) + (hash & 1 ? weight : -weight);
      }
    };
    for (const term of termsOf(text, { shape })) add(term, 1);
    if (pairWeight > 0) {
      const words = splitWords(text).filter((word) => word.length < 20);
      const pairs = new Set<string>();
      for (let i = 1; i < words.length; i += 1) pairs.add(`${words[i - 1]} ${words[i]}`);
      for (const pair of pairs) add(pair, pairWeight);
    }
    let square = 0;
    for (let i = 0; i < width - 1; i += 1) square += (out[i] as number) ** 2;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let i = 0; i < width - 1; i += 1) out[i] = (out[i] as number) * scale;
    out[width - 1] = constant;
  };
}

type Column = RowEncoding['columns'][number];
const cellsOf = (column: Column): number =>
  column.kind === 'category' ? column.values.length : column.edges.length - 1;

/** What is written for a cell that nothing is known of. */
const UNKNOWN = new Set(['', '*']);
const INTERVAL = /^\[(-?[\d.]+), (-?[\d.]+)\)$/;

/**
 * A function that writes one row into a row of zeros: a share for every value a cell may have. A generalised cell counts
 * for each of the values it stands for in equal parts, so that a model that is linear in them and was trained on generalised
 * rows answers raw ones exactly as it would answer their generalisation.
 * @throws {DataError} `data/shape-mismatch` when a column is missing or a cell has none of its values.
 */
export function createRowEncoder({
  columns,
  constant,
}: RowEncoding): (row: Readonly<Record<string, string | null>>, out: Float32Array) => void {
  const scale = 1 / Math.sqrt(columns.length);
  const refuse = (column: Column, what: string): never => {
    throw new DataError('data/shape-mismatch', `column "${column.name}" ${what}`);
  };
  return (row, out) => {
    let start = 0;
    for (const column of columns) {
      const cells = cellsOf(column);
      const cell = row[column.name];
      if (cell === undefined) refuse(column, 'is missing');
      const text = (cell ?? '').trim();
      const shares = UNKNOWN.has(text)
        ? Array.from({ length: cells }, () => 1)
        : column.kind === 'category'
          ? sharesOfCategory(column, text)
          : sharesOfNumber(column.edges, text);
      const total = shares?.reduce((sum, share) => sum + share, 0) ?? 0;
      if (shares === undefined || !(total > 0)) refuse(column, 'has a cell that is none of its values');
      else shares.forEach((share, i) => (out[start + i] = (scale * share) / total));
      start += cells;
    }
    out[start] = constant;
  };
}

function sharesOfCategory(
  { values, groups }: Extract<Column, { kind: 'category' }>,
  text: string,
): number[] | undefined {
  const stands = groups[text];
  return values.map((value) => (value === text || stands?.includes(value) === true ? 1 : 0));
}

function sharesOfNumber(edges: readonly number[], text: string): number[] | undefined {
  const interval = INTERVAL.exec(text);
  const clamp = (value: number): number => Math.min(edges.at(-1) as number, Math.max(edges[0] as number, value));
  if (interval !== null) {
    const [from, to] = [clamp(Number(interval[1])), clamp(Number(interval[2]))];
    return edges.slice(1).map((end, i) => Math.max(0, Math.min(end, to) - Math.max(edges[i] as number, from)));
  }
  const value = Number(text);
  if (!Number.isFinite(value)) return undefined;
  const at = Math.min(
    edges.length - 2,
    Math.max(
      0,
      edges.findLastIndex((edge) => edge <= value),
    ),
  );
  return edges.slice(1).map((_, i) => (i === at ? 1 : 0));
}
