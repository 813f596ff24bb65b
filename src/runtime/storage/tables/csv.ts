/**
 * CSV, RFC 4180, read piece by piece: quoted fields with separators, quotes and line breaks; CRLF, LF or CR; a byte order
 * mark. What does not fit is reported with line and column, and reading goes on behind it.
 *
 * @module
 */

import type { TableItem } from '../../../learning/preparation/index.ts';

/** An incremental reader: text in, rows out. */
export interface CsvParser {
  /** Names of the columns; undefined until the first line is complete. */
  readonly columns: readonly string[] | undefined;
  push(text: string): TableItem[];
  /** Ends the text: a last line without a break counts. */
  end(): TableItem[];
}

/** A row longer than this has a quote that nobody closed. */
const MAX_ROW = 2 ** 20;
const RAW = 1000;

const QUOTE = 34;
const LF = 10;
const CR = 13;

/** Creates a parser. Without `header`, columns are named column1, column2, … */
export function createCsvParser({
  separator = ',',
  header = true,
}: { separator?: string; header?: boolean } = {}): CsvParser {
  if (separator.length !== 1 || '"\r\n'.includes(separator)) {
    throw new RangeError('"separator" must be one character, neither a quote nor a line break');
  }
  const separatorCode = separator.charCodeAt(0);
  let columns: readonly string[] | undefined;
  let pending = '';
  let line = 1;
  let started = false;

  /** Takes complete rows off the pending text. */
  function drain(ended: boolean): TableItem[] {
    const items: TableItem[] = [];
    if (!started && (pending.length > 0 || ended)) {
      started = true;
      if (pending.startsWith('\ufeff')) pending = pending.slice(1);
    }
    let at = 0;
    while (at < pending.length) {
      const row = readRow(pending, { at, separator: separatorCode, ended });
      if (row === undefined) {
        if (pending.length - at <= MAX_ROW) break;
        // An open quote: give the first line up and go on with the next.
        const stop = pending.indexOf('\n', at) < 0 ? pending.length : pending.indexOf('\n', at) + 1;
        items.push(
          malformed({ column: 'line', problem: 'a quoted field is never closed', raw: pending.slice(at, stop) }),
        );
        line += 1;
        at = stop;
        continue;
      }
      const raw = pending.slice(at, row.end);
      accept(row, raw, items);
      line += row.breaks;
      at = row.next;
    }
    pending = pending.slice(at);
    return items;
  }

  function malformed(fields: { column: string; problem: string; raw: string }): TableItem {
    return { kind: 'malformed', line, ...fields, raw: fields.raw.slice(0, RAW) };
  }

  function accept(row: ParsedRow, raw: string, items: TableItem[]): void {
    const empty = row.cells.length === 1 && row.cells[0] === null;
    if (columns === undefined) {
      if (empty && row.problem === undefined) return;
      columns = header ? nameColumns(row.cells) : row.cells.map((_, i) => `column${i + 1}`);
      if (header) {
        if (row.problem !== undefined)
          items.push(malformed({ column: `character ${row.problem.at + 1}`, problem: row.problem.text, raw }));
        return;
      }
    }
    if (empty && columns.length > 1) return;
    if (row.problem !== undefined) {
      const column = columns[row.problem.field] ?? `field ${row.problem.field + 1}`;
      items.push(malformed({ column: `${column}, character ${row.problem.at + 1}`, problem: row.problem.text, raw }));
      return;
    }
    if (raw.includes('\ufffd')) {
      const field = row.cells.findIndex((cell) => cell?.includes('\ufffd') === true);
      items.push(malformed({ column: columns[field] ?? 'line', problem: 'is not UTF-8', raw }));
      return;
    }
    if (row.cells.length !== columns.length) {
      const column = columns[row.cells.length] ?? `field ${columns.length + 1}`;
      items.push(
        malformed({ column, problem: `has ${row.cells.length} fields, the header has ${columns.length}`, raw }),
      );
      return;
    }
    items.push({ kind: 'row', line, cells: row.cells });
  }

  return {
    get columns() {
      return columns;
    },
    push(text) {
      pending += text;
      return drain(false);
    },
    end() {
      const items = drain(true);
      if (pending !== '') {
        items.push(malformed({ column: 'line', problem: 'a quoted field is never closed', raw: pending }));
        pending = '';
      }
      return items;
    },
  };
}

