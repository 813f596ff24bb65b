/**
 * The transparency log of an installation: every decision about access and every administrative act, in the order of the
 * database. The tables are the truth of the moment, and this follows them: what a crash kept from the log is caught up
 * with, and several nodes on one database have one writer. Names are salted commitments.
 *
 * @module
 */

import { createSigningKey, utf8 } from '../../foundations/crypto/index.ts';
import { createNoteVerifier, formatVerifierKey, type LogWriter, RUN_FILES } from '../../trust/log/index.ts';
import type { Database } from '../storage/database/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import { createObjectSaltStore, createObjectTileStore, openTaskLog, originOf } from '../storage/tiles/index.ts';
import { PLAN_VERSION } from '../training/index.ts';

/** The log of an installation. */
export interface InstallationLog {
  readonly writer: LogWriter;
  /** Puts everything that is in the database into the log; resolves once it is signed. */
  catchUp(): Promise<void>;
}

/** Name of the log, and its folder among the objects. */
export const INSTALLATION_LOG = 'installation';
/** Rows under one signature at most. */
const BATCH = 500;
/** Rows of the last numbers are looked at again: on PostgreSQL a smaller number may become visible after a larger one. */
const OVERLAP = 1000;
/** Acts whose detail is a role, a scope or a digest; that of any other may name somebody. */
const PLAIN_DETAIL: ReadonlySet<string> = new Set([
  'set-up',
  'create-account',
  'grant',
  'release',
  'download',
  'create',
  'pause',
  'resume',
  'stop',
  'erase',
  'reject',
  'sign-in-refused',
  'identity',
  'key-replaced',
  'key-handed-over',
  'key-destroyed',
  'key-found-changed',
]);

const FOLDER = `${INSTALLATION_LOG}/log/`;

/** Reads a file of the log as a web server would have it, or its key; whichever node writes it. */
export async function readInstallationLog(
  path: string,
  { objects, seed }: { readonly objects: ObjectStore; readonly seed: Uint8Array },
): Promise<Uint8Array | undefined> {
  if (path === RUN_FILES.key) {
    const { publicKey } = createSigningKey(seed);
    return utf8(`${formatVerifierKey(createNoteVerifier('ed25519', originOf(INSTALLATION_LOG, seed), publicKey))}\n`);
  }
  if (!path.startsWith(RUN_FILES.log)) return undefined;
  return createObjectTileStore(objects, FOLDER).read(path.slice(RUN_FILES.log.length));
}

/** Opens the log, or begins it. `seed` is the coordinator's log key. */
export async function openInstallationLog({
  db,
  objects,
  seed,
  clock,
}: {
  readonly db: Database;
  readonly objects: ObjectStore;
  readonly seed: Uint8Array;
  readonly clock: () => Date;
}): Promise<InstallationLog> {
  const log = await openTaskLog({
    store: createObjectTileStore(objects, FOLDER),
    task: INSTALLATION_LOG,
    seed,
    salts: createObjectSaltStore(objects, `${INSTALLATION_LOG}/private/salts/`),
    clock,
    partials: 'all',
  });
  if (!log.has('installation')) {
    log.record({ kind: 'installation', version: PLAN_VERSION });
    await log.flush();
  }
  const logged = { access: new Set<number>(), administrative: new Set<number>() };
  for (const leaf of log.leaves) {
    if (leaf.kind !== 'access' && leaf.kind !== 'administrative') continue;
    if (leaf.sequence !== undefined) logged[leaf.kind].add(leaf.sequence);
  }
  const from = (numbers: ReadonlySet<number>): number => {
    let last = 0;
    for (const each of numbers) if (each > last) last = each;
    return last - OVERLAP;
  };
  const actorOf = (subject: string): Promise<string> => log.commit(`actor:${subject}`, subject);

  async function catchUpAccess(): Promise<boolean> {
    const rows = await db
      .selectFrom('access_records')
      .selectAll()
      .where('position', '>', from(logged.access))
      .orderBy('position')
      .limit(BATCH + OVERLAP)
      .execute();
    const fresh = rows.filter(({ position }) => !logged.access.has(position));
    for (const { position, at, subject, action, resource, allowed, reason } of fresh) {
      const decision = allowed ? 'allowed' : 'denied';
      const actor = await actorOf(subject);
      log.recordAt(at, { kind: 'access', actor, action, subject: resource, decision, reason, sequence: position });
      logged.access.add(position);
    }
    return fresh.length > 0;
  }

  async function catchUpActs(): Promise<boolean> {
    const rows = await db
      .selectFrom('audit_events')
      .selectAll()
      .where('id', '>', from(logged.administrative))
      .orderBy('id')
      .limit(BATCH + OVERLAP)
      .execute();
    const fresh = rows.filter(({ id }) => !logged.administrative.has(id));
    for (const { id, at, actor, action, subject, detail } of fresh) {
      log.recordAt(at, {
        kind: 'administrative',
        actor: await actorOf(actor),
        action,
        subject: `commitment:${await actorOf(subject)}`,
        detail: PLAIN_DETAIL.has(action) ? detail.slice(0, 2000) : '',
        sequence: id,
      });
      logged.administrative.add(id);
    }
    return fresh.length > 0;
  }

  let turn: Promise<unknown> = Promise.resolve();
  return {
    writer: log.writer,
    catchUp() {
      const next = turn.then(async () => {
        for (let more = true; more;) {
          const found = [await catchUpAccess(), await catchUpActs()];
          more = found.includes(true);
          await log.flush();
        }
      });
      turn = next.catch(() => {});
      return next;
    },
  };
}
