/**
 * The embedded PostgreSQL, in less memory than it takes by itself: on one of its functions alone, of 100 KiB, V8's
 * optimizing compiler spends 600 MiB, and its buffers are made for a server that nothing else runs beside.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8';

import { PGlite } from '@electric-sql/pglite';

/** What the files do not hold anyway: the operating system caches them. 128 MB by default. */
const SHARED_BUFFERS = '16MB';

/** How V8 treats a module is decided while it is made; before and after it, every other module is optimized as usual. */
const BASELINE_ALONE = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];
const AS_USUAL = ['--wasm-tier-up', '--wasm-dynamic-tiering'];

/**
 * Opens the database in a folder, making it when it is not there; in memory without a folder. Its code stays at the
 * baseline compiler's: measured on inserts and look-ups of a coordinator that is as fast, since they are short.
 */
export async function createPglite(folder?: string): Promise<PGlite> {
  const startParams = [...PGlite.defaultStartParams, '-c', `shared_buffers=${SHARED_BUFFERS}`];
  for (const flag of BASELINE_ALONE) setFlagsFromString(flag);
  try {
    return await PGlite.create({ ...(folder === undefined ? {} : { dataDir: folder }), startParams });
  } finally {
    for (const flag of AS_USUAL) setFlagsFromString(flag);
  }
}
