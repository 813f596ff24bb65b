/**
 * Tables written whole or not at all: into a temporary file beside the target, synced and renamed when everything is
 * there, removed when anything fails.
 *
 * @module
 */

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

import { StorageError } from '../errors.ts';
import { formatCsvRow } from './csv.ts';

/** A column of an output. */
export interface OutputColumn {
  readonly name: string;
  readonly type: 'text' | 'number' | 'integer' | 'boolean';
}

/** Where a table goes. */
export interface TableTarget {
  readonly format: 'csv' | 'jsonl' | 'parquet';
  readonly path: string;
  readonly separator?: string;
}

/** A table being written. */
export interface TableWriter {
  write(cells: readonly (string | null)[]): void;
  /** Completes the temporary file and syncs it; the target is not there yet. */
  finish(): void;
  /** Puts the finished file in its place. */
  publish(): void;
  /** Removes what was written, also where it is in its place already. */
  discard(): void;
}

/** Rows of one row group. */
const ROW_GROUP = 32_768;
const FLUSH = 2 ** 18;

/**
 * Creates a writer.
 * @throws {@link StorageError} `storage/exists` when the target is there already.
 */
export function createTableWriter(target: TableTarget, columns: readonly OutputColumn[]): TableWriter {
  if (existsSync(target.path)) {
    throw new StorageError('storage/exists', `output: ${target.path} exists; nothing was overwritten`);
  }
  const temporary = `${target.path}.part`;
  let file: number | undefined;
  let published = false;
  try {
    file = openSync(temporary, 'w', 0o600);
  } catch (cause) {
    throw new StorageError('storage/unreadable', `output: ${target.path} cannot be written`, { cause });
  }
  const append = (bytes: Uint8Array): void => {
    let written = 0;
    while (written < bytes.length) written += writeSync(file as number, bytes, written);
  };
  const body =
    target.format === 'parquet' ? createParquetBody(columns, append) : createTextBody(target, columns, append);
  const close = (): void => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  return {
    write: (cells) => body.write(cells),
    finish() {
      body.end();
      fsyncSync(file as number);
      close();
    },
    publish() {
      renameSync(temporary, target.path);
      published = true;
    },
    discard() {
      close();
      rmSync(temporary, { force: true });
      if (published) rmSync(target.path, { force: true });
    },
  };
}

interface Body {
  write(cells: readonly (string | null)[]): void;
  end(): void;
}

function createTextBody(
  target: TableTarget,
  columns: readonly OutputColumn[],
  append: (bytes: Uint8Array) => void,
): Body {
  const encoder = new TextEncoder();
  const csv = target.format === 'csv';
  let pending = csv
    ? formatCsvRow(
        columns.map(({ name }) => name),
        target.separator,
      )
    : '';
  const flush = (): void => {
    append(encoder.encode(pending));
    pending = '';
  };
  return {
    write(cells) {
      pending += csv ? formatCsvRow(cells, target.separator) : `${JSON.stringify(toObject(cells, columns))}\n`;
      if (pending.length > FLUSH) flush();
    },
    end: flush,
  };
}

function toObject(cells: readonly (string | null)[], columns: readonly OutputColumn[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((column, i) => [column.name, typed(cells[i] ?? null, column)]));
}

/** The cell as its type, or as text when it is not of it (a generalised number is a band). */
function typed(cell: string | null, { type }: OutputColumn): string | number | boolean | null {
  if (cell === null) return null;
  if ((type === 'number' || type === 'integer') && cell.trim() !== '' && Number.isFinite(Number(cell)))
    return Number(cell);
  if (type === 'boolean' && (cell === 'true' || cell === 'false')) return cell === 'true';
  return cell;
}

function createParquetBody(columns: readonly OutputColumn[], append: (bytes: Uint8Array) => void): Body {
  const types = { text: 'BYTE_ARRAY', number: 'DOUBLE', integer: 'INT64', boolean: 'BOOLEAN' } as const;
  const bytes = new ByteWriter();
  // Offsets in the file go on counting: only the buffer behind them is emptied.
  const flush = (): void => {
    append(new Uint8Array(bytes.buffer.slice(0, bytes.index)));
    bytes.index = 0;
  };
  bytes.finish = flush;
  const writer = new ParquetWriter({
    writer: bytes,
    codec: 'SNAPPY',
    createdBy: 'sotto',
    schema: [
      { name: 'root', num_children: columns.length },
      ...columns.map(({ name, type }) => ({
        name,
        type: types[type],
        repetition_type: 'OPTIONAL' as const,
        ...(type === 'text' ? { converted_type: 'UTF8' as const } : {}),
      })),
    ],
  });
  let rows: (readonly (string | null)[])[] = [];
  const writeGroup = (): void => {
    if (rows.length === 0) return;
    void writer.write({
      columnData: columns.map((column, i) => ({
        name: column.name,
        data: rows.map((cells) => parquetValue(cells[i] ?? null, column)),
      })),
      rowGroupSize: rows.length,
    });
    flush();
    rows = [];
  };
  return {
    write(cells) {
      rows.push(cells);
      if (rows.length >= ROW_GROUP) writeGroup();
    },
    end() {
      writeGroup();
      void writer.finish();
    },
  };
}

function parquetValue(cell: string | null, { name, type }: OutputColumn): string | number | bigint | boolean | null {
  if (cell === null || type === 'text') return cell;
  const value = typed(cell, { name, type });
  if (typeof value === 'string')
    throw new StorageError('storage/unreadable', `output: column "${name}" holds what is no ${type}`);
  return type === 'integer' ? BigInt(Math.trunc(Number(value))) : value;
}
