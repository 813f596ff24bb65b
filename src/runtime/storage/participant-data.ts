/**
 * A participant's examples from what `--data` names: an IDX pair, a table (CSV, TSV, JSON lines, Parquet, a query), pictures
 * or texts in folders named by their class, an installed package. What the task takes decides how they are read.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

import {
  createDataset,
  DataError,
  type Dataset,
  datasetFromRows,
  encodeBagOfWords,
  encodeTokens,
  findLabelColumn,
  labelOfPath,
  numberLabels,
  pixelFormatOf,
  pixelsInto,
} from '../../learning/data/index.ts';
import { StorageError } from './errors.ts';
import { openTable, type TableSource } from './tables/reader.ts';
import { loadTaskData } from './task-data.ts';

/** What a task takes. */
export interface WantedData {
  readonly inputShape: readonly number[];
  /** Numbers the model puts out: the classes, where it classifies. */
  readonly outputs: number;
  readonly classifies: boolean;
  /** Where the model begins with an embedding of tokens. */
  readonly tokens: { readonly vocabulary: number; readonly padding?: number } | null;
}

/** How to read. */
export interface ReadDataOptions {
  readonly wanted: WantedData;
  /** Column of the label in a table. */
  readonly label?: string;
  /** Dark ink on light paper, where the model expects light on dark. */
  readonly invert?: boolean;
}

const PICTURE = /\.(?:png|jpe?g|webp|gif|bmp|avif|tiff?)$/i;
const TEXT = /\.(?:txt|md|eml|text)$/i;
const TABLE = /\.(?:csv|tsv|jsonl|ndjson|parquet)(?:\.gz)?$/i;

/**
 * Reads a participant's data.
 * @param source - a folder, a file, `npm:NAME`, or a query that begins with `SELECT` or `FROM` (read by DuckDB).
 * @throws {@link StorageError} when something is missing, `DataError` when it does not fit the task.
 */
export async function readParticipantData(source: string, options: ReadDataOptions): Promise<Dataset> {
  if (/^\s*(?:select|from|with)\s/i.test(source)) {
    return readTables([{ format: 'duckdb', path: '', query: source }], options);
  }
  if (source.startsWith('npm:')) return loadTaskData({ package: source.slice(4) }, { part: 'train', baseFolder: '.' });
  if (!existsSync(source)) throw new StorageError('storage/not-found', `data: ${source} does not exist`);
  if (statSync(source).isFile()) return readTables([tableOf(source)], options);
  if (readdirSync(source).some((name) => /^train-images[-.]idx3-ubyte$/i.test(name))) {
    return loadTaskData({ folder: source }, { part: 'train', baseFolder: '.' });
  }
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.split(/[\\/]/).some((part) => part.startsWith('.')))
    .map((path) => join(source, path))
    .filter((path) => statSync(path).isFile())
    .toSorted();
  const tables = files.filter((path) => TABLE.test(path));
  if (tables.length > 0) return readTables(tables.map(tableOf), options);
  const pictures = files.filter((path) => PICTURE.test(path));
  if (pictures.length > 0) return readPictures(pictures, source, options);
  const texts = files.filter((path) => TEXT.test(path) || !/\.[a-z0-9]{2,5}$/i.test(path));
  if (texts.length > 0) {
    const said = labelsOf(texts, source);
    return fromTexts(
      texts.map((path) => readFileSync(path, 'utf8')),
      said,
      options,
    );
  }
  throw new StorageError('storage/not-found', `data: ${source} holds no IDX pair, table, pictures or texts`);
}

function tableOf(path: string): TableSource {
  const plain = path.replace(/\.gz$/i, '');
  if (/\.parquet$/i.test(plain)) return { format: 'parquet', path };
  if (/\.(?:jsonl|ndjson)$/i.test(plain)) return { format: 'jsonl', path };
  return { format: 'csv', path, ...(/\.tsv$/i.test(plain) ? { separator: '\t' } : {}) };
}

async function readTables(sources: readonly TableSource[], options: ReadDataOptions): Promise<Dataset> {
  const { wanted, label } = options;
  let columns: readonly string[] | undefined;
  const rows: (readonly (string | null)[])[] = [];
  for (const source of sources) {
    const table = openTable(source);
    const own = await table.columns();
    columns ??= own;
    if (own.join('\n') !== columns.join('\n')) {
      throw new DataError('data/shape-mismatch', `${source.path} has other columns than ${sources[0]?.path}`);
    }
    for await (const batch of table.batches()) {
      for (const item of batch) {
        if (item.kind === 'malformed') {
          throw new DataError('data/truncated', `${source.path}, line ${item.line}, ${item.column}: ${item.problem}`);
        }
        rows.push(item.cells);
      }
    }
  }
  if (columns === undefined || rows.length === 0) throw new DataError('data/truncated', 'the table has no rows');
  const labelAt = findLabelColumn(columns, label);
  const textAt = columns.length === 2 ? 1 - labelAt : -1;
  if (textAt >= 0 && rows.some((row) => Number.isNaN(Number(row[textAt])))) {
    return fromTexts(
      rows.map((row) => row[textAt] ?? ''),
      rows.map((row) => row[labelAt] ?? ''),
      options,
    );
  }
  return datasetFromRows(
    { columns, rows },
    {
      inputShape: wanted.inputShape,
      classes: wanted.classifies ? wanted.outputs : 0,
      ...(label === undefined ? {} : { label }),
    },
  );
}

