import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { TableItem } from '../../../learning/preparation/index.ts';
import { createCsvParser, formatCsvRow } from './csv.ts';
import { type DuckDbModule, readDuckDb } from './duckdb.ts';
import { openTable, type TableReader, type TableSource } from './reader.ts';
import { createTableWriter } from './writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'sotto-tables-'));
let files = 0;

function fileOf(content: string | Uint8Array, extension = 'csv'): string {
  const path = join(folder, `${(files += 1)}.${extension}`);
  writeFileSync(path, content);
  return path;
}

async function readAll(source: TableSource): Promise<{ columns: readonly string[]; items: TableItem[] }> {
  const table: TableReader = openTable(source);
  const items: TableItem[] = [];
  for await (const batch of table.batches()) items.push(...batch);
  return { columns: await table.columns(), items };
}

function parse(text: string, options = {}): { columns: readonly string[] | undefined; items: TableItem[] } {
  const parser = createCsvParser(options);
  const items = [...parser.push(text), ...parser.end()];
  return { columns: parser.columns, items };
}

describe('CSV', () => {
  it('reads what it writes, in whatever pieces the text arrives', () => {
    const cell = fc.oneof(
      fc.constant(null),
      fc.string({ unit: fc.constantFrom('a', 'é', '😀', ',', '"', '\n', '\r', ';', ' ') }),
    );
    const table = fc
      .integer({ min: 2, max: 4 })
      .chain((width) =>
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }),
      );
    fc.assert(
      fc.property(table, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (rows, sizes) => {
        const names = (rows[0] as unknown[]).map((_, i) => `c${i}`);
        const text = formatCsvRow(names) + rows.map((row) => formatCsvRow(row)).join('');
        const parser = createCsvParser();
        const items: TableItem[] = [];
        for (let at = 0; at < text.length;) {
          const size = sizes.next().value as number;
          items.push(...parser.push(text.slice(at, at + size)));
          at += size;
        }
        items.push(...parser.end());
        const got = items.map((item) => (item.kind === 'row' ? item.cells : item.problem));
        expect(parser.columns).toEqual(names);
        expect(got).toEqual(rows);
      }),
      { numRuns: 200 },
    );
  });

  it('takes LF, CRLF and CR, a byte order mark, no last break, and blank lines', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const { columns, items } = parse(`\ufeffa,b${end}1,2${end}${end}"3","x""y"`);
      expect(columns).toEqual(['a', 'b']);
      expect(items.map((item) => (item.kind === 'row' ? item.cells : item))).toEqual([
        ['1', '2'],
        ['3', 'x"y'],
      ]);
    }
  });

  it('names line and column of what does not fit, and goes on', () => {
    const { items } = parse('a,b,c\n1,2\n1,2,3,4\n1,x"y,3\n1,"2"z,3\n"two\nlines",2,3\n7,8,9\n');
    expect(
      items.map((item) => [item.kind, item.line, item.kind === 'row' ? '' : `${item.column}: ${item.problem}`]),
    ).toEqual([
      ['malformed', 2, 'c: has 2 fields, the header has 3'],
      ['malformed', 3, 'field 4: has 4 fields, the header has 3'],
      ['malformed', 4, 'b, character 4: has a quote inside a field that is not quoted'],
      ['malformed', 5, 'b, character 6: has text behind a closing quote'],
      ['row', 6, ''],
      ['row', 8, ''],
    ]);
  });

  it('gives up on a quote that nobody closes, not on the file', () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `${i},some more text to fill the line\n`).join('');
    const { items } = parse(`a,b\n"open,1\n${rows}`);
    const [first, ...rest] = items;
    expect(first).toMatchObject({ kind: 'malformed', line: 2, problem: 'a quoted field is never closed' });
    expect(rest.filter(({ kind }) => kind === 'row').length).toBe(60_000);
  });

  it('reports bytes that are not UTF-8', async () => {
    const path = fileOf(new Uint8Array([...Buffer.from('a,b\n1,'), 0xff, ...Buffer.from('\n3,4\n')]));
    const { items } = await readAll({ format: 'csv', path });
    expect(items.map((item) => (item.kind === 'row' ? item.cells : `${item.column}: ${item.problem}`))).toEqual([
      'b: is not UTF-8',
      ['3', '4'],
    ]);
  });

  it('unpacks gzip, reads other separators and files without a header', async () => {
    const path = join(folder, 'packed.csv.gz');
    writeFileSync(path, gzipSync('1;2\n3;4\n'));
    const { columns, items } = await readAll({ format: 'csv', path, separator: ';', header: false });
    expect(columns).toEqual(['column1', 'column2']);
    expect(items.length).toBe(2);
  });
});

