/**
 * The transparency log of a served task: tiles among the task's objects, so that a bucket or a web server can host them,
 * and the coordinator itself does, for operators and the task's participants.
 *
 * @module
 */

import { sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import type { AccountTerms } from '../../privacy/accounting/index.ts';
import type { AccessRecord } from '../../trust/access/index.ts';
import { eraseSubject } from '../../trust/lineage/index.ts';
import {
  decodeLeaf,
  encodeReceipt,
  formatVerifierKey,
  type LeafContent,
  type LeafOf,
  type LogWriter,
  RUN_FILES,
} from '../../trust/log/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import {
  createObjectSaltStore,
  createObjectTileStore,
  digestParameters,
  ERASED,
  openTaskLog,
  type TaskLog,
} from '../storage/tiles/index.ts';
import { describeTask, type ModelState, type RunPlan } from '../training/index.ts';
import type { AttemptRecord } from './journal.ts';
import type { Witnessing } from './witnessing.ts';

/** The log of a served task. */
export interface ServedLog {
  readonly log: TaskLog;
  /** Records task and plan, or the model that a new process takes up. */
  start(facts: {
    run: RunPlan;
    definition: string;
    terms: AccountTerms | undefined;
    inputShape: readonly number[];
    model: ModelState;
    checkpoint: Uint8Array | null;
  }): Promise<void>;
  /** @param memberships - of the member that has the most, where they are counted. */
  openRound(record: AttemptRecord, model: ModelState, memberships?: number): Promise<void>;
  /** Records a task's end with the digest of its model file. */
  release(model: ModelState, file: Uint8Array): Promise<void>;
  /** Records what somebody with rights did; the actor by commitment. */
  administrative(actor: string, action: string, detail: string): Promise<void>;
  /** Records a decision about access. One that lets somebody look waits for the next signature; any other is signed now. */
  access(record: AccessRecord): Promise<void>;
  /** Records evidence that a participant was shown; it waits for the next signature. */
  attested(participant: string, facts: Omit<LeafOf<'attestation'>, 'kind' | 'time' | 'subject'>): Promise<void>;
  /** A file of the log as a web server would have it, or the key. */
  read(path: string): Promise<Uint8Array | undefined>;
  /**
   * Erases a participant: its salt is destroyed and the log says so. Returns its commitment, and the receipt, a log proof.
   * @param forget - replaces its name by what it is given wherever else it is kept, before the log says that it is gone.
   */
  erase(
    participant: string,
    forget: (pseudonym: string) => Promise<readonly string[]>,
  ): Promise<{ readonly commitment: string; readonly proof: string }>;
  /** What a participant takes home. */
  receipt(participant: string, cohortOf: (attempt: number) => readonly string[]): Promise<Uint8Array>;
}

/** Opens the log of a served task. `seed` is the coordinator's log key. */
export async function openServedLog({
  objects,
  taskId,
  seed,
  witnessing,
}: {
  readonly objects: ObjectStore;
  readonly taskId: string;
  readonly seed: Uint8Array;
  /** Whose signatures are asked for when a round has ended. */
  readonly witnessing?: Witnessing | undefined;
}): Promise<ServedLog> {
  const store = createObjectTileStore(objects, `tasks/${taskId}/log/`);
  const salts = createObjectSaltStore(objects, `tasks/${taskId}/private/salts/`);
  const opened = await openTaskLog({
    store,
    task: taskId,
    seed,
    salts,
    clock: () => new Date(),
    partials: 'all',
  });
  const log: TaskLog = {
    ...opened,
    async flush() {
      await opened.flush();
      witnessing?.ask(taskId, opened.writer);
    },
  };
  return {
    log,
    async start({ run, definition, terms, inputShape, model, checkpoint }) {
      const modelDigest = digestParameters(model.parameters);
      if (log.has('plan')) {
        const checkpointDigest = checkpoint === null ? null : toHex(sha256(checkpoint));
        log.record({ kind: 'resumed', round: model.round, modelDigest, checkpointDigest });
      } else {
        log.record(...describeTask(run, { mode: 'served', definition, terms, inputShape, modelDigest }));
      }
      await log.flush();
    },
    openRound: ({ attempt, round, cohort }, { parameters }, memberships) =>
      log.openRound({
        attempt,
        round,
        cohort,
        parameters,
        ...(memberships === undefined ? {} : { memberships }),
      }),
    async release(model, file) {
      if (log.has('release')) return;
      log.record({
        kind: 'release',
        round: model.round,
        modelDigest: digestParameters(model.parameters),
        files: { [RUN_FILES.model]: toHex(sha256(file)) },
      });
      await log.flush();
    },
    async administrative(actor, action, detail) {
      const commitment = await log.commit(`actor:${actor}`, actor);
      log.record({ kind: 'administrative', actor: commitment, action, subject: taskId, detail });
      await log.flush();
    },
    async access({ subject, action, resource, allowed, reason }) {
      const actor = await log.commit(`actor:${subject}`, subject);
      const decision = allowed ? 'allowed' : 'denied';
      log.record({ kind: 'access', actor, action, subject: resource, decision, reason });
      if (!allowed || !action.endsWith('.view')) await log.flush();
    },
    async attested(participant, facts) {
      log.record({ kind: 'attestation', subject: await log.commit(participant), ...facts });
    },
    async erase(participant, forget) {
      let index = -1;
      // The log of a task has one writer, which knows every leaf: the erasure's goes through it.
      const writer: Pick<LogWriter, 'append' | 'checkpoint' | 'reader'> = {
        async append([leaf]) {
          const { time, ...content } = decodeLeaf(leaf as Uint8Array);
          log.recordAt(new Date(time), content as LeafContent);
          await log.flush();
          index = log.leaves.findLastIndex(({ kind }) => kind === 'erasure');
          return index;
        },
        checkpoint: () => log.writer.checkpoint(),
        reader: () => log.writer.reader(),
      };
      // Somebody who was called to no round is in the log for the first time: as one whose key and label are gone.
      const pseudonym = `${ERASED}${await log.commit(participant)}`;
      const destroyKeys = (): Promise<readonly string[]> => forget(pseudonym);
      return eraseSubject(participant, { log: writer, salts, destroyKeys, time: new Date() });
    },
    async read(path) {
      if (path === RUN_FILES.key) return utf8(`${formatVerifierKey(log.writer.verifier)}\n`);
      return path.startsWith(RUN_FILES.log) ? store.read(path.slice(RUN_FILES.log.length)) : undefined;
    },
    async receipt(participant, cohortOf) {
      const [receipt] = await log.receipts([participant], cohortOf);
      if (receipt === undefined) throw new RangeError(`"participant" must be one of the task, got ${participant}`);
      return encodeReceipt(receipt);
    },
  };
}
