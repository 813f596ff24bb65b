import { describe, expect, it } from 'vitest';

import { createRowEncoder, createTextEncoder, encodingWidth, inputEncodingSchema, termsOf } from './encodings.ts';

const row = inputEncodingSchema.parse({
  kind: 'row',
  columns: [
    { kind: 'category', name: 'school', values: ['a', 'b', 'c'], groups: { low: ['a', 'b'] } },
    { kind: 'number', name: 'age', edges: [20, 30, 40, 60] },
  ],
  constant: 0.5,
});
const encodeRow = (cells: Record<string, string | null>): number[] => {
  if (row.kind !== 'row') throw new Error('a row');
  const out = new Float32Array(encodingWidth(row));
  createRowEncoder(row)(cells, out);
  return [...out].map((value) => Number((value * Math.SQRT2).toFixed(6)));
};

describe('rows', () => {
  it('put each value and number into a place of its own', () => {
    expect(encodeRow({ school: 'b', age: '35' })).toEqual([0, 1, 0, 0, 1, 0, 0.707107]);
    expect(encodeRow({ school: 'c', age: '7' }).slice(3, 6)).toEqual([1, 0, 0]);
    expect(encodeRow({ school: 'c', age: '60' }).slice(3, 6)).toEqual([0, 0, 1]);
  });

  it('spread what is generalised over what it stands for', () => {
    expect(encodeRow({ school: 'low', age: '[20, 40)' }).slice(0, 6)).toEqual([0.5, 0.5, 0, 0.5, 0.5, 0]);
    expect(encodeRow({ school: '*', age: null }).slice(0, 3)).toEqual([0.333333, 0.333333, 0.333333]);
  });

  it('refuse what they do not know, without telling it', () => {
    expect(() => encodeRow({ school: 'secret', age: '1' })).toThrow(/^column "school" has a cell/);
    expect(() => encodeRow({ school: 'a' })).toThrow(/"age" is missing/);
    expect(() => encodeRow({ school: 'a', age: 'old' })).toThrow(/"age"/);
  });
});

describe('texts', () => {
  const text = inputEncodingSchema.parse({
    kind: 'text',
    maxCharacters: 100,
    places: 1 << 15,
    vocabulary: [],
    weights: [],
    rest: 32,
    constant: 0.3,
  });
  if (text.kind !== 'text') throw new Error('a text');
  const encode = (said: string): Float32Array => {
    const out = new Float32Array(encodingWidth(text));
    createTextEncoder(text)(said, out);
    return out;
  };

  it('have length one beside their constant, and no numbers beyond what is read', () => {
    const out = encode('Free money! Click here');
    expect(Math.hypot(...out.subarray(0, 32))).toBeCloseTo(1, 6);
    expect(out[32]).toBeCloseTo(0.3, 6);
    expect(encode(`${'a '.repeat(50)}money`)).toEqual(encode('a '.repeat(50)));
    expect([...encode('')].filter((value) => value !== 0)).toHaveLength(1);
  });

  it('know their shape when asked', () => {
    expect(termsOf('BUY NOW!!!', { shape: false })).toEqual(['buy', 'now', '!']);
    const terms = termsOf('BUY NOW!!! TODAY\n> no', { shape: true });
    expect(terms).toContain('\u0001buy');
    expect(terms).toContain('\u0003firstloud');
    expect(terms).toContain('\u0002!2');
  });

  it('refuse a vocabulary that does not fit', () => {
    for (const wrong of [
      { vocabulary: [1], weights: [] },
      { vocabulary: [1, 1], weights: [1, 1] },
      { vocabulary: [1 << 15], weights: [1] },
    ]) {
      expect(inputEncodingSchema.safeParse({ ...text, ...wrong }).success).toBe(false);
    }
  });
});
