/**
 * From what a person asks about, an image, a text or rows of a table, to what a model takes.
 *
 * @module
 */

import { decode } from 'fast-png';

import {
  createDataset,
  createRowEncoder,
  createTextEncoder,
  type Dataset,
  encodeBagOfWords,
  encodeTokens,
  encodingWidth,
  pixelFormatOf,
  pixelsInto,
} from '../learning/data/index.ts';
import { createPiiScanner, redactText } from '../learning/preparation/index.ts';
import { openTable } from '../runtime/storage/index.ts';
import type { AnsweringModel, TrainedModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';

/** A row by its columns; a missing cell is null. */
export type Row = Readonly<Record<string, string | null>>;

/** A row, and where it stands in its file. */
export interface PlacedRow {
  readonly row: Row;
  readonly line: number;
}

/**
 * Reads the rows of a table: CSV, JSON lines or Parquet by the end of its name.
 * @throws {UsageError} for a line that is none, naming line and column, and for an empty table.
 */
export async function readRows(
  path: string,
  { separator, maxRows }: { readonly separator: string; readonly maxRows: number },
): Promise<{ columns: readonly string[]; rows: readonly PlacedRow[] }> {
  const plain = path.replace(/\.gz$/i, '');
  const format = /\.parquet$/i.test(plain) ? 'parquet' : /\.(?:jsonl|ndjson)$/i.test(plain) ? 'jsonl' : 'csv';
  const table = openTable({ format, path, ...(format === 'csv' ? { separator } : {}) });
  const columns = await table.columns();
  const rows: PlacedRow[] = [];
  for await (const batch of table.batches()) {
    for (const item of batch) {
      if (item.kind === 'malformed') {
        throw new UsageError(`${path}, line ${item.line}, column ${item.column}: ${item.problem}`);
      }
      if (rows.length === maxRows) throw new UsageError(`${path} has more than ${maxRows} rows: ask in parts`);
      const row = Object.fromEntries(columns.map((column, i) => [column, item.cells[i] ?? null]));
      rows.push({ row, line: item.line });
    }
  }
  if (rows.length === 0) throw new UsageError(`${path} has no rows`);
  return { columns, rows };
}

/** Most pixels a picture is unpacked to. */
const MAX_PIXELS = 2 ** 24;

function datasetOf(rows: readonly Float32Array[], inputShape: readonly number[]): Dataset {
  const width = inputShape.reduce((product, extent) => product * extent, 1);
  const inputs = new Float32Array(rows.length * width);
  rows.forEach((row, i) => inputs.set(row, i * width));
  return createDataset({ inputs, inputShape, labels: new Uint8Array(rows.length) });
}

/** Encodes a text. @throws {UsageError} when the model takes something else. */
export function createTextReader(
  model: Pick<TrainedModel, 'encoding' | 'inputShape' | 'tokens'>,
): (text: string) => Dataset {
  const { encoding, inputShape, tokens } = model;
  const [width = 0] = inputShape;
  if (encoding?.kind === 'row') throw new UsageError('the model takes rows of a table, not a text');
  if (encoding === null) {
    if (inputShape.length !== 1) throw new UsageError(`the model takes ${inputShape.join(' × ')} numbers, not a text`);
    // As `sotto join` reads a participant's texts.
    return (text) =>
      datasetOf(
        [tokens === null ? encodeBagOfWords(text, { width }) : encodeTokens(text, { length: width, ...tokens })],
        inputShape,
      );
  }
  const encode = createTextEncoder(encoding);
  const scanner = encoding.redact ? createPiiScanner() : undefined;
  return (text) => {
    // What lies beyond is not read; half as much again is looked at, so that nothing personal is cut in two.
    const read = text.slice(0, Math.ceil(1.5 * encoding.maxCharacters));
    const spans = scanner?.scan(read) ?? [];
    const row = new Float32Array(encodingWidth(encoding));
    encode(redactText(read, spans, { operators: { default: { kind: 'replace' } } }).text, row);
    return datasetOf([row], inputShape);
  };
}

/**
 * Encodes rows. Without an encoding every column is a number, in the order of the model's inputs.
 * @throws {UsageError} when the model takes something else, `DataError` for a cell it does not know.
 */
export function createRowReader(
  model: Pick<TrainedModel, 'encoding' | 'inputShape'>,
): (rows: readonly Row[]) => Dataset {
  const { encoding, inputShape } = model;
  if (encoding?.kind === 'text') throw new UsageError('the model takes texts, not rows of a table');
  if (encoding !== null) {
    const encode = createRowEncoder(encoding);
    return (rows) =>
      datasetOf(
        rows.map((row) => {
          const out = new Float32Array(encodingWidth(encoding));
          encode(row, out);
          return out;
        }),
        inputShape,
      );
  }
  const width = inputShape.reduce((product, extent) => product * extent, 1);
  return (rows) =>
    datasetOf(
      rows.map((row) => {
        const cells = Object.values(row);
        if (cells.length !== width) {
          throw new UsageError(`the model takes ${width} numbers an example, a row has ${cells.length} columns`);
        }
        return Float32Array.from(cells, (cell, i) => {
          const value = cell === null || cell.trim() === '' ? Number.NaN : Number(cell);
          if (!Number.isFinite(value)) throw new UsageError(`column "${Object.keys(row)[i]}" is not a number`);
          return value;
        });
      }),
      inputShape,
    );
}

/** Width and height in the header of a PNG file; it is looked at before anything is unpacked. */
function sizeOfPng(bytes: Uint8Array, name: string): { width: number; height: number } {
  const signature = [137, 80, 78, 71, 13, 10, 26, 10];
  if (bytes.length < 24 || signature.some((byte, i) => bytes[i] !== byte)) {
    throw new UsageError(`${name} is not a PNG file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** Encodes PNG images. @param options - `invert` where an image is dark on light and the model takes light on dark. */
export function createImageReader(
  model: AnsweringModel,
  { invert }: { readonly invert: boolean },
): (bytes: Uint8Array, name: string) => Dataset {
  const format = pixelFormatOf(model.inputShape);
  if (format === undefined) throw new UsageError(`the model takes no images but ${model.inputShape.join(' × ')}`);
  return (bytes, name) => {
    const { width, height } = sizeOfPng(bytes, name);
    if (width !== format.width || height !== format.height || width * height > MAX_PIXELS) {
      throw new UsageError(
        `${name} has ${width} × ${height} pixels, the model takes ${format.width} × ${format.height}`,
      );
    }
    let image: ReturnType<typeof decode>;
    try {
      image = decode(bytes);
    } catch (cause) {
      throw new UsageError(`${name} cannot be decoded: ${(cause as Error).message}`);
    }
    const { data, channels, depth, palette } = image;
    const shift = depth === 16 ? 8 : 0;
    const rgba = new Uint8Array(width * height * 4);
    for (let i = 0; i < width * height; i += 1) {
      const at = (j: number): number => (data[i * channels + j] as number) >> shift;
      const entry = palette?.[at(0)];
      const [red = 0, green = 0, blue = 0, alpha = 255] =
        entry ??
        (channels < 3
          ? [at(0), at(0), at(0), channels === 2 ? at(1) : 255]
          : [at(0), at(1), at(2), channels === 4 ? at(3) : 255]);
      rgba.set([red, green, blue, alpha], i * 4);
    }
    const inputs = new Uint8Array(width * height * format.channels);
    pixelsInto(rgba, { ...format, invert }, inputs);
    return createDataset({ inputs, inputShape: model.inputShape, labels: new Uint8Array(1), inputScale: 1 / 255 });
  };
}
