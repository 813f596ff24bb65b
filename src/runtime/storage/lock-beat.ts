/**
 * The beat of whoever holds a lock: a file that is rewritten as long as the holder lives, and a look into the lock each time.
 *
 * @module
 */

import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/**
 * The beat, in a thread of its own: what computes for long must not look dead. It never touches the lock but to put back one
 * that was deleted; where another holder stands in it, it ends the process. So it does where none stands in it any more and
 * it has not looked for half a lease, stopped or cut off from the disk: another may have held it in between, and given it up.
 * The beat is written over itself: a disk that is full takes that.
 */
const BEAT = `
const { closeSync, openSync, readFileSync, writeFileSync, writeSync } = require('node:fs');
const { parentPort, workerData: { path, beat, own, what, beatMs, leaseMs, since, ended } } = require('node:worker_threads');
let count = 0;
let looked = since;
function end() {
  writeSync(2, what + ' was taken over by another process, which took this one for gone: ending at once\\n');
  process.kill(process.pid, 'SIGKILL');
  // The first process of a container is not killed from within it: pid_namespaces(7).
  parentPort.postMessage('end');
}
function look() {
  const before = looked;
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
    looked = Date.now();
  } catch (error) {
    if (error.code !== 'ENOENT') return;
    looked = Date.now();
    if (looked - before > leaseMs / 2) end();
    try { writeFileSync(path, own, { flag: 'wx' }); } catch {}
    return;
  }
  if (text !== '' && text !== own) end();
}
function mark() {
  let file;
  try { file = openSync(beat, 'r+'); } catch { file = openSync(beat, 'w'); }
  try { writeSync(file, String(count += 1).padStart(12), 0); } finally { closeSync(file); }
}
function live() {
  if (Atomics.load(ended, 0) === 1) return;
  look();
  try { mark(); } catch {}
}
live();
setInterval(live, beatMs);
`;

/** What the thread is told. */
export interface BeatOptions {
  /** The lock. */
  readonly path: string;
  /** File that is written again and again. */
  readonly beat: string;
  /** What stands in the lock as long as it is this process's. */
  readonly own: string;
  /** As a refusal names it. */
  readonly what: string;
  readonly beatMs: number;
  readonly leaseMs: number;
}

/** A beat that goes on until it is stopped. */
export interface Beat {
  /** Nothing is written any more, and its file is removed. */
  stop(): void;
}

/** Starts the beat; later, where `afterMs` says so. */
export function startBeat(options: BeatOptions, { afterMs }: { readonly afterMs: number }): Beat {
  /** 1 once it was given up: nothing is written after that. */
  const ended = new Int32Array(new SharedArrayBuffer(4));
  let worker: Worker | undefined;
  // The lock was just taken; the thread may begin much later where the process is stopped.
  const since = Date.now();
  const start = (): void => {
    worker = new Worker(BEAT, { eval: true, execArgv: [], workerData: { ...options, since, ended } });
    // Without it the lock is what it was without a beat: others on this system still see that it is held.
    worker.on('error', () => {});
    worker.on('message', endAtOnce);
    worker.unref();
  };
  const timer = afterMs > 0 ? setTimeout(start, afterMs).unref() : undefined;
  if (timer === undefined) start();
  return {
    stop() {
      clearTimeout(timer);
      Atomics.store(ended, 0, 1);
      const remove = (): void => rmSync(options.beat, { force: true });
      worker
        ?.terminate()
        .then(remove)
        .catch(() => {});
      remove();
    },
  };
}

/** Ends the process without any of what it does at its end: that would write. */
function endAtOnce(): void {
  (process as unknown as { reallyExit(code: number): never }).reallyExit(137);
}
