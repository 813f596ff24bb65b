/**
 * A database of its own on the PostgreSQL server of `SOTTO_TEST_POSTGRES`, for one test file.
 *
 * @module
 */

import pg from 'pg';

/** Address of the server, when there is one. */
export const postgresUrl = process.env.SOTTO_TEST_POSTGRES;

/** Creates an empty database; `drop` removes it. */
export async function createTestDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  if (postgresUrl === undefined) throw new Error('SOTTO_TEST_POSTGRES is not set');
  const name = `sotto_test_${process.pid}_${Math.trunc(performance.now())}`;
  const run = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: postgresUrl });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  return { url: url.toString(), drop: () => run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
