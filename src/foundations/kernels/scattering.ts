/**
 * The scattering kernel: band-pass filters in the Fourier domain, modulus, low-pass, over two scales, for four planes at
 * once (one in each SIMD lane). What the filters are is the caller's affair; `learning/models` builds them.
 *
 * @module
 */

import { instantiateKernel } from './instance.ts';
import { scatteringWasm } from './scattering.wasm.ts';

interface ScatteringExports {
  transformPlane(plane: number, rowPlan: number, columnPlan: number, scratch: number, inverse: number): void;
  multiply(source: number, filter: number, target: number, count: number): void;
  multiplyFold(source: number, filter: number, target: number, rows: number, columns: number): void;
  modulus(source: number, target: number, targetStep: number, count: number): void;
  part(source: number, first: number, second: number, rows: number, columns: number): void;
  lowpass(
    plane: number,
    step: number,
    rows: number,
    columns: number,
    down: number,
    outRows: number,
    across: number,
    outColumns: number,
    scratch: number,
    out: number,
  ): void;
  standardize(values: number, count: number, epsilon: number): void;
}

/** The filters of a scattering transform on padded planes of `rows` × `columns`, row-major. */
export interface ScatteringTables {
  /** Even; its half and itself must be products of 2, 3 and 5, the half at least 6. */
  readonly rows: number;
  readonly columns: number;
  readonly outRows: number;
  readonly outColumns: number;
  /** Transfer functions of the first scale, ÷ (rows · columns); an even number of them. */
  readonly fine: readonly Float32Array[];
  /** Transfer functions of the second scale at full resolution, ÷ (rows · columns). */
  readonly coarse: readonly Float32Array[];
  /** Low-pass and subsampling at full and at half resolution: outRows × rows and outColumns × columns (or half). */
  readonly down: readonly [Float32Array, Float32Array];
  readonly across: readonly [Float32Array, Float32Array];
}

/** Planes transformed by one call. */
export const SCATTERING_LANES = 4;

/** A scattering transform with its memory. */
export interface ScatteringKernel {
  /** Output planes: the low-pass, one a filter, one a pair (fine, coarse). */
  readonly channels: number;
  /**
   * Transforms four planes.
   * @param planes - `rows × columns` points of eight numbers: plane i at `8 · point + i`, then four zeros.
   * @param out - receives `channels × outRows × outColumns` points of four lanes each, in the order low-pass, fine,
   * coarse, pairs (the coarse filter running fastest).
   * @param options - with `group`, every `group` consecutive output planes are brought to mean 0 and variance 1.
   */
  transformInto(planes: Float32Array, out: Float32Array, options?: { group?: number; epsilon?: number }): void;
}

/** Bytes of a complex point and of a real one. */
const POINT = 32;
const REAL = 16;

/** Splits n into radices 4, 2, 3, 5. @throws {RangeError} when another prime is left. */
function radicesOf(n: number): number[] {
  const radices: number[] = [];
  let rest = n;
  for (const radix of [4, 2, 3, 5]) {
    while (rest % radix === 0) {
      radices.push(radix);
      rest /= radix;
    }
  }
  if (rest !== 1 || radices.length < 2) {
    throw new RangeError(`a line must have 6 or more points, a product of 2, 3 and 5; got ${n}`);
  }
  return radices;
}

