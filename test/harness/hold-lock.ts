/**
 * A process that takes the lock in its argument, says `held` or why not, and holds it until it is ended.
 *
 * @module
 */

import { SottoError } from '../../src/foundations/numerics/index.ts';
import { takeLock } from '../../src/runtime/storage/lock.ts';

const [path = '', leaseMs = '500'] = process.argv.slice(2);
try {
  takeLock(path, path, { beatAfterMs: 0, beatMs: 50, leaseMs: Number(leaseMs) });
  process.stdout.write('held\n');
  process.stdin.resume();
} catch (error) {
  if (!(error instanceof SottoError)) throw error;
  process.stdout.write(`${error.code}\n`);
}
