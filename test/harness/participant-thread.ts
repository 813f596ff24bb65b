/**
 * A participant in a Node worker thread, as a desktop program runs it beside its windows: no DOM, no command line. Told by
 * `workerData` whom to join; tells its events to the parent.
 *
 * @module
 */

import { parentPort, workerData } from 'node:worker_threads';

import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { createMemoryLedgerStore } from '../../src/privacy/accounting/index.ts';
import { join } from '../../src/runtime/client/index.ts';
import { smallDataset } from './small-task.ts';

const { url, taskId, token, name, seed } = workerData as {
  url: string;
  taskId: string;
  token: string;
  name: string;
  seed: Uint8Array;
};
await join({
  url,
  taskId,
  token,
  label: name,
  key: createSigningKey(seed),
  dataset: smallDataset(name),
  ledgerStore: createMemoryLedgerStore(),
  signal: new AbortController().signal,
  onEvent: ({ kind }) => parentPort?.postMessage(kind),
});
