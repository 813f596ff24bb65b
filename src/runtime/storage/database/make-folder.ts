/**
 * Makes a new database folder, as a process of its own: what V8 keeps of setting one up would be the service's for as long
 * as it runs.
 *
 * @module
 */

import { createPglite } from './pglite.ts';

const pglite = await createPglite(process.argv[2] as string);
await pglite.close();
