/**
 * Tables read in batches, never whole: CSV, JSON lines, Parquet, and whatever DuckDB reads when it is installed.
 * Compressed text (`.gz`) is unpacked on the way.
 *
 * @module
 */

import { createReadStream, existsSync } from 'node:fs';
import { createGunzip } from 'node:zlib';

import type { TableItem } from '../../../learning/preparation/index.ts';
import { StorageError } from '../errors.ts';
import { createCsvParser } from './csv.ts';
import { readDuckDb } from './duckdb.ts';

/** What a table is and where. */
export interface TableSource {
  readonly format: 'csv' | 'jsonl' | 'parquet' | 'duckdb';
  readonly path: string;
  readonly separator?: string;
  readonly header?: boolean;
  /** For `duckdb`: a query, in which the file is named as DuckDB does. */
  readonly query?: string;
}

/** A table being read. Batches can be asked for again: each time it is read from the start. */
export interface TableReader {
  /** Read from the file's start. */
  columns(): Promise<readonly string[]>;
  batches(): AsyncIterable<readonly TableItem[]>;
}

/** Rows read at a time from Parquet. */
const PARQUET_ROWS = 8192;

/**
 * Opens a table.
 * @throws {@link StorageError} `storage/not-found` when the file does not exist.
 */
export function openTable(source: TableSource): TableReader {
  if (source.format !== 'duckdb' && !existsSync(source.path)) {
    throw new StorageError('storage/not-found', `input: ${source.path} does not exist`);
  }
  switch (source.format) {
    case 'csv':
      return openCsv(source);
    case 'jsonl':
      return openJsonLines(source.path);
    case 'parquet':
      return openParquet(source.path);
    case 'duckdb':
      return readDuckDb(source);
  }
}

/**
 * Reads the text of a file; bytes that are not UTF-8 become U+FFFD.
 * @yields the text, piece by piece.
 */
async function* readText(path: string): AsyncGenerator<string> {
  const file = createReadStream(path, { highWaterMark: 2 ** 18 });
  const stream = path.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  if (stream !== file) file.on('error', (error) => stream.destroy(error));
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) yield decoder.decode(chunk, { stream: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new StorageError('storage/unreadable', `input: ${path} cannot be read (${code})`, { cause });
  }
  yield decoder.decode();
}

function openCsv({ path, separator = ',', header = true }: TableSource): TableReader {
  return {
    async columns() {
      const parser = createCsvParser({ separator, header });
      for await (const text of readText(path)) {
        parser.push(text);
        if (parser.columns !== undefined) return parser.columns;
      }
      parser.end();
      if (parser.columns === undefined) throw new StorageError('storage/unreadable', `input: ${path} is empty`);
      return parser.columns;
    },
    async *batches() {
      const parser = createCsvParser({ separator, header });
      for await (const text of readText(path)) yield parser.push(text);
      yield parser.end();
    },
  };
}

/** A line of JSON longer than this is not read: memory must not grow with a file that has no line breaks. */
const MAX_LINE = 2 ** 24;

function openJsonLines(path: string): TableReader {
  async function* lines(): AsyncGenerator<{ text: string; line: number; cut: boolean }[]> {
    let pending = '';
    let cut = false;
    let line = 0;
    for await (const text of readText(path)) {
      const parts = text.split('\n');
      const ended = parts.slice(0, -1).map((part, i) => {
        const whole = i === 0 ? pending + part : part;
        const item = {
          text: whole.replace(/\r$/, '').replace(/^\ufeff/, ''),
          line: (line += 1),
          cut: (cut && i === 0) || whole.length > MAX_LINE,
        };
        return item;
      });
      if (ended.length > 0) [pending, cut] = ['', false];
      yield ended;
      pending += parts.at(-1) as string;
      if (pending.length > MAX_LINE) [pending, cut] = [pending.slice(0, 1000), true];
    }
    if (pending !== '') yield [{ text: pending, line: line + 1, cut }];
  }
  async function columns(): Promise<readonly string[]> {
    for await (const batch of lines()) {
      for (const { text, cut } of batch) {
        const parsed = cut ? undefined : parseObject(text);
        if (parsed !== undefined) return Object.keys(parsed);
      }
    }
    throw new StorageError('storage/unreadable', `input: ${path} has no line with a JSON object`);
  }
  return {
    columns,
    async *batches() {
      const names = await columns();
      for await (const batch of lines()) {
        yield batch.flatMap(({ text, line, cut }) => (text.trim() === '' ? [] : [itemOf(text, { line, cut, names })]));
      }
    },
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function itemOf(
  text: string,
  { line, cut, names }: { line: number; cut: boolean; names: readonly string[] },
): TableItem {
  const malformed = (column: string, problem: string): TableItem => ({
    kind: 'malformed',
    line,
    column,
    problem,
    raw: text.slice(0, 1000),
  });
  if (cut) return malformed('line', `is longer than ${MAX_LINE} characters`);
  const object = parseObject(text);
  if (object === undefined) return malformed('line', 'is not a JSON object');
  if (text.includes('\ufffd')) return malformed('line', 'is not UTF-8');
  const unknown = Object.keys(object).find((key) => !names.includes(key));
  if (unknown !== undefined) return malformed(unknown, 'is not among the columns of the first line');
  const cells: (string | null)[] = [];
  for (const name of names) {
    const value = object[name];
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
      return malformed(name, 'is an integer beyond 2^53, whose last digits are lost: write it as text');
    const cell = cellOf(value);
    if (cell === undefined) return malformed(name, 'is neither text, number, true, false nor null');
    cells.push(cell);
  }
  return { kind: 'row', line, cells };
}

/** A value as text; undefined when it is nested. */
function cellOf(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? undefined : value.toISOString().replace(/T00:00:00\.000Z$/, '');
  return undefined;
}

/** The reader of Parquet; tables of other kinds do not wait for it. */
const loadParquet = () => import('hyparquet');

function openParquet(path: string): TableReader {
  const names = async (): Promise<readonly string[]> => {
    const { asyncBufferFromFile, parquetMetadataAsync, parquetSchema } = await loadParquet();
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
    return parquetSchema(metadata).children.map(({ element }) => element.name);
  };
  return {
    columns: () => guarded(path, names),
    async *batches() {
      const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await loadParquet();
      const file = await asyncBufferFromFile(path);
      const metadata = await guarded(path, () => parquetMetadataAsync(file));
      const columns = await names();
      const total = Number(metadata.num_rows);
      for (let start = 0; start < total; start += PARQUET_ROWS) {
        const end = Math.min(total, start + PARQUET_ROWS);
        const rows = await guarded(path, () => parquetReadObjects({ file, metadata, rowStart: start, rowEnd: end }));
        yield rows.map((row, i): TableItem => {
          const cells: (string | null)[] = [];
          for (const name of columns) {
            const cell = cellOf(row[name]);
            if (cell === undefined) {
              const raw = `row ${start + i + 1}`;
              return { kind: 'malformed', line: start + i + 1, column: name, problem: 'is not a single value', raw };
            }
            cells.push(cell);
          }
          return { kind: 'row', line: start + i + 1, cells };
        });
      }
    },
  };
}

async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new StorageError(
      'storage/unreadable',
      `input: ${path} is not Parquet that can be read (${(cause as Error).message})`,
      {
        cause,
      },
    );
  }
}
