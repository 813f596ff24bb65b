/**
 * The service on a socket: database, object store, operator token, TLS, and an orderly end.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { getRequestListener } from '@hono/node-server';

import { createSigningKey, sha256, toHex } from '../../foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../foundations/random/index.ts';
import { loadOrCreateKey } from '../storage/index.ts';
import { fingerprintOfPem, type Telemetry } from '../drivers/index.ts';
import { openDatabase } from '../storage/database/index.ts';
import { createFileObjectStore, createS3ObjectStore, type ObjectStore } from '../storage/objects/index.ts';
import { createSealedObjectStore } from '../storage/index.ts';
import { connectNats, createDatabaseLeaseStore, type LeaseStore, type Nats } from '../storage/leases/index.ts';
import { createApp } from './app.ts';
import type { ProxyOptions } from './arrival.ts';
import { type AttestationOptions, createCoordinatorAttestation } from './attestation.ts';
import { CoordinatorError } from './errors.ts';
import { followKeyStore, type KeyStoreFollowing, recordIdentity } from './key-record.ts';
import { mountPages, type PagesOptions } from './mount-pages.ts';
import { problemOf } from './problem.ts';
import type { RateLimit } from './rate-limit.ts';
import { createService, type Service, type ServiceOptions } from './service.ts';
import { spanOfAttempt } from './telemetry.ts';

/** Where and how to serve. */
export interface ServeOptions extends Pick<
  ServiceOptions,
  'factsOf' | 'log' | 'onReport' | 'onWrite' | 'alerts' | 'vault' | 'witnesses' | 'fourEyes' | 'keepCheckpoints'
> {
  /** Holds database, objects and operator token. */
  readonly folder: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A PostgreSQL server in place of the folder's database. */
  readonly databaseUrl?: string;
  /** A bucket in place of the folder's objects. */
  readonly bucket?: { url: string; accessKeyId: string; secretAccessKey: string };
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Authorities, PEM, whose certificates enrol a participant in the place of an invitation. */
    readonly clientAuthorities?: string;
  };
  /** With it, participants can ask for evidence of what runs here. */
  readonly attestation?: AttestationOptions;
  /** Private key of the tasks' transparency logs, made when it is missing; nodes of one service share it. */
  readonly logKeyFile?: string;
  /** Key store that the vault is from: what is done to its keys enters the record. */
  readonly keyStore?: KeyStoreFollowing;
  readonly rateLimit?: RateLimit;
  /** Proxies before the service. */
  readonly proxy?: ProxyOptions;
  /** Takes the service's metrics, and a trace of every attempt. It is closed with the service. */
  readonly telemetry?: Telemetry;
  /** Pages for people. */
  readonly pages?: PagesOptions;
  /** For several nodes on one database: each holds a lease on the tasks it serves. */
  readonly nodes?: {
    /** Address under which the other nodes reach this one; its own by default. */
    readonly advertise?: string;
    /** Leases in NATS in place of the database. */
    readonly natsUrl?: string;
    readonly ttlMs?: number;
  };
}

const DEFAULT_TTL_MS = 15_000;
/** How often the log of the key store is looked at. */
const KEYS_EVERY_MS = 15_000;
const REQUEST_TIMEOUT_MS = 120_000;
const HEADERS_TIMEOUT_MS = 20_000;

/** A service that listens. */
export interface Served {
  readonly url: string;
  readonly service: Service;
  /** Resolves when an operator asks for the end. */
  readonly shutdownRequested: Promise<void>;
  close(): Promise<void>;
}

/** File with the operator's token, readable by its owner. */
export const OPERATOR_TOKEN_FILE = 'operator.token';

