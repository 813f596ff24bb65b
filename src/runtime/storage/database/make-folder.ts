/**
 * Makes a new database folder, as a process of its own: setting one up takes a gigabyte for seconds, and what V8 keeps of
 * it afterwards would be the service's for as long as it runs.
 *
 * @module
 */

import { PGlite } from '@electric-sql/pglite';

const pglite = await PGlite.create(process.argv[2] as string);
await pglite.close();