describe('JSON lines', () => {
  it('reads flat objects and names what is not one', async () => {
    const path = fileOf(
      '{"a":1,"b":"x"}\n{"b":true,"a":null}\nnot json\n{"a":[1],"b":2}\n{"a":1,"z":2}\n{"a":"last"}',
      'jsonl',
    );
    const { columns, items } = await readAll({ format: 'jsonl', path });
    expect(columns).toEqual(['a', 'b']);
    expect(
      items.map((item) => (item.kind === 'row' ? item.cells : `${item.line} ${item.column}: ${item.problem}`)),
    ).toEqual([
      ['1', 'x'],
      [null, 'true'],
      '3 line: is not a JSON object',
      '4 a: is neither text, number, true, false nor null',
      '5 z: is not among the columns of the first line',
      ['last', null],
    ]);
  });
});

it('JSON lines name what would be read wrongly: other bytes than UTF-8, long integers, endless lines', async () => {
  const path = fileOf(
    new Uint8Array([
      ...Buffer.from('\ufeff{"a":1}\n{"a":9007199254740993}\n{"a":"'),
      0xff,
      ...Buffer.from('"}\n{"a":"'),
      ...Buffer.alloc(2 ** 24 + 5, 'x'),
      ...Buffer.from('"}\n{"a":2}\n'),
    ]),
    'jsonl',
  );
  const { items } = await readAll({ format: 'jsonl', path });
  expect(
    items.map((item) => (item.kind === 'row' ? item.cells : `${item.line} ${item.column}: ${item.problem}`)),
  ).toEqual([
    ['1'],
    '2 a: is an integer beyond 2^53, whose last digits are lost: write it as text',
    '3 line: is not UTF-8',
    '4 line: is longer than 16777216 characters',
    ['2'],
  ]);
});

