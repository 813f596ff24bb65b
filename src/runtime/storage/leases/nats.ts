/**
 * Leases on NATS JetStream, for coordinators of more than one node. The client packages are loaded when they are needed.
 *
 * @module
 */

import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';

import { StorageError } from '../errors.ts';
import type { Grant, Holding, LeaseStore } from './lease.ts';

/** A connection. */
export interface Nats {
  leases(bucket: string): Promise<LeaseStore>;
  close(): Promise<void>;
}

async function load<T>(name: string, loader: () => Promise<T>): Promise<T> {
  try {
    return await loader();
  } catch (cause) {
    throw new StorageError('storage/unreadable', `NATS needs the package ${name}: npm install ${name}`, { cause });
  }
}

/**
 * Connects to NATS.
 * @param url - `nats://host:4222`; with user and password where the server asks for them.
 * @throws {@link StorageError} `storage/unreadable` when a package is missing or the server does not answer.
 */
export async function connectNats(url: string, clock: () => number): Promise<Nats> {
  const transport = await load('@nats-io/transport-node', () => import('@nats-io/transport-node'));
  const jetstreams = await load('@nats-io/jetstream', () => import('@nats-io/jetstream'));
  const stores = await load('@nats-io/kv', () => import('@nats-io/kv'));
  let connection: NatsConnection;
  try {
    connection = await transport.connect({ servers: url, timeout: 5000, maxReconnectAttempts: -1 });
  } catch (cause) {
    throw new StorageError('storage/unreadable', 'the NATS server cannot be reached', { cause, retryable: true });
  }
  const client = jetstreams.jetstream(connection);
  return {
    async leases(bucket) {
      return createNatsLeaseStore(await new stores.Kvm(client).create(bucket, { history: 1 }), clock);
    },
    close: () => connection.drain(),
  };
}

interface LeaseValue {
  /** Empty once it was given up. */
  readonly holder: string;
  readonly note: string;
  readonly fence: number;
  readonly ttlMs: number;
}

/**
 * A lease is an entry that its holder rewrites. No clocks are compared: it has run out for an observer that has seen the
 * same revision for the whole time to live, by its own clock.
 */
function createNatsLeaseStore(kv: KV, clock: () => number): LeaseStore {
  const seen = new Map<string, { revision: number; at: number }>();
  const keyOf = (name: string): string => Buffer.from(name).toString('base64url');

  async function read(name: string): Promise<{ value: LeaseValue; revision: number; over: boolean } | undefined> {
    const entry = await kv.get(keyOf(name));
    if (entry === null || entry.operation !== 'PUT') return undefined;
    const value = entry.json<LeaseValue>();
    const known = seen.get(name);
    const at = known?.revision === entry.revision ? known.at : clock();
    seen.set(name, { revision: entry.revision, at });
    return { value, revision: entry.revision, over: value.holder === '' || clock() - at >= value.ttlMs };
  }

  async function write(name: string, value: LeaseValue, revision: number | undefined): Promise<boolean> {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    try {
      if (revision === undefined) await kv.create(keyOf(name), bytes);
      else await kv.update(keyOf(name), bytes, revision);
      return true;
    } catch (error) {
      // Somebody else wrote between reading and writing [wrong last sequence].
      if ((error as { code?: unknown }).code === 10071 || /wrong last sequence/i.test(String(error))) return false;
      throw new StorageError('storage/unreadable', 'the NATS server did not keep a lease', {
        cause: error,
        retryable: true,
      });
    }
  }

  return {
    async acquire(name, { holder, note, ttlMs }): Promise<Grant | undefined> {
      const now = await read(name);
      const mine = now !== undefined && now.value.holder === holder;
      if (now !== undefined && !mine && !now.over) return undefined;
      // A lease that had run out may have had another holder meanwhile: its fence grows even for the same name.
      const fence = now === undefined ? 1 : mine && !now.over ? now.value.fence : now.value.fence + 1;
      const kept = await write(name, { holder, note, fence, ttlMs }, now?.revision);
      return kept ? { name, holder, fence } : undefined;
    },
    async release({ name, holder, fence }) {
      const now = await read(name);
      if (now === undefined || now.value.holder !== holder || now.value.fence !== fence) return;
      await write(name, { ...now.value, holder: '', note: '' }, now.revision);
    },
    async holderOf(name): Promise<Holding | undefined> {
      const now = await read(name);
      if (now === undefined || now.over) return undefined;
      const { holder, note, fence } = now.value;
      return { name, holder, note, fence };
    },
    close: () => Promise.resolve(),
  };
}
