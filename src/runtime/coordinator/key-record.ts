/**
 * What happens to the keys of a coordinator, in the record of its installation: acts on the key store that it is sealed
 * under, which are logged where the store is and may be done by anybody who holds it, and the keys by which others know the
 * coordinator, whenever they are other ones than before.
 *
 * @module
 */

import type { Database } from '../storage/database/index.ts';
import { type KeyEntry, readKeyLog } from '../storage/index.ts';

/** The key store of a coordinator, by its folder. */
export interface KeyStoreFollowing {
  readonly folder: string;
  /** Reads its log; another in tests. */
  readonly read?: (folder: string) => Promise<readonly KeyEntry[]>;
}

type Audit = (actor: string, action: string, subject: string, detail?: string) => Promise<void>;

const KEY_STORE = 'key-store';
const COORDINATOR = 'coordinator';
/** Name of the act of a coordinator that has other keys than before. */
const IDENTITY = 'identity';

/** Records what the log of the key store tells and the record does not yet. @throws when the log cannot be read. */
export async function followKeyStore(
  { folder, read = readKeyLog }: KeyStoreFollowing,
  { db, audit }: { readonly db: Database; readonly audit: Audit },
): Promise<void> {
  const entries = (await read(folder)).filter(({ phase, act }) => phase === 'done' && act !== 'made');
  if (entries.length === 0) return;
  const rows = await db.selectFrom('audit_events').select('detail').where('actor', '=', KEY_STORE).execute();
  const known = new Set(rows.map(({ detail }) => detail));
  for (const { act, key, time, detail, index } of entries) {
    // The time is part of it: another store in this one's place has entries of the same numbers.
    const told = [`entry ${index} of ${time}`, detail].filter((part) => part !== '').join(', ');
    const line = `${key}: ${told}`;
    if (!known.has(line)) await audit(KEY_STORE, `key-${act}`, key, line);
  }
}

/** Records by which keys others know this coordinator, where they are not those of the last record. */
export async function recordIdentity(
  keys: Readonly<Record<string, string>>,
  { db, audit, place }: { readonly db: Database; readonly audit: Audit; readonly place: string },
): Promise<void> {
  const detail = Object.entries(keys)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
  const last = await db
    .selectFrom('audit_events')
    .select('detail')
    .where('actor', '=', COORDINATOR)
    .where('action', '=', IDENTITY)
    .where('subject', '=', place)
    .orderBy('id', 'desc')
    .executeTakeFirst();
  if (last?.detail !== detail) await audit(COORDINATOR, IDENTITY, place, detail);
}
