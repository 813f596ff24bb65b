/**
 * Opens the coordinator's database: PostgreSQL in a folder (PGlite) by default, a PostgreSQL server by its address.
 * Both speak the same dialect, so there is one code path and one set of migrations.
 *
 * @module
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Kysely, PGliteDialect, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';

import { StorageError } from '../errors.ts';
import { type LockOptions, takeLock } from '../lock.ts';
import { migrations, type Tables } from './schema.ts';

/** An open database. */
export type Database = Kysely<Tables>;

/** Where the database is. */
export type DatabaseLocation =
  | { readonly kind: 'folder'; readonly path: string }
  /** Forgets everything when closed. */
  | { readonly kind: 'memory' }
  | { readonly kind: 'server'; readonly url: string };

/** A database that this process holds. */
export interface OpenDatabase {
  readonly db: Database;
  close(): Promise<void>;
}

/**
 * Opens a database and brings it to the newest schema.
 * @throws {@link StorageError} `storage/exists` when another process holds the folder, `storage/unreadable` when the
 * database cannot be reached or migrated.
 */
export async function openDatabase(
  location: DatabaseLocation,
  { onWait }: Pick<LockOptions, 'onWait'> = {},
): Promise<OpenDatabase> {
  const { dialect, release } = await dialectOf(location, onWait);
  const db: Database = new Kysely<Tables>({ dialect });
  const close = async (): Promise<void> => {
    await db.destroy();
    release();
  };
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...migrations }) } });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
  } catch (cause) {
    await close().catch(() => {});
    throw new StorageError('storage/unreadable', `the database ${nameOf(location)} cannot be opened`, { cause });
  }
  return { db, close };
}

function nameOf(location: DatabaseLocation): string {
  switch (location.kind) {
    case 'folder':
      return `in ${location.path}`;
    case 'memory':
      return 'in memory';
    case 'server':
      // Never the whole address: it may hold a password.
      return `at ${URL.canParse(location.url) ? new URL(location.url).host : 'the given address'}`;
  }
}

/** Makes a database beside where it goes, then renames it: one that was interrupted is never opened. */
async function makeFolder(folder: string): Promise<void> {
  const unfinished = `${folder}.part`;
  rmSync(unfinished, { recursive: true, force: true });
  const script = fileURLToPath(new URL('./make-folder.ts', import.meta.url));
  await promisify(execFile)(process.execPath, [script, unfinished]);
  renameSync(unfinished, folder);
}

async function dialectOf(
  location: DatabaseLocation,
  onWait: LockOptions['onWait'],
): Promise<{ dialect: PGliteDialect | PostgresDialect; release: () => void }> {
  if (location.kind === 'server') {
    const { Pool, types } = (await import('pg')).default;
    const pool = new Pool({
      connectionString: location.url,
      max: 8,
      types: { getTypeParser: (id, format) => (id === 20 ? Number : types.getTypeParser(id, format)) as never },
    });
    // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
    pool.on('error', () => {});
    return { dialect: new PostgresDialect({ pool }), release: () => {} };
  }
  const { createPglite } = await import('./pglite.ts');
  if (location.kind === 'memory') {
    return { dialect: new PGliteDialect({ pglite: await createPglite() }), release: () => {} };
  }
  mkdirSync(location.path, { recursive: true });
  // Two processes on one PGlite folder destroy it, and PGlite itself takes no lock.
  const release = takeLock(join(location.path, 'lock'), location.path, {
    beatAfterMs: 0,
    ...(onWait === undefined ? {} : { onWait }),
  });
  try {
    const folder = join(location.path, 'database');
    if (!existsSync(folder)) await makeFolder(folder);
    const pglite = await createPglite(folder);
    return { dialect: new PGliteDialect({ pglite }), release };
  } catch (cause) {
    release();
    throw new StorageError('storage/unreadable', `the database in ${location.path} cannot be opened`, { cause });
  }
}
