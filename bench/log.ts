/**
 * Benchmark of the transparency log: appending to files with every batch synced, and proofs from a log of a million leaves.
 *
 *     node bench/log.ts                      appending, then proofs at 1,000,000 leaves
 *     node bench/log.ts --leaves 100000      a smaller log
 *     node bench/log.ts --record             also into bench/results/log.json
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { createSigningKey } from '../src/foundations/crypto/index.ts';
import { createFileTileStore } from '../src/runtime/storage/tiles/index.ts';
import { createLogReader, hashLeaf, openLog, verifyConsistency, verifyInclusion } from '../src/trust/log/index.ts';
import { describeMachine } from './machine.ts';

const { values } = parseArgs({
  options: {
    leaves: { type: 'string', default: '1000000' },
    record: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const total = Number(values.leaves);
const folder = mkdtempSync(join(tmpdir(), 'sotto-log-'));
/** A leaf of the size that a ledger record has. */
const leafOf = (i: number): Uint8Array => new TextEncoder().encode(JSON.stringify({ i, text: 'x'.repeat(380) }));

try {
  const store = createFileTileStore(folder);
  const key = createSigningKey(new Uint8Array(32).fill(1));
  const log = await openLog({ store, origin: 'bench', key, partials: 'latest' });

  // Callers that each wait for their own leaf; the log puts those that wait together under one signature.
  const single = 20_000;
  const singleStart = performance.now();
  for (let at = 0; at < single; at += 1000) {
    await Promise.all(Array.from({ length: 1000 }, (_, i) => log.append([leafOf(at + i)])));
  }
  const concurrentPerSecond = single / ((performance.now() - singleStart) / 1000);

  const alone = 200;
  const aloneStart = performance.now();
  for (let i = 0; i < alone; i += 1) await log.append([leafOf(single + i)]);
  const aloneMs = (performance.now() - aloneStart) / alone;

  const bulkStart = performance.now();
  const before = log.size();
  while (log.size() < total) {
    const count = Math.min(8192, total - log.size());
    const from = log.size();
    await log.append(Array.from({ length: count }, (_, i) => leafOf(from + i)));
  }
  const bulkPerSecond = (log.size() - before) / ((performance.now() - bulkStart) / 1000);

  const { size, root } = log.checkpoint();
  const times: number[] = [];
  let sound = true;
  for (let i = 0; i < 1000; i += 1) {
    const index = Math.floor((i * 0.618_033_988_75 * size) % size);
    const start = performance.now();
    // A new reader each time: nothing is remembered from the proof before.
    const reader = createLogReader(store, size);
    const proof = await reader.inclusionProof(index);
    times.push(performance.now() - start);
    sound &&= verifyInclusion({ index, size, root, leafHash: hashLeaf(await reader.entry(index)), proof });
  }
  const consistencyStart = performance.now();
  const reader = createLogReader(store, size);
  const older = Math.floor(size / 3);
  const proof = await reader.consistencyProof(older);
  const consistencyMs = performance.now() - consistencyStart;
  sound &&= verifyConsistency({ size1: older, size2: size, root1: await reader.root(older), root2: root, proof });
  const sorted = times.toSorted((a, b) => a - b);
  const reopenStart = performance.now();
  await openLog({ store, origin: 'bench', key, partials: 'latest' });
  const result = {
    machine: describeMachine(),
    leaves: size,
    leafBytes: leafOf(0).length,
    concurrentAppendsPerSecond: Math.round(concurrentPerSecond),
    loneAppendMs: Number(aloneMs.toFixed(2)),
    bulkAppendsPerSecond: Math.round(bulkPerSecond),
    inclusionProofMedianMs: Number((sorted[500] ?? 0).toFixed(2)),
    inclusionProof99thPercentileMs: Number((sorted[Math.ceil(0.99 * sorted.length) - 1] ?? 0).toFixed(2)),
    inclusionProofWorstMs: Number((sorted.at(-1) ?? 0).toFixed(2)),
    consistencyProofMs: Number(consistencyMs.toFixed(2)),
    reopenMs: Math.round(performance.now() - reopenStart),
    proofsHold: sound,
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else console.table(result);
  if (values.record) {
    mkdirSync(new URL('results/', import.meta.url), { recursive: true });
    writeFileSync(new URL('results/log.json', import.meta.url), `${JSON.stringify(result, undefined, 2)}\n`);
  }
  if (!sound) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
