/**
 * Benchmark of secure aggregation: whole rounds with real cryptography in one process. CPU time of one participant and
 * of the coordinator, bytes, and whether the sum is exact.
 *
 *     npm run bench:secagg                                  all recorded cases, as a table
 *     npm run bench:secagg -- --json                        the same as JSON
 *     npm run bench:secagg -- --n 100 --degree 22 --entries 1000000 --dropped 10
 *
 * `--degree 0` is the complete graph. `--adversary malicious` signs everything; `--setup task` measures a further round of
 * a task; `--workers 2` expands the coordinator's masks in workers and reports wall time for it; `--case LABEL` runs one
 * recorded case; `--record` writes the rows it measured to bench/results/secagg.json and leaves the others there.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

import { createSigningKey } from '../src/foundations/crypto/index.ts';
import { createSystemRng } from '../src/foundations/random/index.ts';
import { addRingInto, createRing } from '../src/foundations/vector/index.ts';
import {
  createMaskPool,
  createSecAggAggregator,
  createSecAggParticipant,
  createSecAggSetup,
  findGraphParameters,
  type MaskPool,
  type SecAggAdmission,
  type SecAggConfig,
  type SecAggParticipant,
  type SecAggSetup,
} from '../src/secure/secagg/index.ts';

interface Case {
  readonly label: string;
  readonly n: number;
  /** 0: the complete graph. */
  readonly degree: number;
  readonly threshold: number;
  readonly dropped: number;
  readonly entries: number;
  readonly ringBits: number;
  readonly adversary?: 'honest-but-curious' | 'malicious-coordinator';
  readonly dropoutFraction?: number;
  readonly maxCorrupt?: number;
  readonly setup?: 'round' | 'task';
  readonly workers?: number;
}

interface Row {
  readonly label: string;
  readonly n: number;
  readonly degree: number;
  readonly threshold: number;
  readonly dropped: number;
  readonly entries: number;
  readonly ringBits: number;
  readonly adversary: string;
  readonly setup: string;
  readonly workers: number;
  /** CPU seconds of one participant that stays to the end, on average. */
  readonly participantSeconds: number;
  /** CPU seconds of the coordinator; wall seconds of its last step are in `unmaskWallSeconds`. */
  readonly coordinatorSeconds: number;
  readonly unmaskWallSeconds: number;
  /** CPU seconds of all parties together. */
  readonly totalSeconds: number;
  /** Sent and received by one participant that stays to the end, on average. */
  readonly bytesPerParticipant: number;
  /** The same over the entries at their own width (ring bits less the head-room of the sum). */
  readonly expansion: number;
  readonly maskExpansions: number;
  readonly agreementsPerParticipant: number;
  readonly peakMemoryMiB: number;
  readonly exact: boolean;
}

