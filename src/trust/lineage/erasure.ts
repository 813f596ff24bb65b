/**
 * Erasure: the salts and keys that tie the log and stored data to a subject are destroyed, the log says so, and whoever
 * asked for it gets a receipt that proves it. The log itself does not change; what it says of the subject can no longer be
 * linked to anybody.
 *
 * @module
 */

import { commitTo, encodeLeaf, formatLogProof, type LogWriter, type SaltStore } from '../log/index.ts';
import { LineageError } from './errors.ts';

/** What an erasure gives. */
export interface ErasureReceipt {
  /** The commitment under which the subject stood in the log. */
  readonly commitment: string;
  readonly index: number;
  /** A log proof with the leaf as extra data, for `.tlog-proof` files. */
  readonly proof: string;
}

/**
 * Erases a subject.
 * @param options - `destroyKeys` destroys what encrypts the subject's data, and every other copy of its salt, and returns
 * the names of what is gone (crypto-shredding); it runs first, so that the log never claims what did not happen.
 * @throws {LineageError} `lineage/unknown-subject` when the log has no commitment to it, or it was erased before: a
 * receipt for what was never there would be worth nothing.
 */
export async function eraseSubject(
  subject: string,
  {
    log,
    salts,
    destroyKeys = () => Promise.resolve([]),
    time,
  }: {
    readonly log: Pick<LogWriter, 'append' | 'checkpoint' | 'reader'>;
    readonly salts: SaltStore;
    readonly destroyKeys?: (subject: string) => Promise<readonly string[]>;
    readonly time: Date;
  },
): Promise<ErasureReceipt> {
  if (!(await salts.has(subject))) {
    throw new LineageError(
      'lineage/unknown-subject',
      `the log has no commitment to ${subject}, or it was erased before: nothing was changed`,
    );
  }
  const commitment = commitTo(subject, await salts.saltOf(subject));
  const keys = await destroyKeys(subject);
  await salts.destroy(subject);
  const leaf = encodeLeaf({
    kind: 'erasure',
    time: time.toISOString(),
    subject: commitment,
    method: 'crypto-shredding',
    destroyed: ['salt', ...keys],
  });
  const index = await log.append([leaf]);
  const { note, size } = log.checkpoint();
  const hashes = await log.reader().inclusionProof(index, size);
  return { commitment, index, proof: formatLogProof({ index, hashes, checkpoint: note, extra: leaf }) };
}
