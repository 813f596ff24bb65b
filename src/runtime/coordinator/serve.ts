/**
 * The service on a socket: database, object store, operator token, TLS, and an orderly end.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { getRequestListener } from '@hono/node-server';

import { toHex } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { openDatabase } from '../storage/database/index.ts';
import { createFileObjectStore, createS3ObjectStore, type ObjectStore } from '../storage/objects/index.ts';
import { createApp } from './app.ts';
import { createService, type Service, type ServiceOptions } from './service.ts';

/** Where and how to serve. */
export interface ServeOptions extends Pick<ServiceOptions, 'factsOf' | 'log' | 'onReport' | 'onWrite'> {
  /** Holds database, objects and operator token. */
  readonly folder: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** A PostgreSQL server in place of the folder's database. */
  readonly databaseUrl?: string;
  /** A bucket in place of the folder's objects. */
  readonly bucket?: { url: string; accessKeyId: string; secretAccessKey: string };
  readonly tls?: { certificate: string; key: string };
}

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
  ...options
}: ServeOptions): Promise<Served> {
  const database = await openDatabase(
    databaseUrl === undefined ? { kind: 'folder', path: folder } : { kind: 'server', url: databaseUrl },
  );
  let requestShutdown = (): void => {};
  const shutdownRequested = new Promise<void>((resolve) => {
    requestShutdown = resolve;
  });
  const objects: ObjectStore =
    bucket === undefined
      ? createFileObjectStore(join(folder, 'objects'))
      : createS3ObjectStore({ ...bucket, bucketUrl: bucket.url });
  try {
    const service = await createService({
      db: database.db,
      objects,
      operatorToken: operatorTokenOf(folder),
      onShutdown: () => requestShutdown(),
      ...options,
    });
    const listener = getRequestListener(createApp(service).fetch);
    const handle = (...args: Parameters<typeof listener>): void => void listener(...args);
    const server =
      tls === undefined ? createHttpServer(handle) : createHttpsServer({ cert: tls.certificate, key: tls.key }, handle);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve());
    });
    const address = server.address() as AddressInfo;
    const name = host.includes(':') ? `[${host}]` : host;
    return {
      url: `${tls === undefined ? 'http' : 'https'}://${name}:${address.port}`,
      service,
      shutdownRequested,
      async close() {
        await service.close();
        server.closeAllConnections();
        await new Promise<void>((resolve) => {
          server.close(() => resolve());
        });
        await objects.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Reads the operator's token, or makes one. */
function operatorTokenOf(folder: string): string {
  const path = join(folder, OPERATOR_TOKEN_FILE);
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  const token = toHex(readEntropy(24));
  writeFileSync(path, `${token}\n`, { mode: 0o600 });
  return token;
}
