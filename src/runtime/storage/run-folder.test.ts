import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createLedgerFile, createRunFolder, openRunFolder } from './index.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-run-'));
});
afterEach(() => rmSync(base, { recursive: true }));

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a run folder', () => {
  it('is never made where something is', () => {
    expect(() => createRunFolder(base)).toThrow(expect.objectContaining({ code: 'storage/exists' }));
    expect(() => createRunFolder(join(base, 'a'))).not.toThrow();
  });

  it('opens only where a task is', () => {
    expect(() => openRunFolder(base)).toThrow(expect.objectContaining({ code: 'storage/not-a-run' }));
    writeFileSync(join(base, 'task.resolved.yaml'), 'task: x\n');
    openRunFolder(base).close();
  });

  it('belongs to one living process', () => {
    writeFileSync(join(base, 'task.resolved.yaml'), 'task: x\n');
    writeFileSync(join(base, 'run.lock'), String(process.ppid));
    expect(() => openRunFolder(base)).toThrow(/in use by process/);
    writeFileSync(join(base, 'run.lock'), '999999999');
    expect(() => openRunFolder(base)).not.toThrow();
  });

  it('leaves out a line that a crash cut', () => {
    const folder = createRunFolder(join(base, 'a'));
    folder.appendLine('metrics.jsonl', { attempt: 1 });
    appendFileSync(folder.file('metrics.jsonl'), '{"attem');
    expect(folder.readLines('metrics.jsonl')).toEqual([{ attempt: 1 }]);
    folder.close();
    writeFileSync(folder.file('task.resolved.yaml'), 'task: x\n');
    const copy = folder.file('more.jsonl');
    writeFileSync(copy, '{"a":1}\n{"a"');
    const again = openRunFolder(folder.path);
    again.appendLine('more.jsonl', { a: 2 });
    expect(again.readLines('more.jsonl')).toEqual([{ a: 1 }, { a: 2 }]);
  });
});

describe('a ledger file', () => {
  it('gives back its records, whoever opens it', async () => {
    const path = join(base, 'ledger.jsonl');
    const store = createLedgerFile(path);
    await store.append(utf8('one'), { expectedLength: 0 });
    await store.append(utf8('two'), { expectedLength: 1 });
    expect(await createLedgerFile(path).read()).toEqual([utf8('one'), utf8('two')]);
  });

  it('refuses an append that expects another length, and writes nothing', async () => {
    const path = join(base, 'ledger.jsonl');
    await createLedgerFile(path).append(utf8('one'), { expectedLength: 0 });
    const before = readFileSync(path, 'utf8');
    await expect(async () => createLedgerFile(path).append(utf8('two'), { expectedLength: 0 })).rejects.toThrow();
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('drops a record that was cut, for its append never returned', async () => {
    const path = join(base, 'ledger.jsonl');
    await createLedgerFile(path).append(utf8('one'), { expectedLength: 0 });
    appendFileSync(path, 'tw');
    const store = createLedgerFile(path);
    expect(await store.read()).toEqual([utf8('one')]);
    await store.append(utf8('three'), { expectedLength: 1 });
    expect(readFileSync(path, 'utf8')).toBe('one\nthree\n');
  });
});
