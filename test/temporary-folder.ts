/**
 * Gives a run of the tests a temporary folder of its own, and takes it away at the end with all that tests and the
 * processes they start have left in it.
 *
 * @module
 */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// vitest calls what is exported by default.
/** Called before the first worker starts, which inherits the variable. @returns what is called after the last. */
// oxlint-disable-next-line import/no-default-export
export default function setUp(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-tests-'));
  // Open to pass through, as the folder around it is: a database server of a test runs as somebody else.
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
