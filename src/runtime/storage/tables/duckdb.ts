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
interface DuckDbModule {
  readonly DuckDBInstance: {
    create(path: string): Promise<{
      connect(): Promise<{ stream(query: string): Promise<DuckDbResult>; closeSync?(): void }>;
    }>;
  };
}
interface DuckDbResult {
  columnNames(): string[];
  fetchChunk(): Promise<{ rowCount: number; getRows(): unknown[][] } | null>;
}

/** Reads the result of `query`, or of `SELECT * FROM 'path'`. */
export function readDuckDb({ path, query }: TableSource): TableReader {
  const statement = query ?? `SELECT * FROM '${path.replaceAll("'", "''")}'`;
  async function run(): Promise<DuckDbResult> {
    // The name is not a literal: bundlers and type checkers must not look for an optional package.
    const name = '@duckdb/node-api';
    let duckdb: DuckDbModule;
    try {
      duckdb = (await import(name)) as DuckDbModule;
    } catch (cause) {
      throw new StorageError(
        'storage/unreadable',
        `input: format duckdb needs the package ${name}: npm install ${name}`,
        { cause },
      );
    }
    try {
      const instance = await duckdb.DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      return await connection.stream(statement);
    } catch (cause) {
      throw new StorageError('storage/unreadable', `input: DuckDB refuses the query (${(cause as Error).message})`, {
        cause,
      });
    }
  }
  return {
    columns: async () => (await run()).columnNames(),
    async *batches() {
      const result = await run();
      let line = 0;
      for (
        let chunk = await result.fetchChunk();
        chunk !== null && chunk.rowCount > 0;
        chunk = await result.fetchChunk()
      ) {
        yield chunk.getRows().map((row): TableItem => {
          line += 1;
          return {
            kind: 'row',
            line,
            cells: row.map((value) => cellOf(value)),
          };
        });
      }
    },
  };
}

/** DuckDB's values print themselves; plain objects do not. */
function cellOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object') return (value as { toString(): string }).toString();
  return String(value as string | number | bigint | boolean);
}
