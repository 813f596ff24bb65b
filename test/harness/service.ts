/**
 * A coordinator and participants in one process, over the real HTTP interface but without a socket.
 *
 * @module
 */

import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { readEntropy } from '../../src/foundations/random/index.ts';
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
import { smallDataset } from './small-task.ts';

export { smallDataset, smallTask } from './small-task.ts';

/** The operator's token of every service here. */
export const OPERATOR = 'operator-token-of-the-tests';
/** The address participants believe in. */
export const URL_OF_SERVICE = 'http://coordinator.test';

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
  'onWrite' | 'attestation' | 'node' | 'logSeed' | 'vault' | 'fourEyes' | 'keepCheckpoints' | 'alerts' | 'witnesses'
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
export async function until(holds: () => boolean | Promise<boolean>, { timeoutMs = 20_000 } = {}): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('what was waited for did not happen');
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
