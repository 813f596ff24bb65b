/**
 * The journal of attempts: what was accepted, in order, before anybody was told. A restarted coordinator replays the
 * events of the attempt that was open and stands where it stood; masked vectors are objects until the attempt ends.
 *
 * @module
 */

import { crc32 } from 'node:zlib';

import { type Database } from '../storage/database/index.ts';
import { StorageError, type Vault } from '../storage/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';

/** An attempt as it was opened. */
export interface AttemptRecord {
  /**
   * Where several attempts may be open: object key of the checkpoint that this one was offered, empty for the initial
   * model. Null where the one attempt that is open was offered the current model.
   */
  readonly base: string | null;
  readonly attempt: number;
  readonly round: number;
  readonly cohort: readonly string[];
  /** The ledger's reservation; null when it was not charged. */
  readonly reservation: string | null;
}

/** One thing that happened to the machine of an attempt. */
export type AttemptEvent =
  | { readonly kind: 'message'; readonly stage: string; readonly participant: string; readonly bytes: Uint8Array }
  | { readonly kind: 'timeout'; readonly stage: string };

/** An event that is read again; `lost`: a vector that did not outlive a power failure. */
export type ReplayedEvent = AttemptEvent | { readonly kind: 'lost' };

/** The journal of one task. */
export interface Journal {
  open(record: AttemptRecord): Promise<void>;
  append(attempt: number, position: number, event: AttemptEvent): Promise<void>;
  /** Writes several events, the first at `position`: all of them or none. */
  appendAll(attempt: number, position: number, events: readonly AttemptEvent[]): Promise<void>;
  /** Marks an attempt as aborted; a committed one is closed with the task's progress, see `commit`. */
  abort(attempt: number, reason: string): Promise<void>;
  /** Closes an attempt and moves the task on, in one transaction. */
  commit(
    attempt: number,
    progress: { round: number; checkpointKey: string; modelDigest: string; finished: boolean },
  ): Promise<void>;
  /** Deletes the messages and vectors of an attempt that has ended. */
  sweep(attempt: number): Promise<void>;
  /** Deletes those of attempts that have ended without it: a process died before it came to that. */
  sweepEnded(): Promise<void>;
  /** The attempts that are open, the oldest first. */
  opened(): Promise<readonly AttemptRecord[]>;
  /** The events of an attempt, read as they are asked for: a cohort's vectors are never in memory together. */
  events(attempt: number): Promise<{ readonly count: number; readonly read: () => AsyncGenerator<ReplayedEvent> }>;
  /** The cohorts of all attempts so far, in order. */
  cohorts(): Promise<readonly Pick<AttemptRecord, 'attempt' | 'cohort'>[]>;
  lastAttempt(): Promise<number>;
}

/** Messages above this size are objects. */
const INLINE_BYTES = 32_768;

const recordOf = (row: {
  attempt: number;
  round: number;
  cohort: string;
  reservation: string | null;
  base: string | null;
}): AttemptRecord => {
  const { attempt, round, reservation, base } = row;
  return { attempt, round, cohort: JSON.parse(row.cohort) as string[], reservation, base };
};

/** An object that is missing or broken will not come back; any other failure may pass. */
function lost(error: unknown): undefined {
  if (error instanceof StorageError && ['storage/not-found', 'storage/seal-broken'].includes(error.code)) return;
  throw error;
}

