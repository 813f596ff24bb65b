/**
 * The journal of attempts: what was accepted, in order, before anybody was told. A restarted coordinator replays the
 * events of the attempt that was open and stands where it stood; masked vectors are objects until the attempt ends.
 *
 * @module
 */

import { type Database } from '../storage/database/index.ts';
import { StorageError } from '../storage/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';

/** An attempt as it was opened. */
export interface AttemptRecord {
  readonly attempt: number;
  readonly round: number;
  readonly cohort: readonly string[];
  /** The ledger's reservation. */
  readonly reservation: string | null;
}

/** One thing that happened to the machine of an attempt. */
export type AttemptEvent =
  | { readonly kind: 'message'; readonly stage: string; readonly participant: string; readonly bytes: Uint8Array }
  | { readonly kind: 'timeout'; readonly stage: string };

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
  /** Deletes the vectors of an attempt that has ended. */
  sweep(attempt: number): Promise<void>;
  /** The attempt that is open, with its events. */
  current(): Promise<{ record: AttemptRecord; events: readonly AttemptEvent[] } | undefined>;
  lastAttempt(): Promise<number>;
}

/** Messages above this size are objects. */
const INLINE_BYTES = 32_768;

/** Creates the journal of a task. */
export function createJournal({
  db,
  objects,
  taskId,
}: {
  db: Database;
  objects: ObjectStore;
  taskId: string;
}): Journal {
  const folderOf = (attempt: number): string => `tasks/${taskId}/attempts/${attempt}/`;

  async function appendAll(attempt: number, position: number, events: readonly AttemptEvent[]): Promise<void> {
    // The vectors of a batch are one object: one write to wait for, whatever the store.
    const large = events.flatMap((event) =>
      event.kind === 'message' && event.bytes.length > INLINE_BYTES ? [event] : [],
    );
    const key = `${folderOf(attempt)}${position}`;
    const offsets = new Map<AttemptEvent, number>();
    let sizeBytes = 0;
    for (const event of large) {
      offsets.set(event, sizeBytes);
      sizeBytes += event.bytes.length;
    }
    if (large.length === 1 && large[0] !== undefined) await objects.put(key, large[0].bytes);
    else if (large.length > 1) {
      const pack = new Uint8Array(sizeBytes);
      for (const event of large) pack.set(event.bytes, offsets.get(event));
      await objects.put(key, pack);
    }
    const rows = events.map((event, i) => {
      const row = { task_id: taskId, attempt, position: position + i, kind: event.kind, stage: event.stage };
      if (event.kind === 'timeout') return { ...row, participant: null, payload: null, object_key: null };
      const { participant, bytes } = event;
      const offset = offsets.get(event);
      if (offset === undefined) return { ...row, participant, payload: bytes, object_key: null };
      return { ...row, participant, payload: null, object_key: `${key}@${offset}+${bytes.length}` };
    });
    await db.insertInto('attempt_events').values(rows).execute();
  }

  /** Reads vectors where `appendAll` put them; a pack is fetched once for all that lie in it. */
  function createPackReader(): (place: string) => Promise<Uint8Array> {
    let last: { key: string; bytes: Uint8Array } | undefined;
    return async (place) => {
      const [, key = place, offset = '0', length] = /^(.*)@(\d+)\+(\d+)$/.exec(place) ?? [];
      if (last?.key !== key) last = { key, bytes: await objects.get(key) };
      const start = Number(offset);
      return length === undefined ? last.bytes : last.bytes.slice(start, start + Number(length));
    };
  }

  return {
    async open({ attempt, round, cohort, reservation }) {
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
    async sweep(attempt) {
      for (const key of await objects.list(folderOf(attempt))) await objects.delete(key);
    },
    async current() {
      const row = await db
        .selectFrom('attempts')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('state', '=', 'open')
        .orderBy('attempt', 'desc')
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { attempt, round, reservation } = row;
      const rows = await db
        .selectFrom('attempt_events')
        .selectAll()
        .where('task_id', '=', taskId)
        .where('attempt', '=', attempt)
        .orderBy('position')
        .execute();
      const events: AttemptEvent[] = [];
      const read = createPackReader();
      for (const { kind, stage, participant, payload, object_key: key } of rows) {
        if (kind === 'timeout') events.push({ kind: 'timeout', stage });
        else if (participant !== null) {
          const bytes = key === null ? new Uint8Array(payload ?? []) : await read(key);
          events.push({ kind: 'message', stage, participant, bytes });
        }
      }
      return { record: { attempt, round, cohort: JSON.parse(row.cohort) as string[], reservation }, events };
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
