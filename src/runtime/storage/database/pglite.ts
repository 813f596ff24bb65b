/**
 * The embedded PostgreSQL, in less memory than it takes by itself: on one of its functions alone, of 100 KiB, V8's
 * optimizing compiler spends 600 MiB, and its buffers are made for a server that nothing else runs beside.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8';

import { PGlite, type PGliteOptions } from '@electric-sql/pglite';

/** What the files do not hold anyway: the operating system caches them. 128 MB by default. */
const SHARED_BUFFERS = '16MB';

/** How V8 treats a module is decided while it is made; before and after it, every other module is optimized as usual. */
const BASELINE_ALONE = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];
const AS_USUAL = ['--wasm-tier-up', '--wasm-dynamic-tiering'];

/** Files of a database that nothing was written to, once one in memory was asked for. */
let emptyFiles: Promise<Blob> | undefined;

/**
 * Opens the database in a folder, making it when it is not there; in memory without a folder. Its code stays at the
 * baseline compiler's: measured on inserts and look-ups of a coordinator that is as fast, since they are short.
 */
export async function createPglite(folder?: string): Promise<PGlite> {
  if (folder !== undefined) return create({ dataDir: folder });
  // To set one up takes a second of the processor; the others of a process begin as copies of the first.
  emptyFiles ??= dumpEmpty();
  return create({ loadDataDir: await emptyFiles });
}

async function dumpEmpty(): Promise<Blob> {
  const pglite = await create({});
  try {
    return await pglite.dumpDataDir('none');
  } finally {
    await pglite.close();
  }
}

async function create(where: Pick<PGliteOptions, 'dataDir' | 'loadDataDir'>): Promise<PGlite> {
  const startParams = [...PGlite.defaultStartParams, '-c', `shared_buffers=${SHARED_BUFFERS}`];
  for (const flag of BASELINE_ALONE) setFlagsFromString(flag);
  try {
    return await PGlite.create({ ...where, startParams });
  } finally {
    for (const flag of AS_USUAL) setFlagsFromString(flag);
  }
}