/** Creates the journal of a task. */
export function createJournal({
  db,
  objects,
  taskId,
  vault,
}: {
  db: Database;
  objects: ObjectStore;
  taskId: string;
  /** Seals the messages that are rows; objects are sealed by their store. */
  vault?: Vault | undefined;
}): Journal {
  /** What a sealed row is: none can be put in the place of another. */
  const nameOf = (attempt: number, position: number): string => `attempt/${taskId}/${attempt}/${position}`;

  const folderOf = (attempt: number): string => `tasks/${taskId}/attempts/${attempt}/`;

  async function appendAll(attempt: number, position: number, events: readonly AttemptEvent[]): Promise<void> {
    // The vectors of a batch are one object: one write to wait for, whatever the store.
    const large = events.flatMap((event) =>
      event.kind === 'message' && event.bytes.length > INLINE_BYTES ? [event] : [],
    );
    const key = `${folderOf(attempt)}${position}`;
    const places = new Map<AttemptEvent, string>();
    let offset = 0;
    for (const event of large) {
      const { length } = event.bytes;
      places.set(event, `${key}@${offset}+${length}~${crc32(event.bytes)}`);
      offset += length;
    }
    // Not synced: a process that dies loses nothing. After a power failure the checksum tells, and the attempt ends.
    const contents = large.map(({ bytes }) => bytes);
    if (contents.length > 0) await objects.put(key, contents, { durable: false });
    const rows = events.map((event, i) => {
      const row = { task_id: taskId, attempt, position: position + i, kind: event.kind, stage: event.stage };
      if (event.kind === 'timeout') return { ...row, participant: null, payload: null, object_key: null };
      const { participant, bytes } = event;
      const place = places.get(event);
      if (place === undefined) {
        const payload = vault?.seal(nameOf(attempt, position + i), bytes) ?? bytes;
        return { ...row, participant, payload, object_key: null };
      }
      return { ...row, participant, payload: null, object_key: place };
    });
    await db.insertInto('attempt_events').values(rows).execute();
  }

  async function sweep(attempt: number): Promise<void> {
    // Nothing of a contribution outlives its round: neither vectors nor the messages that are rows. Rows go last: while
    // there are any, what was not deleted is found again.
    for (const key of await objects.list(folderOf(attempt))) await objects.delete(key);
    await db.deleteFrom('attempt_events').where('task_id', '=', taskId).where('attempt', '=', attempt).execute();
  }

  /** Reads vectors where `appendAll` put them; a pack is fetched once for all that lie in it. Undefined: lost. */
  function createPackReader(): (place: string) => Promise<Uint8Array | undefined> {
    let last: { key: string; bytes: Uint8Array | undefined } | undefined;
    return async (place) => {
      const [, key = place, offset, length, checksum] = /^(.*)@(\d+)\+(\d+)~(\d+)$/.exec(place) ?? [];
      if (last?.key !== key) last = { key, bytes: await objects.get(key).catch(lost) };
      const start = Number(offset);
      const bytes = last.bytes?.slice(start, start + Number(length));
      return bytes !== undefined && String(crc32(bytes)) === checksum ? bytes : undefined;
    };
  }

  return {
    async open({ attempt, round, cohort, reservation, base }) {
      await db
        .insertInto('attempts')
        .values({
          task_id: taskId,
          attempt,
          round,
          cohort: JSON.stringify(cohort),
          state: 'open',
          reason: null,
          reservation,
          base,
          opened_at: new Date(),
          closed_at: null,
        })
        .execute();
    },
    append: (attempt, position, event) => appendAll(attempt, position, [event]),
    appendAll,
    async abort(attempt, reason) {
      await db
        .updateTable('attempts')
        .set({ state: 'aborted', reason, closed_at: new Date() })
        .where('task_id', '=', taskId)
        .where('attempt', '=', attempt)
        .where('state', '=', 'open')
        .execute();
    },
    async commit(attempt, { round, checkpointKey, modelDigest, finished }) {
      await db.transaction().execute(async (transaction) => {
        const closed = await transaction
          .updateTable('attempts')
          .set({ state: 'committed', closed_at: new Date() })
          .where('task_id', '=', taskId)
          .where('attempt', '=', attempt)
          .where('state', '=', 'open')
          .executeTakeFirst();
        if (closed.numUpdatedRows !== 1n) {
          throw new StorageError('storage/conflict', `attempt ${attempt} was closed by another node`);
        }
        await transaction
          .updateTable('tasks')
          .set({
            round,
            checkpoint_key: checkpointKey,
            model_digest: modelDigest,
            updated_at: new Date(),
            ...(finished ? { state: 'finished' } : {}),
          })
          .where('id', '=', taskId)
          .execute();
      });
    },
    sweep,
    async sweepEnded() {
      const left = await db
        .selectFrom('attempt_events')
        .innerJoin('attempts', (join) =>
          join
            .onRef('attempts.task_id', '=', 'attempt_events.task_id')
            .onRef('attempts.attempt', '=', 'attempt_events.attempt'),
        )
        .select('attempt_events.attempt')
        .distinct()
        .where('attempt_events.task_id', '=', taskId)
        .where('attempts.state', '!=', 'open')
        .execute();
      for (const { attempt } of left) await sweep(attempt);
    },
    async opened() {
      const rows = await db
        .selectFrom('attempts')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('state', '=', 'open')
        .orderBy('attempt')
        .execute();
      return rows.map(recordOf);
    },
    async events(attempt) {
      const rows = await db
        .selectFrom('attempt_events')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('attempt', '=', attempt)
        .orderBy('position')
        .execute();
      async function* read(): AsyncGenerator<ReplayedEvent> {
        const readPack = createPackReader();
        for (const { kind, stage, participant, payload, position, object_key: key } of rows) {
          if (kind === 'timeout') yield { kind: 'timeout', stage };
          else if (participant !== null) {
            const stored = new Uint8Array(payload ?? []);
            const bytes =
              key === null ? (vault?.open(nameOf(attempt, position), stored) ?? stored) : await readPack(key);
            yield bytes === undefined ? { kind: 'lost' } : { kind: 'message', stage, participant, bytes };
          }
        }
      }
      return { count: rows.length, read };
    },
    async cohorts() {
      const rows = await db
        .selectFrom('attempts')
        .select(['attempt', 'cohort'])
        .where('task_id', '=', taskId)
        .orderBy('attempt')
        .execute();
      return rows.map(({ attempt, cohort }) => ({ attempt, cohort: JSON.parse(cohort) as string[] }));
    },
    async lastAttempt() {
      const row = await db
        .selectFrom('attempts')
        .select(({ fn }) => fn.max('attempt').as('last'))
        .where('task_id', '=', taskId)
        .executeTakeFirst();
      return Number(row?.last ?? 0);
    },
  };
}