describe('writers', () => {
  const columns = [
    { name: 'id', type: 'integer' },
    { name: 'share', type: 'number' },
    { name: 'word', type: 'text' },
    { name: 'flag', type: 'boolean' },
  ] as const;
  const rows = Array.from({ length: 34_000 }, (_, i) => [
    String(i),
    i % 7 === 0 ? null : String(i / 8),
    i % 5 === 0 ? null : `w😀${i % 100}`,
    i % 2 === 0 ? 'true' : 'false',
  ]);

  it.each(['csv', 'jsonl', 'parquet'] as const)('write %s that reads back the same', async (format) => {
    const path = join(folder, `written.${format}`);
    const writer = createTableWriter({ format, path }, columns);
    for (const row of rows) writer.write(row);
    expect(existsSync(path)).toBe(false);
    writer.finish();
    expect(existsSync(path)).toBe(false);
    writer.publish();
    const read = await readAll({ format, path });
    expect(read.columns).toEqual(columns.map(({ name }) => name));
    expect(read.items.map((item) => (item.kind === 'row' ? item.cells : item))).toEqual(rows);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('leave nothing behind when discarded, and overwrite nothing', () => {
    const path = join(folder, 'discarded.csv');
    const writer = createTableWriter({ format: 'csv', path }, columns);
    writer.write(['1', '2', '3', 'true']);
    writer.discard();
    expect(readdirSync(folder).filter((name) => name.startsWith('discarded'))).toEqual([]);
    const late = createTableWriter({ format: 'csv', path }, columns);
    late.finish();
    late.publish();
    late.discard();
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'mine');
    expect(() => createTableWriter({ format: 'csv', path }, columns)).toThrowError(
      expect.objectContaining({ code: 'storage/exists' }),
    );
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });

  it('refuse to put a band into a column of numbers', () => {
    const path = join(folder, 'band.parquet');
    const writer = createTableWriter({ format: 'parquet', path }, columns);
    writer.write(['[1, 2)', '2', '3', 'true']);
    expect(() => writer.finish()).toThrowError(/column "id" holds what is no integer/);
    writer.discard();
  });
});

describe('readers', () => {
  it('say what is not there or not what it claims', async () => {
    expect(() => openTable({ format: 'csv', path: join(folder, 'absent.csv') })).toThrowError(
      expect.objectContaining({ code: 'storage/not-found' }),
    );
    await expect(
      openTable({ format: 'parquet', path: fileOf('PAR0 nonsense', 'parquet') }).columns(),
    ).rejects.toMatchObject({
      code: 'storage/unreadable',
    });
    await expect(openTable({ format: 'csv', path: fileOf('') }).columns()).rejects.toMatchObject({
      code: 'storage/unreadable',
    });
  });

  it('ask for DuckDB when a recipe needs it and it is not installed', async () => {
    await expect(openTable({ format: 'duckdb', path: 'x.csv' }).columns()).rejects.toMatchObject({
      message: expect.stringContaining('npm install @duckdb/node-api') as string,
    });
  });
});

/**
 * A driver of the shape of `@duckdb/node-api` 1.5: values as its classes hold and print them. What the real one gives was
 * compared with it by hand; docs/preparation.md says how to try it.
 */
function fakeDriver(chunks: readonly unknown[][][], fail?: { at: 'stream' | 'chunk'; message: string }) {
  const open = { instances: 0, connections: 0 };
  const queries: string[] = [];
  const module: DuckDbModule = {
    DuckDBInstance: {
      create: () => {
        open.instances += 1;
        return Promise.resolve({
          closeSync: () => (open.instances -= 1),
          connect: () => {
            open.connections += 1;
            return Promise.resolve({
              closeSync: () => (open.connections -= 1),
              stream(query: string) {
                queries.push(query);
                if (fail?.at === 'stream') return Promise.reject(new Error(fail.message));
                let at = 0;
                return Promise.resolve({
                  columnNames: () => ['day', 'sum', 'tags'],
                  fetchChunk() {
                    if (fail?.at === 'chunk' && at === 1) return Promise.reject(new Error(fail.message));
                    const rows = chunks[at];
                    at += 1;
                    return Promise.resolve(rows === undefined ? null : { rowCount: rows.length, getRows: () => rows });
                  },
                });
              },
            });
          },
        });
      },
    },
  };
  return { module, open, queries };
}

describe('DuckDB', () => {
  const day = { days: 19_782, toString: () => '2024-02-29' };
  const sum = { width: 5, scale: 2, value: 150n, toString: () => '1.50' };
  const list = { items: [1, 2], toString: () => '[1, 2]' };

  it('gives rows over chunks, values as they print themselves, and names what is nested', async () => {
    const { module, open, queries } = fakeDriver([[[day, sum, null]], [[day, 9_007_199_254_740_993n, list]]]);
    const table = readDuckDb({ path: "it's.parquet" }, () => Promise.resolve(module));
    expect(await table.columns()).toEqual(['day', 'sum', 'tags']);
    for (let pass = 0; pass < 2; pass += 1) {
      const items: TableItem[] = [];
      for await (const batch of table.batches()) items.push(...batch);
      expect(items).toEqual([
        { kind: 'row', line: 1, cells: ['2024-02-29', '1.50', null] },
        { kind: 'malformed', line: 2, column: 'tags', problem: 'is not a single value', raw: 'row 2' },
      ]);
    }
    expect(queries).toEqual(Array.from({ length: 3 }, () => "SELECT * FROM 'it''s.parquet'"));
    expect(open).toEqual({ instances: 0, connections: 0 });
  });

  it('is closed when a reader stops early or the driver fails', async () => {
    const { module, open } = fakeDriver([[[day, sum, null]], [[day, sum, null]]]);
    for await (const batch of readDuckDb({ path: 'x' }, () => Promise.resolve(module)).batches()) {
      expect(batch).toHaveLength(1);
      break;
    }
    expect(open).toEqual({ instances: 0, connections: 0 });
  });

  it('shows what is wrong with a query, and nothing that may quote the data', async () => {
    const read = async (fail: { at: 'stream' | 'chunk'; message: string }): Promise<string> => {
      const { module, open } = fakeDriver([[[day, sum, null]]], fail);
      try {
        for await (const batch of readDuckDb({ path: 'x' }, () => Promise.resolve(module)).batches()) void batch;
      } catch (error) {
        expect(error).toMatchObject({ code: 'storage/unreadable' });
        expect(open).toEqual({ instances: 0, connections: 0 });
        return (error as Error).message;
      }
      throw new Error('was not refused');
    };
    expect(
      await read({ at: 'stream', message: 'Catalog Error: Table with name t does not exist!\nDid you mean' }),
    ).toMatch(/refuses the query \(Catalog Error: Table with name t does not exist!\)/);
    expect(
      await read({
        at: 'stream',
        message: 'Failed to extract statements: Parser Error: syntax error at or near "SELEC"',
      }),
    ).toMatch(/refuses the query/);
    for (const at of ['stream', 'chunk'] as const) {
      const message = await read({ at, message: "Conversion Error: Could not convert string 'Zebedee' to INT32" });
      expect(message).toMatch(/cannot read the data \(Conversion Error;/);
      expect(message).not.toContain('Zebedee');
    }
  });
});
