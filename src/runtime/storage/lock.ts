/**
 * Exclusive use of a folder by one process, by a file that names its holder. A holder of this system that can be looked up is
 * there or it is not. Of any other (another container on a shared volume, another machine) nothing is known but its beat: a
 * file that it rewrites as long as it lives. It is taken for gone once its beat has stood still for a whole lease, counted by
 * the observer's own clock; clocks of different machines are compared nowhere.
 *
 * A lock that was left is handed on by exactly one: whoever first makes the file `….next-TOKEN`, named by the token of the
 * holder that is gone, and only while that token stands in the lock. Whoever had thought so more slowly finds another token.
 *
 * @module
 */

import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';

import { toHex } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { StorageError } from './errors.ts';

/** How long things take, and who is told that they do. */
export interface LockOptions {
  /** Between two beats. */
  readonly beatMs?: number;
  /** A foreign holder whose beat stands still for so long is gone. */
  readonly leaseMs?: number;
  /** When the beat begins: what is held for moments needs none. */
  readonly beatAfterMs?: number;
  /** Called before a wait for the beat of somebody who cannot be looked up. */
  readonly onWait?: (why: string) => void;
}

/** A process, as far as others can tell whether it is there. */
interface Holder {
  /** One of each taking; absent in locks of earlier versions. */
  readonly token?: string;
  readonly pid: number;
  /** When it was started, in this start of its system; see proc(5), fields 3 and 22. */
  readonly started?: string | undefined;
  /** This start of its system, and the namespace that its number counts in. */
  readonly boot?: string | undefined;
  readonly namespace?: string | undefined;
  readonly host?: string;
}

const BEAT_MS = 2000;
const LEASE_MS = 16_000;
const LOOK_MS = 100;
/** Others may take it, and give it up, while one tries. */
const ATTEMPTS = 20;

/** Tokens that this process holds, whichever of its threads asks for one is told by the file. */
const held = new Set<string>();

/**
 * Takes the lock at `path` for this process; one left by a process that is gone is taken over. It waits, and lets nothing
 * else run, for up to a lease where only its beat can tell whether the holder is there. A holder that finds that another has
 * taken over ends its process at once: two must not write.
 * @param what - as the refusal shall name it.
 * @returns a function that gives the lock up.
 * @throws {@link StorageError} `storage/exists` when a living process holds it.
 */
export function takeLock(
  path: string,
  what: string,
  { beatMs = BEAT_MS, leaseMs = LEASE_MS, beatAfterMs = 1000, onWait = () => {} }: LockOptions = {},
): () => void {
  const own: Holder & { readonly token: string } = { token: toHex(readEntropy(16)), ...self() };
  const lock = { path, what, leaseMs, own, onWait };
  acquire(path, lock);
  held.add(own.token);
  const beat = startBeat(lock, { beatMs, beatAfterMs });
  return () => {
    if (!held.delete(own.token)) return;
    beat.stop();
    const next = nextOf(lock, own.token);
    try {
      create(next, own);
    } catch {
      // Somebody has taken this process for gone, and decides what becomes of the lock.
      return;
    }
    if (read(path)?.token === own.token) rmSync(path, { force: true });
    rmSync(next, { force: true });
  };
}

interface Lock {
  readonly path: string;
  readonly what: string;
  readonly leaseMs: number;
  readonly onWait: (why: string) => void;
  readonly own: Holder & { readonly token: string };
}

const nextOf = ({ path }: Pick<Lock, 'path'>, token: string): string => `${path}.next-${token}`;
const beatOf = ({ path }: Pick<Lock, 'path'>, token: string): string => `${path}.beat-${token}`;

/** Makes a file that names this process, or takes the place of whoever it names and is gone. */
function acquire(file: string, lock: Lock): void {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      create(file, lock.own);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = read(file);
    if (holder === undefined) continue;
    assertGone(holder, lock);
    const token = holder.token ?? `${holder.pid}`;
    const next = nextOf(lock, token);
    acquire(next, lock);
    // Only whoever has `next` changes the file while it names this holder.
    if (sameHolder(read(file), holder)) {
      tryTo(() => renameSync(next, file));
      // Unless this one stood still for so long that it was itself taken for gone.
      if (read(file)?.token !== lock.own.token) break;
      rmSync(beatOf(lock, token), { force: true });
      return;
    }
    rmSync(next, { force: true });
  }
  throw new StorageError('storage/exists', `${lock.what} is being taken by another process`);
}

const sameHolder = (a: Holder | undefined, b: Holder): boolean => a?.pid === b.pid && a.token === b.token;

/** @throws {@link StorageError} `storage/exists` unless the holder is certainly not there any more. */
function assertGone(holder: Holder, lock: Lock): void {
  const { pid, host } = holder;
  const known = isThere(holder);
  if (known === false) return;
  if (known === true) {
    throw new StorageError('storage/exists', `${lock.what} is in use by process ${pid}: wait for it or stop it`);
  }
  const where = host === undefined ? '' : ` of ${host.split('/')[0]}`;
  lock.onWait(
    `${lock.what} was left by process ${pid}${where}, on another machine or in another container: waiting ` +
      `${Math.ceil(lock.leaseMs / 1000)} s to see whether it is still there`,
  );
  const file = beatOf(lock, holder.token ?? '');
  const before = textOf(file);
  const end = performance.now() + lock.leaseMs;
  while (performance.now() < end) {
    sleep(Math.min(LOOK_MS, lock.leaseMs / 8));
    if (textOf(file) === before) continue;
    throw new StorageError(
      'storage/exists',
      `${lock.what} is in use by process ${pid}${where}, on another machine or in another container: stop it there`,
    );
  }
}

