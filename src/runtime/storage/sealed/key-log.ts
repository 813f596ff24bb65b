/**
 * The transparency log of keys: which were made, replaced, handed over and destroyed, each act written down and signed
 * before it happens and again once it has. What cannot be written down is not done. It names keys and holds none.
 *
 * The folder has the layout of every log (`log/`, `log.vkey`, `private/log.key`): `sotto verify` reads it. Whoever has the
 * folder can write another log; a checkpoint that was seen elsewhere, or the log of a coordinator that follows it, shows that.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { createSigningKey, equalBytes } from '../../../foundations/crypto/index.ts';
import {
  CHECKPOINT_PATH,
  createCompactRange,
  createLogReader,
  createNoteVerifier,
  decodeLeaf,
  formatVerifierKey,
  hashLeaf,
  type LeafOf,
  LogError,
  type NoteVerifier,
  openCheckpoint,
  RUN_FILES,
  type TileStore,
} from '../../../trust/log/index.ts';
import { StorageError } from '../errors.ts';
import { writeFileAtomic } from '../files.ts';
import { loadOrCreateKey } from '../key-file.ts';
import { createFileSaltStore, createFileTileStore, openTaskLog, originOf, type TaskLog } from '../tiles/index.ts';

/** An act on a key. */
export interface KeyAct {
  readonly act: Exclude<LeafOf<'key'>['act'], 'found-changed'>;
  /** `root`, a data key's identifier, or `sha256:` and the fingerprint of a public key. */
  readonly key: string;
  /** By whom or by what it is followed, such as a keeper or the key in its place. */
  readonly detail?: string;
}

/** An entry that tells what happened to a key. */
export interface KeyEntry extends LeafOf<'key'> {
  /** Its number in the log. */
  readonly index: number;
}

/** Writes acts on keys down. */
export interface KeyLog {
  /**
   * Does something between an entry that it is intended and one that it was done; whoever calls holds the keys alone.
   * @throws {@link StorageError} `storage/key-log` when it cannot be written down: nothing was done then, unless
   * `details.done` says that only the second entry is missing, which the next act makes good.
   */
  perform<T>(act: KeyAct, change: () => T | Promise<T>): Promise<T>;
}

const NAME = 'keys';
const LAYOUT = 'keys/1';

/**
 * Creates the log of the keys in a folder; nothing is written before the first act.
 * @param options - `stateOf` gives the digest of what keeps the keys, null where there is none: an act that a crash cut is
 * told by it from one that happened, and so is a change that nobody wrote down.
 */
export function createKeyLog(
  folder: string,
  { stateOf = () => null }: { readonly stateOf?: () => string | null } = {},
): KeyLog {
  async function open(): Promise<TaskLog> {
    const log = await openFolder(folder);
    if (!existsSync(join(folder, RUN_FILES.key))) {
      writeFileAtomic(join(folder, RUN_FILES.key), `${formatVerifierKey(log.writer.verifier)}\n`);
    }
    const isNew = !log.has('installation');
    if (isNew) log.record({ kind: 'installation', version: LAYOUT });
    const state = stateOf();
    const last = log.leaves.findLast((leaf) => leaf.kind === 'key');
    if (last?.phase === 'intended' && state !== null) {
      const { act, key, detail } = last;
      // What keeps the keys is replaced whole: it is as it was, or the act happened.
      log.record({ kind: 'key', act, key, detail, phase: state === last.state ? 'undone' : 'done', state });
    } else if ((last?.state ?? null) !== state) {
      const detail = isNew ? 'the log begins after the keys' : '';
      log.record({ kind: 'key', act: 'found-changed', key: 'root', detail, phase: 'done', state });
    }
    return log;
  }

  return {
    async perform({ act, key, detail = '' }, change) {
      let log: TaskLog;
      try {
        log = await open();
        log.record({ kind: 'key', act, key, detail, phase: 'intended', state: stateOf() });
        await log.flush();
      } catch (cause) {
        const message = `the log of the keys in ${folder} cannot be written: nothing was done to ${key}`;
        throw new StorageError('storage/key-log', message, { cause });
      }
      const finish = async (phase: 'done' | 'undone'): Promise<void> => {
        log.record({ kind: 'key', act, key, detail, phase, state: stateOf() });
        await log.flush();
      };
      const before = stateOf();
      let result: Awaited<ReturnType<typeof change>>;
      try {
        result = await change();
      } catch (error) {
        // Where nothing tells whether it happened, its end stays open.
        const after = stateOf();
        if (after !== null) await finish(after === before ? 'undone' : 'done').catch(() => {});
        throw error;
      }
      try {
        await finish('done');
      } catch (cause) {
        const message = `${act} ${key}: it was done, and the log of the keys in ${folder} cannot be written to say so`;
        throw new StorageError('storage/key-log', message, { cause, details: { done: true } });
      }
      return result;
    },
  };
}

/**
 * Reads what happened to the keys of a folder; none where nothing was written. It changes nothing: whoever does something
 * to a key at that time writes tiles that no checkpoint promises yet, and to open the log for writing would clear them away.
 * @throws {@link LogError} when the log is not what its checkpoint signs.
 */
export async function readKeyLog(folder: string): Promise<readonly KeyEntry[]> {
  if (!existsSync(join(folder, RUN_FILES.privateKey))) return [];
  const seed = loadOrCreateKey(join(folder, RUN_FILES.privateKey));
  const verifier = createNoteVerifier('ed25519', originOf(NAME, seed), createSigningKey(seed).publicKey);
  const store = createFileTileStore(join(folder, RUN_FILES.log));
  for (let note = await store.read(CHECKPOINT_PATH); note !== undefined;) {
    try {
      const leaves = (await readLog(store, note, verifier)).map(decodeLeaf);
      return leaves.flatMap((leaf, index) => (leaf.kind === 'key' ? [{ ...leaf, index }] : []));
    } catch (error) {
      // Partial tiles go when the next checkpoint needs them no more.
      const now = await store.read(CHECKPOINT_PATH);
      if (now !== undefined && equalBytes(now, note)) throw error;
      note = now;
    }
  }
  return [];
}

/** The entries under a checkpoint. */
async function readLog(store: TileStore, note: Uint8Array, verifier: NoteVerifier): Promise<Uint8Array[]> {
  const { size, root } = openCheckpoint(note, { verifiers: [verifier] });
  const range = createCompactRange();
  const found: Uint8Array[] = [];
  for await (const entry of createLogReader(store, size).entries(0, size)) {
    range.push(hashLeaf(entry));
    found.push(entry.slice());
  }
  if (!equalBytes(range.root(), root)) {
    throw new LogError(
      'log/inconsistent',
      'the tiles of the log of the keys do not have the root that its checkpoint signs',
    );
  }
  return found;
}

function openFolder(folder: string): Promise<TaskLog> {
  return openTaskLog({
    store: createFileTileStore(join(folder, RUN_FILES.log)),
    task: NAME,
    seed: loadOrCreateKey(join(folder, RUN_FILES.privateKey)),
    salts: createFileSaltStore(join(folder, RUN_FILES.salts)),
    clock: () => new Date(),
  });
}
