/**
 * The run folder: everything a run leaves behind, and all the state a simulation has. Files are replaced whole;
 * logs grow by synced lines; nothing that exists is overwritten by a new run.
 *
 * | file | content |
 * |---|---|
 * | `task.resolved.yaml` | the task with every default and override spelled out |
 * | `plan.json` | the figures the run was planned with, for whoever looks at it without its data |
 * | `ledger.jsonl` | the budget ledger |
 * | `metrics.jsonl` | one line an attempt |
 * | `checkpoint.safetensors` | parameters and optimizer state after the last committed round |
 * | `model.safetensors`, `summary.json` | the result |
 * | `log/`, `log.vkey` | the transparency log of everything above, and the key it is signed with |
 * | `receipts/` | what each participant may take home: proofs of the rounds it was called to |
 * | `private/` | the log's private key and the salts of its commitments: for the run's holder alone |
 *
 * With a vault everything in it is sealed, files whole and lines one by one; the transparency log and its public key are
 * for everybody and are not.
 *
 * @module
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

import type { LedgerStore } from '../../privacy/accounting/index.ts';
import { StorageError } from './errors.ts';
import { readFileOf, writeFileAtomic } from './files.ts';
import { createLedgerFile } from './ledger-file.ts';
import { takeLock } from './lock.ts';
import { createSealedLedgerStore } from './sealed/sealed-ledger.ts';
import { isSealedFile, sealedKeyId, type Vault } from './sealed/vault.ts';

/** A run folder that this process holds. */
export interface RunFolder {
  readonly path: string;
  /** What it is sealed with. */
  readonly vault: Vault | undefined;
  file(name: string): string;
  has(name: string): boolean;
  read(name: string): Uint8Array;
  /** Replaces a file whole; `durable: false` for what a power failure may set back. */
  write(name: string, content: string | Uint8Array, options?: { durable?: boolean }): void;
  appendLine(name: string, line: Readonly<Record<string, unknown>>): void;
  /** The lines of a JSON-lines file; a last line cut by a crash is left out. */
  readLines(name: string): Readonly<Record<string, unknown>>[];
  /** The ledger in a file of the folder. */
  ledger(name: string): LedgerStore;
  /** Gives the folder up, so that another process may resume the run. */
  close(): void;
}

/** How a run folder is kept. */
export interface RunFolderOptions {
  /** Seals everything that is written, and opens what is read. */
  readonly vault?: Vault | undefined;
}

const LOCK = 'run.lock';
/** Written in place by the transparency log, which is public, as its key is. */
const UNSEALED = /^(log\/|log\.vkey$)/;

/**
 * Creates a run folder.
 * @throws {@link StorageError} `storage/exists` when anything is there already.
 */
export function createRunFolder(path: string, { vault }: RunFolderOptions = {}): RunFolder {
  if (existsSync(path)) {
    throw new StorageError(
      'storage/exists',
      `${path} exists: nothing was overwritten. Choose another folder with --out; an unfinished ` +
        `"sotto run" goes on with: sotto run --resume ${path}`,
    );
  }
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new StorageError('storage/unreadable', `the run folder ${path} cannot be made (${code})`, { cause });
  }
  return hold(path, vault);
}

/**
 * Opens the folder of an earlier run.
 * @throws {@link StorageError} `storage/not-a-run` when it has no task, `storage/exists` when a process holds it.
 */
export function openRunFolder(path: string, { vault }: RunFolderOptions = {}): RunFolder {
  if (!existsSync(join(path, 'task.resolved.yaml'))) {
    throw new StorageError('storage/not-a-run', `${path} is not a run folder: it has no task.resolved.yaml`);
  }
  const keyId = runFolderKey(path);
  if (keyId !== vault?.keyId) {
    throw new StorageError(
      'storage/sealed',
      keyId === undefined
        ? `${path} is not sealed: leave the key store out`
        : `${path} is sealed under key ${keyId}: name its key store with --key-store`,
    );
  }
  return hold(path, vault);
}

/** The key a run folder is sealed under; undefined when it is not sealed. */
export function runFolderKey(path: string): string | undefined {
  const bytes = readFileOf(join(path, 'task.resolved.yaml'), 'run folder');
  return isSealedFile(bytes) ? sealedKeyId(bytes) : undefined;
}

/** Files whose end has been looked at by this process. */
const whole = new Set<string>();

/** Drops a last line that a crash cut, once, so that the next line does not continue it. */
function dropCutLine(path: string): void {
  if (whole.has(path)) return;
  whole.add(path);
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(10) + 1;
  if (end < bytes.length) truncateSync(path, end);
}

function hold(path: string, vault: Vault | undefined): RunFolder {
  const release = takeLock(join(path, LOCK), path);
  const file = (name: string): string => join(path, name);
  /** Lines written of each sealed file. */
  const lines = new Map<string, number>();
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const linesOf = (name: string): readonly string[] =>
    existsSync(file(name)) ? readFileSync(file(name), 'utf8').split('\n').slice(0, -1) : [];
  return {
    path,
    vault,
    file,
    has: (name) => existsSync(file(name)),
    read(name) {
      const bytes = readFileOf(file(name), 'run folder');
      return vault === undefined || UNSEALED.test(name) ? bytes : vault.open(name, bytes);
    },
    write(name, content, options) {
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      const clear = vault === undefined || UNSEALED.test(name);
      writeFileAtomic(file(name), clear ? bytes : vault.seal(name, bytes), options);
    },
    appendLine(name, line) {
      dropCutLine(file(name));
      const text = JSON.stringify(line);
      if (vault === undefined) {
        appendFileSync(file(name), `${text}\n`);
        return;
      }
      const position = lines.get(name) ?? linesOf(name).length;
      const sealed = vault.sealRecord(name, position, new TextEncoder().encode(text));
      appendFileSync(file(name), Buffer.concat([sealed, Buffer.from('\n')]));
      lines.set(name, position + 1);
    },
    readLines(name) {
      if (!existsSync(file(name))) return [];
      return linesOf(name).map((stored, i) => {
        const line = vault === undefined ? stored : decoder.decode(vault.openRecord(name, i, encoder.encode(stored)));
        try {
          return JSON.parse(line) as Record<string, unknown>;
        } catch (cause) {
          throw new StorageError('storage/unreadable', `${file(name)}:${i + 1} is not JSON`, { cause });
        }
      });
    },
    ledger(name) {
      const store = createLedgerFile(file(name));
      return vault === undefined ? store : createSealedLedgerStore(store, { vault, name });
    },
    close: release,
  };
}
