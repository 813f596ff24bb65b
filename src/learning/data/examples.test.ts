import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  createDataset,
  DataError,
  datasetFromRows,
  encodeBagOfWords,
  encodeTokens,
  hashWord,
  joinDatasets,
  labelOfPath,
  numberLabels,
  pixelFormatOf,
  pixelsInto,
  splitWords,
} from './index.ts';

describe('texts', () => {
  it('become the same words whatever the case, the punctuation and the composition of letters', () => {
    expect(splitWords('Élan, e\u0301lan! 42x')).toEqual(['élan', 'élan', '42x']);
  });

  it('become tokens in the vocabulary, padded', () => {
    const row = encodeTokens('one two', { length: 4, vocabulary: 100 });
    expect([...row]).toEqual([hashWord('one') % 100, hashWord('two') % 100, 100, 100]);
  });

  it('become bags of length 1, or zeros', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const norm = Math.hypot(...encodeBagOfWords(text, { width: 512 }));
        // Two words may meet in one place with opposite signs: then there is nothing left of them.
        expect(norm < 1e-3 || Math.abs(norm - 1) < 1e-5).toBe(true);
      }),
    );
    expect(Math.hypot(...encodeBagOfWords('free money', { width: 64 }))).toBeCloseTo(1, 6);
  });

  it('hash words as they always did', () => {
    // Recorded: a change would give every trained text model other words.
    expect([hashWord(''), hashWord('a'), hashWord('sotto')]).toEqual([2872998923, 2448022055, 2104137952]);
    const places = new Set(Array.from({ length: 1000 }, (_, i) => hashWord(`word${i}`) % 4096));
    // 1000 words in 4096 places: 1000 − 4096 · (1 − (1 − 1/4096)^1000)… about 113 meet others.
    expect(places.size).toBeGreaterThan(850);
  });
});

describe('pixels', () => {
  it('lie over white where they are transparent, and turn over on request', () => {
    const rgba = [0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 255, 255, 255, 255, 255];
    const out = new Uint8Array(4);
    pixelsInto(rgba, { height: 2, width: 2, channels: 1 }, out);
    expect([...out]).toEqual([255, 0, 76, 255]);
    pixelsInto(rgba, { height: 2, width: 2, channels: 1, invert: true }, out);
    expect([...out]).toEqual([0, 255, 179, 0]);
    const colors = new Uint8Array(12);
    pixelsInto(rgba, { height: 2, width: 2, channels: 3 }, colors);
    expect([...colors.subarray(6, 9)]).toEqual([255, 0, 0]);
    expect(() => pixelsInto(rgba, { height: 2, width: 3, channels: 1 }, out)).toThrow(RangeError);
  });

  it('have a format where the input is an image', () => {
    expect(pixelFormatOf([28, 28, 1])).toEqual({ height: 28, width: 28, channels: 1 });
    expect(pixelFormatOf([6])).toBeUndefined();
    expect(pixelFormatOf([28, 28, 4])).toBeUndefined();
  });
});

describe('labels', () => {
  it('come from the folder, or from the number a file begins with', () => {
    expect(labelOfPath('digits/7/a.png')).toBe('7');
    expect(labelOfPath('digits/7_a.png')).toBe('7');
    expect(labelOfPath('3.png')).toBe('3');
    expect(labelOfPath('mails/spam/1.txt')).toBe('spam');
    expect(labelOfPath('a.png')).toBeUndefined();
  });

  it('are numbered alike everywhere, or refused', () => {
    expect([...numberLabels(['2', '0'], { classes: 3 }).labels]).toEqual([2, 0]);
    expect(numberLabels(['spam', 'ham', 'spam'], { classes: 2 })).toEqual({
      labels: Int32Array.of(1, 0, 1),
      names: ['ham', 'spam'],
    });
    expect(() => numberLabels(['spam'], { classes: 2 })).toThrow(DataError);
    expect(() => numberLabels(['3'], { classes: 3 })).toThrow(DataError);
  });
});

describe('rows', () => {
  const table = {
    columns: ['a', 'Label', 'b'],
    rows: [
      ['1', 'x', '2.5'],
      ['-3', 'y', '4'],
    ] as const,
  };

  it('become examples: the label by its name, the others as numbers', () => {
    const dataset = datasetFromRows(table, { inputShape: [2], classes: 2 });
    expect([...dataset.inputs]).toEqual([1, 2.5, -3, 4]);
    expect([...dataset.labels]).toEqual([0, 1]);
    const regression = datasetFromRows({ columns: ['a', 'b'], rows: [['1', '0.5']] }, { inputShape: [1], classes: 0 });
    expect([...regression.labels]).toEqual([0.5]);
  });

  it('are refused whole when a cell is no number or the columns do not fit', () => {
    const options = { inputShape: [2], classes: 2 };
    expect(() => datasetFromRows({ ...table, rows: [['1', 'x', '']] }, options)).toThrow('column "b" is not a number');
    expect(() => datasetFromRows(table, { ...options, inputShape: [3] })).toThrow(DataError);
    expect(() => datasetFromRows(table, { ...options, label: 'c' })).toThrow('no column "c"');
  });
});

describe('two data sets', () => {
  const rows = (inputs: readonly number[], inputScale = 1) =>
    createDataset({
      inputs: Uint8Array.from(inputs),
      inputShape: [2],
      labels: Uint8Array.from({ length: inputs.length / 2 }, (_, i) => i),
      inputScale,
    });

  it('become one, in their order, when they hold the same kind of examples', () => {
    const joined = joinDatasets(rows([1, 2]), rows([3, 4, 5, 6]));
    expect([joined.size, [...joined.inputs], [...joined.labels]]).toEqual([3, [1, 2, 3, 4, 5, 6], [0, 0, 1]]);
    expect(() => joinDatasets(rows([1, 2]), rows([3, 4], 1 / 255))).toThrow(/other kinds of examples/);
    const floats = createDataset({ ...rows([1, 2]), inputs: Float32Array.from([1, 2]) });
    expect(() => joinDatasets(rows([1, 2]), floats)).toThrow(DataError);
  });
});