function nameColumns(cells: readonly (string | null)[]): string[] {
  return cells.map((cell, i) => (cell === null || cell.trim() === '' ? `column${i + 1}` : cell.trim()));
}

interface ParsedRow {
  readonly cells: (string | null)[];
  /** Where the row's text ends, and where the next row starts. */
  readonly end: number;
  readonly next: number;
  readonly breaks: number;
  readonly problem?: { readonly field: number; readonly at: number; readonly text: string } | undefined;
}

/** Reads one row; undefined when its end is not there yet. */
function readRow(
  text: string,
  { at: start, separator, ended }: { at: number; separator: number; ended: boolean },
): ParsedRow | undefined {
  const cells: (string | null)[] = [];
  let problem: ParsedRow['problem'];
  let breaks = 0;
  let at = start;
  for (;;) {
    let cell: string | null;
    if (text.charCodeAt(at) === QUOTE) {
      const quoted = readQuoted(text, { at, ended });
      if (quoted === undefined) return undefined;
      cell = quoted.value;
      breaks += quoted.breaks;
      at = quoted.next;
      const code = text.charCodeAt(at);
      if (at < text.length && code !== separator && code !== LF && code !== CR) {
        problem ??= { field: cells.length, at: at - start, text: 'has text behind a closing quote' };
        at = endOfField(text, { at, separator });
      }
    } else {
      const stop = endOfField(text, { at, separator });
      cell = stop === at ? null : text.slice(at, stop);
      const quote = cell?.indexOf('"') ?? -1;
      if (quote >= 0)
        problem ??= {
          field: cells.length,
          at: at + quote - start,
          text: 'has a quote inside a field that is not quoted',
        };
      at = stop;
    }
    cells.push(cell);
    if (at >= text.length) {
      if (!ended) return undefined;
      return { cells, end: at, next: at, breaks: breaks + 1, problem };
    }
    const code = text.charCodeAt(at);
    if (code === separator) {
      at += 1;
      continue;
    }
    // A CR at the very end may be half of a CRLF.
    if (code === CR && at + 1 >= text.length && !ended) return undefined;
    const size = code === CR && text.charCodeAt(at + 1) === LF ? 2 : 1;
    return { cells, end: at, next: at + size, breaks: breaks + 1, problem };
  }
}

function endOfField(text: string, { at, separator }: { at: number; separator: number }): number {
  let stop = at;
  while (stop < text.length) {
    const code = text.charCodeAt(stop);
    if (code === separator || code === LF || code === CR) break;
    stop += 1;
  }
  return stop;
}

function readQuoted(
  text: string,
  { at, ended }: { at: number; ended: boolean },
): { value: string; next: number; breaks: number } | undefined {
  let value = '';
  let from = at + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return undefined;
    value += text.slice(from, quote);
    if (text.charCodeAt(quote + 1) === QUOTE) {
      value += '"';
      from = quote + 2;
      continue;
    }
    // The next character decides whether the quote closes the field.
    if (quote + 1 >= text.length && !ended) return undefined;
    return { value, next: quote + 1, breaks: value.split('\n').length - 1 };
  }
}

/** Writes one row, quoting what must be. */
export function formatCsvRow(cells: readonly (string | null)[], separator = ','): string {
  const quoted = cells.map((cell) => {
    if (cell === null) return '';
    const needs = cell === '' || cell.includes(separator) || /["\r\n]/.test(cell) || cell !== cell.trim();
    return needs ? `"${cell.replaceAll('"', '""')}"` : cell;
  });
  return `${quoted.join(separator)}\n`;
}
