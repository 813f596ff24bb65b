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
 * @module
 */

import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

import { StorageError } from './errors.ts';
import { readFileOf, writeFileAtomic } from './files.ts';
import { takeLock } from './lock.ts';

/** A run folder that this process holds. */
export interface RunFolder {
  readonly path: string;
  file(name: string): string;
  has(name: string): boolean;
  read(name: string): Uint8Array;
  /** Replaces a file whole; `durable: false` for what a power failure may set back. */
  write(name: string, content: string | Uint8Array, options?: { durable?: boolean }): void;
  appendLine(name: string, line: Readonly<Record<string, unknown>>): void;
  /** The lines of a JSON-lines file; a last line cut by a crash is left out. */
  readLines(name: string): Readonly<Record<string, unknown>>[];
  /** Gives the folder up, so that another process may resume the run. */
  close(): void;
}

const LOCK = 'run.lock';

/**
 * Creates a run folder.
 * @throws {@link StorageError} `storage/exists` when anything is there already.
 */
export function createRunFolder(path: string): RunFolder {
  if (existsSync(path)) {
    throw new StorageError(
      'storage/exists',
      `${path} exists: nothing was overwritten. Choose another folder with --out, or go on with that run: sotto run --resume ${path}`,
    );
  }
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new StorageError('storage/unreadable', `the run folder ${path} cannot be made (${code})`, { cause });
  }
  return hold(path);
}

/**
 * Opens the folder of an earlier run.
 * @throws {@link StorageError} `storage/not-a-run` when it has no task, `storage/exists` when a process holds it.
 */
export function openRunFolder(path: string): RunFolder {
  if (!existsSync(join(path, 'task.resolved.yaml'))) {
    throw new StorageError('storage/not-a-run', `${path} is not a run folder: it has no task.resolved.yaml`);
  }
  return hold(path);
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

function hold(path: string): RunFolder {
  const release = takeLock(join(path, LOCK), path);
  const file = (name: string): string => join(path, name);
  return {
    path,
    file,
    has: (name) => existsSync(file(name)),
    read: (name) => readFileOf(file(name), 'run folder'),
    write: (name, content, options) => writeFileAtomic(file(name), content, options),
    appendLine(name, line) {
      dropCutLine(file(name));
      appendFileSync(file(name), `${JSON.stringify(line)}\n`);
    },
    readLines(name) {
      if (!existsSync(file(name))) return [];
      const complete = readFileSync(file(name), 'utf8').split('\n').slice(0, -1);
      return complete.map((line, i) => {
        try {
          return JSON.parse(line) as Record<string, unknown>;
        } catch (cause) {
          throw new StorageError('storage/unreadable', `${file(name)}:${i + 1} is not JSON`, { cause });
        }
      });
    },
    close: release,
  };
}