/** The label of every file, all or none. */
function labelsOf(paths: readonly string[], folder: string): string[] {
  return paths.map((path) => {
    const own = relative(folder, path).replaceAll('\\', '/');
    // Below a folder of its own the folder is the class, even where the file's name begins with a number.
    const label = labelOfPath(own.includes('/') ? `data/${own}` : own);
    if (label !== undefined) return label;
    throw new DataError(
      'data/labels-mismatch',
      `${own} does not say what it shows: put it into a folder named by its class, or begin its name with the number`,
    );
  });
}

function fromTexts(texts: readonly string[], said: readonly string[], { wanted }: ReadDataOptions): Dataset {
  const { inputShape, outputs, tokens } = wanted;
  const [width] = inputShape;
  if (width === undefined || inputShape.length !== 1) {
    throw new DataError('data/shape-mismatch', `the task takes ${inputShape.join(' × ')} numbers, not texts`);
  }
  const { labels } = numberLabels(said, { classes: outputs });
  const inputs = new Float32Array(texts.length * width);
  for (const [i, text] of texts.entries()) {
    const row = tokens === null ? encodeBagOfWords(text, { width }) : encodeTokens(text, { length: width, ...tokens });
    inputs.set(row, i * width);
  }
  return createDataset({ inputs, inputShape, labels, classes: outputs });
}

async function readPictures(paths: readonly string[], folder: string, options: ReadDataOptions): Promise<Dataset> {
  const { wanted, invert = false } = options;
  const { inputShape, outputs } = wanted;
  const format = pixelFormatOf(inputShape);
  if (format === undefined) {
    throw new DataError('data/shape-mismatch', `the task takes ${inputShape.join(' × ')} numbers, not pictures`);
  }
  const { labels } = numberLabels(labelsOf(paths, folder), { classes: outputs });
  const size = format.height * format.width * format.channels;
  const inputs = new Uint8Array(paths.length * size);
  const decode = await loadDecoder();
  for (const [i, path] of paths.entries()) {
    const rgba = await decode(path, format);
    pixelsInto(rgba, { ...format, invert }, inputs.subarray(i * size, (i + 1) * size));
  }
  return createDataset({ inputs, inputShape, labels, inputScale: 1 / 255, classes: outputs });
}

type Decoder = (path: string, size: { width: number; height: number }) => Promise<Uint8ClampedArray>;

/** What is used of `sharp`. */
type Sharp = (path: string) => {
  resize(width: number, height: number, options: { fit: 'fill' }): ReturnType<Sharp>;
  ensureAlpha(): ReturnType<Sharp>;
  toColourspace(name: 'srgb'): ReturnType<Sharp>;
  raw(): { toBuffer(): Promise<Buffer> };
};

/** `sharp` where it is installed: every format, any size. Without it PNG of the task's own size. */
async function loadDecoder(): Promise<Decoder> {
  // The name is not a literal: bundlers and type checkers must not look for an optional package.
  const name = 'sharp';
  const sharp = await import(name).then(
    (module) => (module as { default: Sharp }).default,
    () => undefined,
  );
  if (sharp !== undefined) {
    return async (path, { width, height }) => {
      const picture = sharp(path).resize(width, height, { fit: 'fill' }).toColourspace('srgb').ensureAlpha();
      return new Uint8ClampedArray(await picture.raw().toBuffer());
    };
  }
  const { decode } = await import('fast-png');
  return async (path, { width, height }) => {
    const refuse = (why: string): never => {
      throw new DataError('data/unsupported-type', `${path} ${why}: npm install sharp reads every format at any size`);
    };
    if (!/\.png$/i.test(path)) refuse('is not PNG');
    const picture = decode(readFileSync(path));
    if (picture.depth !== 8 || picture.palette !== undefined) refuse('is not PNG with 8 bits a channel');
    if (picture.width !== width || picture.height !== height) {
      refuse(`has ${picture.height} × ${picture.width} pixels, the task takes ${height} × ${width}`);
    }
    const { channels, data } = picture;
    const rgba = new Uint8ClampedArray(width * height * 4);
    for (let i = 0; i < width * height; i += 1) {
      const gray = channels < 3;
      for (let c = 0; c < 3; c += 1) rgba[i * 4 + c] = data[i * channels + (gray ? 0 : c)] ?? 0;
      rgba[i * 4 + 3] = channels === 4 || channels === 2 ? (data[i * channels + channels - 1] ?? 255) : 255;
    }
    return rgba;
  };
}
