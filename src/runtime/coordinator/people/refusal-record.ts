/**
 * The record of sign-ins that were refused: of an account by its name, of anybody else as unknown, since what is typed
 * into the wrong field may be a password. Whoever guesses cannot fill the record: a line a minute and name, with the
 * number of the others.
 *
 * @module
 */

import { SottoError } from '../../../foundations/numerics/index.ts';

/** Writes refusals down. */
export interface RefusalRecord {
  /** @param subject - of an account that exists; undefined for everybody else. */
  record(error: unknown, subject: string | undefined): Promise<void>;
}

const EVERY_MS = 60_000;

/** Creates the record. */
export function createRefusalRecord({
  audit,
  now,
}: {
  readonly audit: (actor: string, action: string, subject: string, detail?: string) => Promise<void>;
  readonly now: () => number;
}): RefusalRecord {
  const last = new Map<string, { at: number; more: number }>();
  return {
    async record(error, subject = 'unknown') {
      const reason = error instanceof SottoError ? error.code : 'failed';
      const key = `${subject} ${reason}`;
      const known = last.get(key);
      if (known !== undefined && now() - known.at < EVERY_MS) {
        known.more += 1;
        return;
      }
      last.set(key, { at: now(), more: 0 });
      const more = known === undefined || known.more === 0 ? '' : `; ${known.more} more since the last one`;
      await audit(subject, 'sign-in-refused', subject, `${reason}${more}`);
    },
  };
}