/** Whether a holder is there; undefined where this process cannot look it up. */
function isThere({ token, pid, started, boot, namespace, host }: Holder): boolean | undefined {
  if (token !== undefined && held.has(token)) return true;
  const here = self();
  // Locks of earlier versions name their start and its boot in one, or a number alone.
  const bootOf = token === undefined ? started?.split('/')[0] : boot;
  const isNear =
    token === undefined
      ? bootOf === undefined || bootOf === here.boot
      : boot === undefined
        ? here.boot === undefined && host === here.host
        : boot === here.boot && namespace === here.namespace;
  if (!isNear) return undefined;
  // Half a file of somebody who is about to write the rest, or who never will.
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (pid === process.pid && token === undefined) return false;
  return isAlive(pid, token === undefined ? started?.split('/')[1] : started);
}

/** @param started - of the holder; undefined where its system does not tell. */
function isAlive(pid: number, started: string | undefined): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = startOf(pid);
  if (now === undefined) return true;
  // Killed, and not fetched by its parent: it holds nothing any more. Or its number was given to another process.
  return !now.isDead && (started === undefined || started === now.ticks);
}

/** This process. */
function self(): Omit<Holder, 'token'> & { readonly host: string } {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ mac }) => mac) ?? []);
  return {
    pid: process.pid,
    started: startOf(process.pid)?.ticks,
    boot: tryTo(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    namespace: tryTo(() => readlinkSync('/proc/self/ns/pid')),
    host: `${hostname()}/${[...new Set(addresses)].toSorted().join(',')}`,
  };
}

/** When a process was started; undefined where there is no procfs. */
function startOf(pid: number): { readonly ticks: string | undefined; readonly isDead: boolean } | undefined {
  return tryTo(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { ticks: fields[19], isDead: fields[0] === 'Z' || fields[0] === 'X' };
  });
}

function tryTo<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

const textOf = (path: string): string | undefined => tryTo(() => readFileSync(path, 'utf8'));

/** Whom a file names; undefined where there is none. */
function read(path: string): Holder | undefined {
  const text = textOf(path);
  if (text === undefined) return undefined;
  const at = text.indexOf('{');
  const found = at < 0 ? undefined : tryTo(() => JSON.parse(text.slice(at)) as Holder);
  if (found !== undefined) return found;
  const [pid, started] = text.trim().split(' ');
  return { pid: Number(pid), started };
}

/** Whom a file names, for this version and, at its beginning, for those that know a number and a start alone. */
const textFor = (own: Holder): string =>
  `${own.pid} ${own.boot === undefined ? '' : `${own.boot}/${own.started} `}${JSON.stringify(own)}`;

/** Makes a file with its holder in it, at once: one that is empty for a moment would look as if left behind. */
function create(path: string, own: Holder & { readonly token: string }): void {
  const temporary = `${path}.${own.token}`;
  const text = textFor(own);
  writeFileSync(temporary, text);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // A disk without links: not at once, and exclusive all the same.
    writeFileSync(path, text, { flag: 'wx' });
  } finally {
    rmSync(temporary, { force: true });
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * The beat, in a thread of its own: what computes for long must not look dead. It never touches the lock but to put back one
 * that was deleted; where another holder stands in it, it ends the process.
 */
const BEAT = `
const { readFileSync, writeFileSync, writeSync } = require('node:fs');
const { workerData: { path, beat, own, what, beatMs, ended } } = require('node:worker_threads');
let count = 0;
function look() {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') try { writeFileSync(path, own, { flag: 'wx' }); } catch {}
  }
  if (text === '' || text === own) return;
  writeSync(2, what + ' was taken over by another process, which took this one for gone: ending at once\\n');
  process.kill(process.pid, 'SIGKILL');
}
function live() {
  if (Atomics.load(ended, 0) === 1) return;
  look();
  try { writeFileSync(beat, String(count += 1)); } catch {}
}
live();
setInterval(live, beatMs);
`;

function startBeat(
  lock: Lock,
  { beatMs, beatAfterMs }: Required<Pick<LockOptions, 'beatMs' | 'beatAfterMs'>>,
): { stop(): void } {
  const { path, what, own } = lock;
  const beat = beatOf(lock, own.token);
  /** 1 once it was given up: nothing is written after that. */
  const ended = new Int32Array(new SharedArrayBuffer(4));
  let worker: Worker | undefined;
  const start = (): void => {
    worker = new Worker(BEAT, {
      eval: true,
      execArgv: [],
      workerData: { path, beat, own: textFor(own), what, beatMs, ended },
    });
    // Without it the lock is what it was without a beat: others on this system still see that it is held.
    worker.on('error', () => {});
    worker.unref();
  };
  const timer = beatAfterMs > 0 ? setTimeout(start, beatAfterMs).unref() : undefined;
  if (timer === undefined) start();
  return {
    stop() {
      clearTimeout(timer);
      Atomics.store(ended, 0, 1);
      const remove = (): void => rmSync(beat, { force: true });
      worker
        ?.terminate()
        .then(remove)
        .catch(() => {});
      remove();
    },
  };
}
