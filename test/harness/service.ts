/**
 * A coordinator and participants in one process, over the real HTTP interface but without a socket.
 *
 * @module
 */

import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { createSeededRng, readEntropy } from '../../src/foundations/random/index.ts';
import { createDataset, type Dataset } from '../../src/learning/data/index.ts';
import { createMemoryLedgerStore, type LedgerStore } from '../../src/privacy/accounting/index.ts';
import { join, type JoinEvent, type JoinOptions } from '../../src/runtime/client/index.ts';
import {
  type AppOptions,
  createApp,
  createService,
  type Service,
  type ServiceOptions,
  type ServiceReport,
} from '../../src/runtime/coordinator/index.ts';
import { type OpenDatabase, openDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore, type ObjectStore } from '../../src/runtime/storage/objects/index.ts';

/** The operator's token of every service here. */
export const OPERATOR = 'operator-token-of-the-tests';
/** The address participants believe in. */
export const URL_OF_SERVICE = 'http://coordinator.test';

/** A small task: two classes of points, four participants. */
export function smallTask({
  rounds = 2,
  participants = 4,
  threshold = 3,
  stageTimeoutMs = 400,
  name = 'points',
  features = 6,
}: {
  rounds?: number;
  participants?: number;
  threshold?: number;
  stageTimeoutMs?: number;
  name?: string;
  features?: number;
} = {}): string {
  return `
task: ${name}
participants: ${participants}
data: { kind: idx, folder: none, test: public }
partition: { kind: iid }
model: { input: [${features}], layers: [{ kind: dense, out: 2 }], loss: softmaxCrossEntropy }
training:
  rounds: ${rounds}
  spareRounds: 6
  samplingRate: 0.5
  expectedBatchSize: 50
  optimizer: { kind: sgd, learningRate: 0.5 }
privacy:
  privacyUnit: example
  trust: nobody
  aggregation: { kind: secagg, threshold: ${threshold}, stageTimeoutMs: ${stageTimeoutMs} }
  maxCorrupt: 1
  epsilon: 8
  delta: 1.0e-5
service: { startThreshold: ${participants}, roundWindowMs: 0 }
`;
}

/** Points of two classes. */
export function smallDataset(seed: string, size = 40, features = 6): Dataset {
  const rng = createSeededRng(seed);
  const inputs = new Float32Array(size * features);
  const labels = new Uint8Array(size);
  for (let i = 0; i < size; i += 1) {
    labels[i] = i % 2;
    for (let j = 0; j < features; j += 1) inputs[i * features + j] = rng.uint32() / 2 ** 32 + (j < 3 ? i % 2 : 0);
  }
  return createDataset({ inputs, inputShape: [features], labels, classes: 2 });
}

/** A service under test. */
export interface TestService {
  readonly service: Service;
  readonly database: OpenDatabase;
  readonly objects: ObjectStore;
  readonly fetch: typeof fetch;
  readonly reports: ServiceReport[];
  close(): Promise<void>;
}

/** Starts a service on a database (a new one in memory by default). */
export async function startService({
  database,
  objects = createMemoryObjectStore(),
  app: appOptions = {},
  ...rest
}: {
  database?: OpenDatabase;
  objects?: ObjectStore;
  app?: AppOptions;
} & Pick<
  ServiceOptions,
  'onWrite' | 'attestation' | 'node' | 'logSeed' | 'vault' | 'fourEyes' | 'alerts' | 'witnesses'
> = {}): Promise<TestService> {
  const opened = database ?? (await openDatabase({ kind: 'memory' }));
  const reports: ServiceReport[] = [];
  const service = await createService({
    db: opened.db,
    objects,
    operatorToken: OPERATOR,
    factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
    log: () => {},
    onReport: (_task, report) => reports.push(report),
    ...rest,
  });
  const app = createApp(service, { rateLimit: { requestsPerSecond: 1e6, burst: 1e6 }, ...appOptions });
  return {
    service,
    database: opened,
    objects,
    reports,
    fetch: (input, init) => Promise.resolve(app.request(input as string, init)),
    async close() {
      await service.close();
      if (database === undefined) await opened.close();
    },
  };
}

/** A participant under test. */
export interface TestParticipant {
  readonly events: JoinEvent[];
  readonly ledgerStore: LedgerStore;
  readonly finished: Promise<void>;
  leave(): void;
}

/** Lets a participant join; `fetch` is how it reaches the coordinator. */
export function startParticipant(
  name: string,
  options: Pick<JoinOptions, 'taskId' | 'token'> & Partial<JoinOptions> & { keySeed?: Uint8Array },
): TestParticipant {
  const stop = new AbortController();
  const events: JoinEvent[] = [];
  const ledgerStore = options.ledgerStore ?? createMemoryLedgerStore();
  const { keySeed = readEntropy(32), ...rest } = options;
  const finished = join({
    url: URL_OF_SERVICE,
    key: createSigningKey(keySeed),
    label: name,
    dataset: smallDataset(name),
    signal: stop.signal,
    onEvent: (event) => events.push(event),
    ...rest,
    ledgerStore,
  });
  return { events, ledgerStore, finished, leave: () => stop.abort() };
}

/** Waits until something holds; fails after `timeoutMs`. */
export async function until(holds: () => boolean, { timeoutMs = 20_000 } = {}): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > end) throw new Error('what was waited for did not happen');
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
