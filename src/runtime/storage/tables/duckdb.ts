/**
 * DuckDB as an optional reader, for what the built-in ones do not read: other codecs, databases, joins. It is loaded when
 * a recipe names it.
 *
 * @module
 */

import type { TableItem } from '../../../learning/preparation/index.ts';
import { StorageError } from '../errors.ts';
import type { TableReader, TableSource } from './reader.ts';

/** What is used of `@duckdb/node-api`. */
export interface DuckDbModule {
  readonly DuckDBInstance: {
    create(path: string): Promise<{
      connect(): Promise<{ stream(query: string): Promise<DuckDbResult>; closeSync(): void }>;
      closeSync(): void;
    }>;
  };
}
interface DuckDbResult {
  columnNames(): string[];
  fetchChunk(): Promise<{ readonly rowCount: number; getRows(): unknown[][] } | null>;
}

async function importDuckDb(): Promise<DuckDbModule> {
  // The name is not a literal: bundlers and type checkers must not look for an optional package.
  const name = '@duckdb/node-api';
  try {
    return (await import(name)) as DuckDbModule;
  } catch (cause) {
    throw new StorageError(
      'storage/unreadable',
      `input: format duckdb needs the package ${name}: npm install ${name}`,
      {
        cause,
      },
    );
  }
}

/** Errors of DuckDB that speak of the query or of files. All others may quote a line or a value of the data. */
const ABOUT_THE_QUERY = /^(?:Failed to [a-z ]+: )?(?:Parser|Binder|Catalog|IO|HTTP|Not implemented|Permission) Error\b/;

function refusal(error: unknown): StorageError {
  const message = error instanceof Error ? error.message : '';
  const [, kind = 'an error'] = /^([A-Z][A-Za-z ]{0,40} Error)\b/.exec(message) ?? [];
  return ABOUT_THE_QUERY.test(message)
    ? new StorageError('storage/unreadable', `input: DuckDB refuses the query (${message.split('\n')[0]})`)
    : new StorageError(
        'storage/unreadable',
        `input: DuckDB cannot read the data (${kind}; its message may quote the data and is not shown). Try the query in DuckDB itself`,
      );
}

/**
 * Reads the result of `query`, or of `SELECT * FROM 'path'`.
 * @param load - gives the driver; by default the installed package.
 * @throws {@link StorageError} `storage/unreadable` when DuckDB is not installed or refuses the query; its message shows no data.
 */
export function readDuckDb(
  { path, query }: Pick<TableSource, 'path' | 'query'>,
  load: () => Promise<DuckDbModule> = importDuckDb,
): TableReader {
  const statement = query ?? `SELECT * FROM '${path.replaceAll("'", "''")}'`;
  async function guarded<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw refusal(error);
    }
  }
  async function open(): Promise<{ result: DuckDbResult; close: () => void }> {
    const { DuckDBInstance } = await load();
    const instance = await guarded(() => DuckDBInstance.create(':memory:'));
    try {
      const connection = await guarded(() => instance.connect());
      const close = (): void => {
        connection.closeSync();
        instance.closeSync();
      };
      try {
        return { result: await guarded(() => connection.stream(statement)), close };
      } catch (error) {
        connection.closeSync();
        throw error;
      }
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  }
  return {
    async columns() {
      const { result, close } = await open();
      try {
        return result.columnNames();
      } finally {
        close();
      }
    },
    async *batches() {
      const { result, close } = await open();
      try {
        const names = result.columnNames();
        let line = 0;
        for (;;) {
          const chunk = await guarded(() => result.fetchChunk());
          if (chunk === null || chunk.rowCount === 0) return;
          yield chunk.getRows().map((row) => itemOf(row, { line: (line += 1), names }));
        }
      } finally {
        close();
      }
    },
  };
}

function itemOf(row: readonly unknown[], { line, names }: { line: number; names: readonly string[] }): TableItem {
  const cells: (string | null)[] = [];
  for (const [i, value] of row.entries()) {
    const cell = cellOf(value);
    if (cell === undefined) {
      const column = names[i] ?? `field ${i + 1}`;
      return { kind: 'malformed', line, column, problem: 'is not a single value', raw: `row ${line}` };
    }
    cells.push(cell);
  }
  return { kind: 'row', line, cells };
}

/** What lists, arrays, structures, maps, unions, variants and bytes have among their keys, and single values have not. */
const NESTED = ['items', 'entries', 'bytes', 'tag'] as const;

/** A value as text; undefined when it is nested. Dates, times, decimals and identifiers of DuckDB print themselves. */
function cellOf(value: unknown): string | null | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'object') return String(value as string | number | bigint | boolean);
  if (Array.isArray(value) || ArrayBuffer.isView(value) || NESTED.some((key) => key in value)) return undefined;
  const text = (value as { toString(): string }).toString();
  return text === '[object Object]' ? undefined : text;
}