/** Starts the service. @throws `StorageError` when another process holds the folder. */
export async function serve({
  folder,
  host,
  port,
  databaseUrl,
  bucket,
  tls,
  attestation,
  rateLimit,
  proxy,
  nodes,
  telemetry,
  logKeyFile,
  pages,
  keyStore,
  ...options
}: ServeOptions): Promise<Served> {
  const database = await openDatabase(
    databaseUrl === undefined ? { kind: 'folder', path: folder } : { kind: 'server', url: databaseUrl },
    { onWait: (why) => options.log({ level: 'warn' }, why) },
  );
  let requestShutdown = (): void => {};
  const shutdownRequested = new Promise<void>((resolve) => {
    requestShutdown = resolve;
  });
  const plain: ObjectStore =
    bucket === undefined
      ? createFileObjectStore(join(folder, 'objects'))
      : createS3ObjectStore({ ...bucket, bucketUrl: bucket.url });
  const objects = options.vault === undefined ? plain : createSealedObjectStore(plain, options.vault);
  const listening = await listen({ host, port, ...(tls === undefined ? {} : { tls }) }).catch(
    async (error: unknown) => {
      await database.close();
      throw error;
    },
  );
  let leases: LeaseStore | undefined;
  let nats: Nats | undefined;
  let started: Service | undefined;
  let following: NodeJS.Timeout | undefined;
  try {
    if (nodes !== undefined) {
      nats = nodes.natsUrl === undefined ? undefined : await connectNats(nodes.natsUrl, () => performance.now());
      leases = nats === undefined ? createDatabaseLeaseStore(database.db) : await nats.leases('sotto-leases');
    }
    // A key that nodes share is not under the key store of one of them.
    const logSeed =
      logKeyFile === undefined
        ? loadOrCreateKey(join(folder, 'private', 'log.key'), { vault: options.vault })
        : loadOrCreateKey(logKeyFile);
    const service = await createService({
      db: database.db,
      objects,
      operatorToken: operatorTokenOf(folder),
      logSeed,
      onShutdown: () => requestShutdown(),
      ...(attestation === undefined
        ? {}
        : { attestation: await createCoordinatorAttestation(attestation, createSystemRng()) }),
      ...(leases === undefined
        ? {}
        : {
            node: {
              leases,
              id: randomUUID(),
              url: nodes?.advertise ?? listening.url,
              ttlMs: nodes?.ttlMs ?? DEFAULT_TTL_MS,
              clock: () => performance.now(),
            },
          }),
      ...options,
      onReport(taskId, report) {
        telemetry?.trace(spanOfAttempt(taskId, report, Date.now()));
        options.onReport?.(taskId, report);
      },
    });
    started = service;
    const record = { db: database.db, audit: service.audit };
    const keys = {
      'log key': `sha256:${toHex(sha256(createSigningKey(logSeed).publicKey))}`,
      certificate: tls === undefined ? 'none' : `sha256:${fingerprintOfPem(tls.certificate)}`,
      'sealed under': options.vault?.keyId ?? 'nothing',
    };
    await recordIdentity(keys, { ...record, place: nodes?.advertise ?? 'coordinator' });
    if (keyStore !== undefined) {
      await followKeyStore(keyStore, record);
      following = setInterval(() => {
        followKeyStore(keyStore, record).catch((error: unknown) => service.logFailure(error));
      }, KEYS_EVERY_MS).unref();
    }
    telemetry?.observe(() => service.metricFamilies());
    const mounted = pages === undefined ? undefined : mountPages(service, pages);
    const app = createApp(service, {
      ...(mounted === undefined ? {} : { pages: mounted.routes }),
      ...(rateLimit === undefined ? {} : { rateLimit }),
      ...(proxy === undefined ? {} : { proxy }),
      clientCertificateOf: (context) => certificateOf(context.env),
    });
    listening.answerWith(getRequestListener(app.fetch));
    return {
      url: listening.url,
      service,
      shutdownRequested,
      async close() {
        clearInterval(following);
        for (const task of service.tasks()) service.tracker(task.status().id).feed.close();
        await service.close();
        await telemetry?.close();
        await mounted?.close();
        await listening.close();
        await objects.close();
        await nats?.close();
        await database.close();
      },
    };
  } catch (error) {
    clearInterval(following);
    await started?.close();
    await listening.close();
    await nats?.close();
    await database.close();
    throw error;
  }
}

/** Fingerprint of the certificate that the peer proved to hold, when one of the accepted authorities issued it. */
function certificateOf(env: unknown): string | undefined {
  const { socket } = (env as { incoming?: { socket?: Partial<TLSSocket> } }).incoming ?? {};
  if (socket?.authorized !== true) return undefined;
  return socket.getPeerX509Certificate?.()?.fingerprint256;
}

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => unknown;

/** Opens the socket; requests are put off until there is something to answer with. */
async function listen({ host, port, tls }: Pick<ServeOptions, 'host' | 'port' | 'tls'>): Promise<{
  url: string;
  answerWith: (listener: Listener) => void;
  close: () => Promise<void>;
}> {
  let listener: Listener | undefined;
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (listener !== undefined) {
      void listener(incoming, outgoing);
      return;
    }
    outgoing.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '1' });
    outgoing.end(
      JSON.stringify(problemOf(new CoordinatorError('coordinator/unavailable', 'starting', { retryable: true }))),
    );
  };
  const { clientAuthorities } = tls ?? {};
  const server =
    tls === undefined
      ? createHttpServer(handle)
      : createHttpsServer(
          {
            cert: tls.certificate,
            key: tls.key,
            minVersion: 'TLSv1.3',
            // Participants without a certificate come with an invitation: a missing one is no reason to hang up.
            ...(clientAuthorities === undefined
              ? {}
              : { ca: clientAuthorities, requestCert: true, rejectUnauthorized: false }),
          },
          handle,
        );
  // A body that trickles in holds its share of memory: it is given up after this time.
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
  const address = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${address.port}`,
    answerWith(next) {
      listener = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** The operator's token: from `SOTTO_OPERATOR_TOKEN`, which nodes share, from the folder, or a new one. */
function operatorTokenOf(folder: string): string {
  const given = process.env.SOTTO_OPERATOR_TOKEN;
  if (given !== undefined && given.length >= 16) return given;
  const path = join(folder, OPERATOR_TOKEN_FILE);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const token = toHex(readEntropy(24));
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, `${token}\n`, { mode: 0o600 });
  return token;
}