const { values: options } = parseArgs({
  options: {
    n: { type: 'string' },
    degree: { type: 'string' },
    threshold: { type: 'string' },
    dropped: { type: 'string' },
    entries: { type: 'string' },
    bits: { type: 'string' },
    adversary: { type: 'string' },
    setup: { type: 'string' },
    workers: { type: 'string' },
    case: { type: 'string' },
    json: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});

const MILLION = 1_000_000;
const RECORDED: readonly Case[] = [
  { label: 'participant k = 22', n: 100, degree: 22, threshold: 11, dropped: 10, entries: MILLION, ringBits: 32 },
  { label: 'complete graph', n: 100, degree: 0, threshold: 56, dropped: 10, entries: MILLION, ringBits: 32 },
  {
    label: 'complete graph, two workers',
    n: 100,
    degree: 0,
    threshold: 56,
    dropped: 10,
    entries: MILLION,
    ringBits: 32,
    workers: 2,
  },
  {
    label: 'complete graph, one worker',
    n: 100,
    degree: 0,
    threshold: 56,
    dropped: 10,
    entries: MILLION,
    ringBits: 32,
    workers: 1,
  },
  { label: 'semi-honest', n: 1000, degree: 48, threshold: 27, dropped: 100, entries: 100_000, ringBits: 26 },
  {
    label: 'semi-malicious',
    n: 1000,
    degree: 96,
    threshold: 67,
    dropped: 100,
    entries: 100_000,
    ringBits: 26,
    adversary: 'malicious-coordinator',
  },
  {
    label: '30 % dropped',
    n: 1000,
    degree: 92,
    threshold: 37,
    dropped: 300,
    entries: 100_000,
    ringBits: 26,
    dropoutFraction: 0.3,
  },
  { label: 'ten thousand', n: 10_000, degree: 56, threshold: 31, dropped: 1000, entries: 1000, ringBits: 30 },
  {
    label: 'a further round of a task',
    n: 100,
    degree: 0,
    threshold: 56,
    dropped: 0,
    entries: 100_000,
    ringBits: 26,
    setup: 'task',
  },
];

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Adds up the CPU time of a piece of work. */
function createClock() {
  let total = 0;
  return {
    run<T>(work: () => T): T {
      const before = cpuSeconds();
      const result = work();
      total += cpuSeconds() - before;
      return result;
    },
    async runAsync<T>(work: () => Promise<T>): Promise<T> {
      const before = cpuSeconds();
      const result = await work();
      total += cpuSeconds() - before;
      return result;
    },
    get seconds() {
      return total;
    },
  };
}

function configOf(row: Case, round: number): SecAggConfig {
  const { n, degree, dropoutFraction = 0.1, adversary = 'honest-but-curious' } = row;
  return {
    taskId: 'bench',
    round,
    attempt: 0,
    bitWidth: row.ringBits,
    entries: row.entries,
    threshold: row.threshold,
    maxCorrupt: row.maxCorrupt ?? Math.floor(n / 10),
    configDigest: new Uint8Array(32),
    adversary,
    setup: row.setup ?? 'round',
    ...(degree === 0
      ? {}
      : {
          graph: {
            kind: 'harary',
            degree,
            dropoutFraction,
            draw: adversary === 'malicious-coordinator' ? 'commit-reveal' : 'coordinator',
          },
        }),
  };
}

interface RoundInput {
  readonly row: Case;
  readonly round: number;
  readonly setups: ReadonlyMap<string, SecAggSetup> | undefined;
  readonly pool: MaskPool | undefined;
}

async function measureRound({ row, round, setups, pool }: RoundInput): Promise<Row> {
  const rng = createSystemRng();
  const config = configOf(row, round);
  const ids = Array.from({ length: row.n }, (_, i) => `p${String(i).padStart(5, '0')}`);
  const identities = new Map(
    config.adversary === 'malicious-coordinator' ? ids.map((id) => [id, createSigningKey(rng.bytes(32))]) : [],
  );
  const admission: SecAggAdmission =
    identities.size === 0
      ? { kind: 'coordinator' }
      : { kind: 'pinned', identities: new Map([...identities].map(([id, { publicKey }]) => [id, publicKey])) };
  const coordinator = createClock();
  const crowd = createClock();
  const ring = createRing({ bitWidth: row.ringBits });
  const expected = new Uint32Array(row.entries * ring.limbs);
  const aggregator = coordinator.run(() => createSecAggAggregator({ cohort: ids, config, admission }));
  const members = new Map<string, SecAggParticipant>();
  for (const id of ids) {
    const signingKey = identities.get(id);
    const setup = setups?.get(id);
    const member = crowd.run(() =>
      createSecAggParticipant({
        id,
        config,
        rng,
        policy: { admission },
        ...(signingKey === undefined ? {} : { identity: { signingKey } }),
        ...(setup === undefined ? {} : { setup }),
      }),
    );
    members.set(id, member);
    const message = crowd.run(() => member.start());
    coordinator.run(() => aggregator.receive(id, message));
  }
  // Every tenth member (or so) is lost after sharing its keys: the dearest moment for the coordinator.
  const stride = row.dropped === 0 ? Infinity : row.n / row.dropped;
  const lost = new Set(Array.from({ length: row.dropped }, (_, i) => ids[Math.floor(i * stride)] as string));
  const input = new Uint32Array(row.entries * ring.limbs);
  const inputBits = row.ringBits - Math.ceil(Math.log2(row.n));
  let unmaskWallSeconds = 0;
  for (;;) {
    const begun = performance.now();
    const step = await coordinator.runAsync(() =>
      pool === undefined ? Promise.resolve(aggregator.advance()) : aggregator.advanceWith(pool.expand),
    );
    unmaskWallSeconds = (performance.now() - begun) / 1000;
    if (step.kind === 'result') {
      const stayed = ids.filter((id) => !lost.has(id)).map((id) => (members.get(id) as SecAggParticipant).costs);
      const bytes = stayed.reduce((sum, { bytesSent, bytesReceived }) => sum + bytesSent + bytesReceived, 0);
      const bytesPerParticipant = Math.round(bytes / stayed.length);
      return {
        label: row.label,
        n: row.n,
        degree: row.degree === 0 ? row.n - 1 : row.degree,
        threshold: row.threshold,
        dropped: row.dropped,
        entries: row.entries,
        ringBits: row.ringBits,
        adversary: step.adversary,
        setup: config.setup ?? 'round',
        workers: row.workers ?? 0,
        participantSeconds: crowd.seconds / row.n,
        coordinatorSeconds: coordinator.seconds,
        unmaskWallSeconds,
        totalSeconds: crowd.seconds + coordinator.seconds,
        bytesPerParticipant,
        expansion: bytesPerParticipant / ((row.entries * inputBits) / 8),
        maskExpansions: step.costs.maskExpansions,
        agreementsPerParticipant: stayed.reduce((sum, { agreements }) => sum + agreements, 0) / stayed.length,
        peakMemoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
        exact: step.contributors.length === row.n - row.dropped && step.sum.every((word, i) => word === expected[i]),
      };
    }
    for (const [id, message] of step.messages) {
      const member = members.get(id) as SecAggParticipant;
      if (step.stage === 'maskedInput') {
        if (lost.has(id)) continue;
        for (let i = 0; i < input.length; i += ring.limbs)
          input[i] = (Math.imul(i + member.id.length, 2654435761) >>> 0) % 2 ** Math.min(16, inputBits);
        addRingInto(expected, input, ring);
        crowd.run(() => member.setInput(input));
      }
      const answer = crowd.run(() => member.handle(message)) as Uint8Array;
      coordinator.run(() => aggregator.receive(id, answer));
    }
  }
}

async function measure(row: Case): Promise<Row> {
  const pool = row.workers === undefined ? undefined : createMaskPool({ workers: row.workers });
  try {
    if (row.setup !== 'task') return await measureRound({ row, round: 1, setups: undefined, pool });
    const rng = createSystemRng();
    const ids = Array.from({ length: row.n }, (_, i) => `p${String(i).padStart(5, '0')}`);
    const setups = new Map(ids.map((id) => [id, createSecAggSetup({ taskId: 'bench', rng })]));
    await measureRound({ row, round: 1, setups, pool });
    return await measureRound({ row, round: 2, setups, pool });
  } finally {
    await pool?.close();
  }
}

function caseFromOptions(): Case | undefined {
  if (options.n === undefined && options.entries === undefined) return undefined;
  const n = Number(options.n ?? 100);
  const dropped = Number(options.dropped ?? Math.floor(n / 10));
  const malicious = options.adversary === 'malicious';
  const dropoutFraction = Math.max(0.1, dropped / n);
  const found =
    options.degree === '0'
      ? undefined
      : findGraphParameters({
          participants: n,
          corruptFraction: 0.1,
          dropoutFraction,
          adversary: malicious ? 'semi-malicious' : 'semi-honest',
        });
  const degree = Number(options.degree ?? found?.degree ?? 0);
  const complete = degree === 0 || degree === n - 1;
  const maxCorrupt = Math.floor(n / 10);
  const threshold = Number(
    options.threshold ?? (complete ? Math.floor((n + maxCorrupt) / 2) + 1 : (found?.threshold ?? 2)),
  );
  return {
    label: 'chosen',
    n,
    degree: complete ? 0 : degree,
    threshold,
    dropped,
    entries: Number(options.entries ?? 100_000),
    ringBits: Number(options.bits ?? 32),
    dropoutFraction,
    maxCorrupt,
    adversary: malicious ? 'malicious-coordinator' : 'honest-but-curious',
    setup: options.setup === 'task' ? 'task' : 'round',
    ...(options.workers === undefined ? {} : { workers: Number(options.workers) }),
  };
}

const chosen = caseFromOptions();
const recorded = RECORDED.filter(({ label }) => options.case === undefined || label === options.case);
if (recorded.length === 0)
  throw new RangeError(`--case must be one of: ${RECORDED.map(({ label }) => label).join('; ')}`);
const rows: Row[] = [];
for (const row of chosen === undefined ? recorded : [chosen]) {
  const result = await measure(row);
  rows.push(result);
  if (!options.json) {
    console.log(
      `${result.label}: n ${result.n}, degree ${result.degree}, threshold ${result.threshold}, ${result.dropped} lost, ` +
        `${result.entries} × ${result.ringBits} bits: participant ${result.participantSeconds.toFixed(3)} s, coordinator ` +
        `${result.coordinatorSeconds.toFixed(2)} s (last step ${result.unmaskWallSeconds.toFixed(2)} s wall), all ` +
        `${result.totalSeconds.toFixed(1)} s, ${result.bytesPerParticipant} bytes (× ${result.expansion.toFixed(3)}), ` +
        `${result.maskExpansions} expansions, ${result.agreementsPerParticipant} agreements, ` +
        `${result.peakMemoryMiB} MiB, ${result.exact ? 'exact' : 'WRONG'}`,
    );
  }
}
const machine = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version };
const report = JSON.stringify({ machine, rows }, undefined, 2);
if (options.json) console.log(report);
if (options.record) {
  const folder = new URL('results/', import.meta.url);
  const file = new URL('secagg.json', folder);
  mkdirSync(folder, { recursive: true });
  type Recorded = Row & { readonly machine?: typeof machine };
  const earlier = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { machine: typeof machine; rows: Recorded[] })
    : undefined;
  // Each row keeps the machine it was measured on.
  const before = earlier?.rows.map((row) => ({ machine: earlier.machine, ...row })) ?? [];
  const known = new Map([...before, ...rows.map((row) => ({ ...row, machine }))].map((row) => [row.label, row]));
  const merged = RECORDED.flatMap(({ label }) => known.get(label) ?? []);
  writeFileSync(file, `${JSON.stringify({ machine, rows: merged }, undefined, 2)}\n`);
}
if (rows.some(({ exact }) => !exact)) process.exitCode = 1;
