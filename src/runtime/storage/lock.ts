/**
 * Exclusive use of a folder by one process, by a file that names its holder. A holder of this system that can be looked up is
 * there or it is not, and one in another container of the same system has a named pipe open as long as it lives, where it
 * could make one. Of any other (another machine) nothing is known but its beat: a file that it rewrites as long as it lives.
 * It is taken for gone once its beat has stood still for a whole lease, counted by the observer's own clock; clocks of
 * different machines are compared nowhere. Then its successor stands in the lock for a while before it does anything: a
 * holder that lives and could not write its beat looks into the lock, and ends itself, in that time.
 *
 * A lock that was left is handed on by exactly one: whoever first makes the file `….next-TOKEN`, named by the token of the
 * holder that is gone, and only while that token stands in the lock. Whoever had thought so more slowly finds another token.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  linkSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';

import { toHex } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { StorageError } from './errors.ts';
import { type Beat, startBeat } from './lock-beat.ts';

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
  /** Whether it has its pipe open. */
  readonly pipe?: boolean;
}

const BEAT_MS = 2000;
const LEASE_MS = 16_000;
const LOOK_MS = 100;
/** For so much of a lease a successor that knows no better stands in the lock before it does anything: two looks of a holder. */
const PAUSE_PER_LEASE = 1 / 4;
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
  const token = toHex(readEntropy(16));
  // What is held for moments is not worth a pipe.
  const pipe = beatAfterMs > 0 ? undefined : openPipe(pipeOf({ path }, token));
  const own: Owner = { token, ...self(), ...(pipe === undefined ? {} : { pipe: true }) };
  const lock = { path, what, leaseMs, own, onWait };
  let beat: Beat | undefined;
  try {
    const isCertain = acquire(path, lock);
    held.add(token);
    beat = startBeat(
      { path, beat: beatOf(lock, token), own: textFor(own), what, beatMs, leaseMs },
      { afterMs: beatAfterMs },
    );
    if (!isCertain) {
      sleep(leaseMs * PAUSE_PER_LEASE);
      if (read(path)?.token !== token) throw new StorageError('storage/exists', `${what} was taken by another process`);
    }
  } catch (error) {
    held.delete(token);
    beat?.stop();
    pipe?.close();
    throw error;
  }
  return () => {
    if (!held.delete(token)) return;
    beat.stop();
    const next = nextOf(lock, token);
    try {
      create(next, own);
      if (read(path)?.token === token) rmSync(path, { force: true });
      rmSync(next, { force: true });
    } catch {
      // Somebody has taken this process for gone, and decides what becomes of the lock.
    }
    pipe?.close();
  };
}

type Owner = Holder & { readonly token: string };

interface Lock {
  readonly path: string;
  readonly what: string;
  readonly leaseMs: number;
  readonly onWait: (why: string) => void;
  readonly own: Owner;
}

const nextOf = ({ path }: Pick<Lock, 'path'>, token: string): string => `${path}.next-${token}`;
const beatOf = ({ path }: Pick<Lock, 'path'>, token: string): string => `${path}.beat-${token}`;
const pipeOf = ({ path }: Pick<Lock, 'path'>, token: string): string => `${path}.pipe-${token}`;

/**
 * Makes a pipe and holds it open for reading: whoever opens it for writing is told by the system whether somebody does.
 * Undefined where there are none, or no system that is known by its start.
 */
function openPipe(path: string): { close(): void } | undefined {
  if (self().boot === undefined) return undefined;
  return tryTo(() => {
    execFileSync('mkfifo', ['-m', '600', path], { stdio: 'ignore' });
    try {
      const pipe = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      return {
        close() {
          rmSync(path, { force: true });
          closeSync(pipe);
        },
      };
    } catch (error) {
      rmSync(path, { force: true });
      throw error;
    }
  });
}

/** Whether anybody of this system holds a pipe open; undefined where that cannot be told. */
function isPipeOpen(path: string): boolean | undefined {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENXIO' ? false : undefined;
  }
}

/**
 * Makes a file that names this process, or takes the place of whoever it names and is gone.
 * @returns whether all who were before are certainly gone; else their beat has stood still, no more.
 */
function acquire(file: string, lock: Lock): boolean {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      create(file, lock.own);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = read(file);
    if (holder === undefined) continue;
    const isCertain = assertGone(holder, lock);
    const token = holder.token ?? `${holder.pid}`;
    // A holder that was killed while it gave the lock up has named itself there, too.
    const next = nextOf(lock, token) === file ? `${file}.again` : nextOf(lock, token);
    const isClaimCertain = acquire(next, lock);
    // Only whoever has `next` changes the file while it names this holder.
    if (sameHolder(read(file), holder)) {
      tryTo(() => renameSync(next, file));
      // Unless this one stood still for so long that it was itself taken for gone.
      if (read(file)?.token !== lock.own.token) break;
      for (const left of [beatOf(lock, token), pipeOf(lock, token)]) rmSync(left, { recursive: true, force: true });
      return isCertain && isClaimCertain;
    }
    rmSync(next, { force: true });
  }
  throw new StorageError('storage/exists', `${lock.what} is being taken by another process`);
}

const sameHolder = (a: Holder | undefined, b: Holder): boolean => a?.pid === b.pid && a.token === b.token;

/**
 * @returns whether it is certain that the holder is gone; else its beat has stood still for a lease.
 * @throws {@link StorageError} `storage/exists` when it is there.
 */
function assertGone(holder: Holder, lock: Lock): boolean {
  const { pid, host } = holder;
  const known = isThere(holder, lock);
  if (known === false) return true;
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
  return false;
}

/** Whether a holder is there; undefined where this process cannot look it up. */
function isThere({ token, pid, started, boot, namespace, host, pipe }: Holder, lock: Lock): boolean | undefined {
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
  // In another container of this system its number says nothing, and its pipe all.
  if (!isNear) {
    const hasPipe = token !== undefined && pipe === true && boot !== undefined && boot === here.boot;
    return hasPipe ? isPipeOpen(pipeOf(lock, token)) : undefined;
  }
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
function create(path: string, own: Owner): void {
  const temporary = `${path}.${own.token}`;
  const text = textFor(own);
  try {
    writeFileSync(temporary, text);
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