/** Creates a scattering transform. @throws {RangeError} when a size or a filter does not fit. */
export function createScatteringKernel(tables: ScatteringTables): ScatteringKernel {
  const { rows, columns, outRows, outColumns, fine, coarse } = tables;
  if (rows % 2 !== 0 || columns % 2 !== 0) throw new RangeError('"rows" and "columns" must be even');
  if (outRows < 4 || outColumns < 4) throw new RangeError('"outRows" and "outColumns" must be at least 4');
  if (fine.length % 2 !== 0) throw new RangeError('"fine" must hold an even number of filters');
  const instance = instantiateKernel<ScatteringExports>(scatteringWasm);
  const { exports, memory } = instance;
  const alloc = (sizeBytes: number): number => instance.alloc(sizeBytes);

  const place = (values: Float32Array, length: number, title: string): number => {
    if (values.length !== length) throw new RangeError(`"${title}" must have ${length} entries, got ${values.length}`);
    const at = alloc(length * 4);
    new Float32Array(memory.buffer, at, length).set(values);
    return at;
  };
  const placePlan = (n: number): number => {
    const radices = radicesOf(n);
    const words: number[] = [n, radices.length];
    let rest = n;
    for (const radix of radices) {
      const m = rest / radix;
      const turns: number[] = [];
      for (let p = 1; p < m; p += 1) {
        for (let k = 1; k < radix; k += 1) {
          const angle = (-2 * Math.PI * ((p * k) % rest)) / rest;
          turns.push(Math.cos(angle), Math.sin(angle));
        }
      }
      words.push(radix, place(Float32Array.from(turns), turns.length, 'turns'));
      rest = m;
    }
    const at = alloc(words.length * 4);
    new Int32Array(memory.buffer, at, words.length).set(words);
    return at;
  };

  const count = rows * columns;
  const [halfRows, halfColumns] = [rows / 2, columns / 2];
  const fineAt = fine.map((filter, i) => place(filter, count, `fine[${i}]`));
  const coarseAt = coarse.map((filter, i) => place(filter, count, `coarse[${i}]`));
  const levels = [
    {
      rows,
      columns,
      count,
      rowPlan: placePlan(columns),
      columnPlan: placePlan(rows),
      down: place(tables.down[0], outRows * rows, 'down[0]'),
      across: place(tables.across[0], outColumns * columns, 'across[0]'),
    },
    {
      rows: halfRows,
      columns: halfColumns,
      count: count / 4,
      rowPlan: placePlan(halfColumns),
      columnPlan: placePlan(halfRows),
      down: place(tables.down[1], outRows * halfRows, 'down[1]'),
      across: place(tables.across[1], outColumns * halfColumns, 'across[1]'),
    },
  ] as const;
  const [full, half] = levels;
  const channels = 1 + fine.length + coarse.length + fine.length * coarse.length;
  const outPoints = outRows * outColumns;
  const input = alloc(count * POINT);
  const work = alloc(count * POINT);
  const moduli = alloc(count * POINT);
  const spectra = [alloc(count * POINT), alloc(count * POINT)] as const;
  const scratch = alloc(Math.max(2 * Math.max(rows, columns) * POINT, outRows * columns * REAL));
  const output = alloc(channels * outPoints * REAL);

  const smooth = (plane: number, { rows: r, columns: c, down, across }: (typeof levels)[number], channel: number) =>
    exports.lowpass(
      plane,
      POINT,
      r,
      c,
      down,
      outRows,
      across,
      outColumns,
      scratch,
      output + channel * outPoints * REAL,
    );
  /** |spectrum ∗ coarse filter| at half resolution, smoothed into an output plane. */
  const coarsen = (spectrum: number, filter: number, channel: number): void => {
    exports.multiplyFold(spectrum, filter, work, rows, columns);
    exports.transformPlane(work, half.rowPlan, half.columnPlan, scratch, 1);
    exports.modulus(work, work, POINT, half.count);
    smooth(work, half, channel);
  };

  return {
    channels,
    transformInto(planes, out, { group = 0, epsilon = 0 } = {}) {
      if (planes.length !== count * 8) {
        throw new RangeError(`"planes" must have ${count * 8} entries, got ${planes.length}`);
      }
      if (out.length !== channels * outPoints * 4) {
        throw new RangeError(`"out" must have ${channels * outPoints * 4} entries, got ${out.length}`);
      }
      if (group > 0 && channels % group !== 0) {
        throw new RangeError(`"group" must divide ${channels}, got ${group}`);
      }
      new Float32Array(memory.buffer, input, count * 8).set(planes);
      smooth(input, full, 0);
      exports.transformPlane(input, full.rowPlan, full.columnPlan, scratch, 0);
      for (let pair = 0; pair < fineAt.length; pair += 2) {
        for (const side of [0, 1]) {
          exports.multiply(input, fineAt[pair + side] as number, work, count);
          exports.transformPlane(work, full.rowPlan, full.columnPlan, scratch, 1);
          // The two moduli are real: one complex transform serves both.
          exports.modulus(work, moduli + side * REAL, POINT, count);
          smooth(moduli + side * REAL, full, 1 + pair + side);
        }
        exports.transformPlane(moduli, full.rowPlan, full.columnPlan, scratch, 0);
        exports.part(moduli, spectra[0], spectra[1], rows, columns);
        for (const side of [0, 1] as const) {
          const first = 1 + fineAt.length + coarseAt.length + (pair + side) * coarseAt.length;
          for (const [t, filter] of coarseAt.entries()) coarsen(spectra[side], filter, first + t);
        }
      }
      for (const [t, filter] of coarseAt.entries()) coarsen(input, filter, 1 + fineAt.length + t);
      if (group > 0) {
        for (let channel = 0; channel < channels; channel += group) {
          exports.standardize(output + channel * outPoints * REAL, group * outPoints, epsilon);
        }
      }
      out.set(new Float32Array(memory.buffer, output, out.length));
    },
  };
}
