/**
 * Queue and leases on NATS JetStream, for coordinators of more than one node. The client packages are loaded when they are
 * needed; messages stay below NATS's limit of a megabyte, so that vectors travel as object keys.
 *
 * @module
 */

import type { JetStreamClient } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';

import { StorageError } from '../errors.ts';
import type { Grant, Holding, LeaseStore } from './lease.ts';
import type { Delivery, Queue, QueueOptions } from './queue.ts';

/** A connection that queues and leases share. */
export interface Nats {
  queue(name: string, options: QueueOptions): Promise<Queue>;
  leases(bucket: string): Promise<LeaseStore>;
  close(): Promise<void>;
}

/** Largest payload of a message: below the server's limit. */
const MAX_PAYLOAD_BYTES = 512 * 1024;
const DUPLICATE_WINDOW_MS = 24 * 3600 * 1000;

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
  const manager = await jetstreams.jetstreamManager(connection);
  const client = jetstreams.jetstream(connection);
  return {
    async queue(name, options) {
      await manager.streams.add({
        name,
        subjects: [`${name}.*`],
        retention: jetstreams.RetentionPolicy.Workqueue,
        duplicate_window: transport.nanos(DUPLICATE_WINDOW_MS),
      });
      await manager.consumers.add(name, {
        durable_name: 'workers',
        ack_policy: jetstreams.AckPolicy.Explicit,
        ack_wait: transport.nanos(options.ackWaitMs),
        max_deliver: options.maxDeliveries,
      });
      return createNatsQueue({ client, name });
    },
    async leases(bucket) {
      return createNatsLeaseStore(await new stores.Kvm(client).create(bucket, { history: 1 }), clock);
    },
    close: () => connection.drain(),
  };
}

function createNatsQueue({ client, name }: { client: JetStreamClient; name: string }): Queue {
  return {
    async publish(id, payload) {
      if (payload.length > MAX_PAYLOAD_BYTES) {
        throw new StorageError(
          'storage/unreadable',
          `a message may have ${MAX_PAYLOAD_BYTES} bytes, got ${payload.length}: put it into the object store and send its key`,
        );
      }
      await client.publish(`${name}.work`, encodeItem(id, payload), { msgID: id });
    },
    async pull({ max, waitMs }) {
      const consumer = await client.consumers.get(name, 'workers');
      const found: Delivery[] = [];
      // The server waits at least a second for a batch; one message at a time answers as soon as it is there.
      const first = await consumer.next({ expires: Math.max(1000, waitMs) });
      if (first === null) return [];
      found.push(lend(first));
      // As many more as lie there now: asking for more would wait for them.
      const more = Math.min(max - 1, (await consumer.info()).num_pending);
      if (more > 0) {
        for await (const message of await consumer.fetch({ max_messages: more, expires: 1000 }))
          found.push(lend(message));
      }
      return found;
    },
    close: () => Promise.resolve(),
  };
}

interface Lent {
  readonly data: Uint8Array;
  readonly info: { readonly deliveryCount: number };
  ackAck(): Promise<boolean>;
  nak(): void;
}

function lend(message: Lent): Delivery {
  const { id, payload } = decodeItem(message.data);
  return {
    id,
    payload,
    delivery: message.info.deliveryCount,
    async done() {
      await message.ackAck();
    },
    again() {
      message.nak();
      return Promise.resolve();
    },
  };
}

/** Length of the id as 16-bit little-endian, the id, the payload. */
function encodeItem(id: string, payload: Uint8Array): Uint8Array {
  const name = new TextEncoder().encode(id);
  const bytes = new Uint8Array(2 + name.length + payload.length);
  new DataView(bytes.buffer).setUint16(0, name.length, true);
  bytes.set(name, 2);
  bytes.set(payload, 2 + name.length);
  return bytes;
}

function decodeItem(bytes: Uint8Array): { id: string; payload: Uint8Array } {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint16(0, true);
  return { id: new TextDecoder().decode(bytes.subarray(2, 2 + length)), payload: bytes.slice(2 + length) };
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
