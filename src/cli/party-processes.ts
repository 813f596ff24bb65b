/**
 * Starts parties as child processes on this machine's loopback, each with a key and a secret of its own, and gathers
 * their reports: what `sotto mpc` does to show a computation between processes.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { createSigningKey, toHex } from '../foundations/crypto/index.ts';
import { createSystemRng } from '../foundations/random/index.ts';
import { MpcError } from '../secure/mpc/index.ts';
import type { PartyJob, PartyReport } from './party-jobs.ts';

const MAIN = fileURLToPath(new URL('../../bin/sotto.mjs', import.meta.url));

/** Runs one child a job; all jobs share their public part. @returns the reports in the order of the endpoints. */
export async function runPartyProcesses(
  session: string,
  endpoints: readonly { readonly name: string; readonly job: PartyJob }[],
): Promise<readonly PartyReport[]> {
  const rng = createSystemRng();
  const seeds = endpoints.map(() => rng.bytes(32));
  const roster = endpoints.map(({ name }, i) => ({
    name,
    key: toHex(createSigningKey(seeds[i] as Uint8Array).publicKey),
  }));
  const children = endpoints.map(() =>
    spawn(process.execPath, [MAIN, 'party', 'run', '-'], { stdio: ['pipe', 'pipe', 'pipe'] }),
  );
  const readers = children.map((child) => createReader(child));
  try {
    const urls = await Promise.all(
      endpoints.map(async ({ job }, endpoint) => {
        const config = {
          session,
          endpoint,
          listen: '127.0.0.1:0',
          identitySeed: toHex(seeds[endpoint] as Uint8Array),
          endpoints: roster,
          job,
        };
        children[endpoint]?.stdin.write(`${JSON.stringify(config)}\n`);
        const { listening } = (await (readers[endpoint] as Reader).line()) as { listening: string };
        return listening;
      }),
    );
    for (const child of children) child.stdin.end(`${JSON.stringify(urls)}\n`);
    return await Promise.all(readers.map(async (reader) => (await reader.line()) as PartyReport));
  } finally {
    for (const child of children) child.kill();
  }
}

interface Reader {
  /** The next line of JSON. @throws {MpcError} with what the child said when it ended before. */
  line(): Promise<unknown>;
}

function createReader(child: ChildProcess): Reader {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  let complaint = '';
  child.stderr?.on('data', (text: Buffer) => (complaint += text.toString()));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    async line() {
      const { value, done } = await lines.next();
      if (done !== true) return JSON.parse(value) as unknown;
      await ended;
      throw new MpcError('mpc/channel-closed', `a party ended before its time: ${complaint.trim() || 'no word'}`);
    },
  };
}
