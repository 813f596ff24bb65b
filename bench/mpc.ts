/**
 * Measures secure sums and secure inference. Run with `node --conditions=source bench/mpc.ts [RUN-FOLDER]`: with the
 * folder of a run whose model is 784-128-10 with relu it also measures inference between processes. Prints JSON.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { createSystemRng } from 'sotto/random';
import { secureSum } from 'sotto/mpc';

const REPEATS = 7;
const rng = createSystemRng();

async function measureSum(parties: number, entries: number) {
  const vectors = Array.from({ length: parties }, () => {
    const words = new Int32Array(rng.bytes(4 * entries).buffer);
    return Float64Array.from(words, (word) => word / 2 ** 31);
  });
  const wall: number[] = [];
  const cpu: number[] = [];
  let bytes = { shares: 0, opening: 0 };
  for (let i = 0; i < REPEATS; i += 1) {
    const before = process.cpuUsage();
    const started = performance.now();
    const [result] = await secureSum(vectors, { clampRange: 1, fractionBits: 16 }, rng);
    wall.push((performance.now() - started) / 1000);
    const used = process.cpuUsage(before);
    cpu.push((used.user + used.system) / 1e6);
    bytes = result?.bytes ?? bytes;
  }
  const bound = 4 * entries + 16 * (parties - 1);
  return {
    parties,
    entries,
    bestSeconds: Math.min(...wall),
    bestCpuSeconds: Math.min(...cpu),
    shareBytes: bytes.shares,
    shareBytesBound: bound,
    openingBytes: bytes.opening,
  };
}

const report: Record<string, unknown> = { node: process.version, sum: await measureSum(5, 1_000_000) };
const [folder] = process.argv.slice(2);
if (folder !== undefined) {
  const launcher = fileURLToPath(new URL('../bin/sotto.mjs', import.meta.url));
  const output = execFileSync(process.execPath, [
    launcher,
    'mpc',
    'predict',
    folder,
    '--images',
    '1000',
    '--batch',
    '100',
    '--json',
  ]);
  report.inference = JSON.parse(output.toString()) as unknown;
}
console.log(JSON.stringify(report, undefined, 2));
