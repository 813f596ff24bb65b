/**
 * Runs the attempts that are open: makes their machines, carries out what a machine asks for, and brings all of them back
 * from the journal after a restart.
 *
 * @module
 */

import {
  choosesCohorts,
  countsMemberships,
  createCoordinatorRound,
  createParticipations,
  type RoundEffect,
} from '../../federation/rounds/index.ts';
import { encodeMessage, isSealedMessage } from '../../federation/wire/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { StorageError } from '../storage/index.ts';
import { createModelState, type ModelState } from '../training/index.ts';
import type { AttemptEnding } from './attempt-ending.ts';
import { CoordinatorError } from './errors.ts';
import type { AttemptRecord } from './journal.ts';
import type { OpenAttempt, TaskContext } from './task-context.ts';

/** Runs attempts. */
export interface AttemptRunner {
  /** The model as the last committed round left it. */
  loadModel(): Promise<ModelState>;
  /** Object key of its checkpoint; null before the first. */
  currentKey(): Promise<string | null>;
  /** Opens an attempt that is in the journal, on the current model, and tells its cohort. */
  begin(record: AttemptRecord, model: ModelState): Promise<void>;
  /** Carries out what the machine of an attempt asks for. */
  perform(attempt: OpenAttempt, effects: readonly RoundEffect[]): Promise<void>;
  /** Rebuilds memory from the journal: the model, the memberships, the attempts that are open. */
  replay(): Promise<void>;
  /** Opens a sealed message; any other is as it is. @throws {@link CoordinatorError} `coordinator/not-attested`. */
  reveal(participant: string, bytes: Uint8Array): Promise<Uint8Array>;
}

/** Creates the runner of a task. */
export function createAttemptRunner({
  options,
  journal,
  mailboxes,
  queue,
  memory,
  ending,
}: TaskContext & { readonly ending: AttemptEnding }): AttemptRunner {
  const { id, run, db, objects, initial, attestation, taskPolicyDigest, assistants, served, watch, onWrite, clock } =
    options;
  const { plan, task, layers, personal, taskId } = run;

  /** @param key - of the checkpoint; null for the initial model. */
  async function modelAt(key: string | null): Promise<ModelState> {
    return createModelState({
      plan,
      layers,
      personal,
      optimizer: task.training.optimizer,
      checkpoint: key === null ? undefined : await objects.get(key),
    });
  }

  async function currentKey(): Promise<string | null> {
    const row = await db.selectFrom('tasks').select('checkpoint_key').where('id', '=', id).executeTakeFirst();
    return row?.checkpoint_key ?? initial.checkpointKey;
  }

  /** Makes the machine of an attempt that offers `offered`, and holds it as open. */
  async function hold(record: AttemptRecord, offered: Float32Array): Promise<OpenAttempt> {
    const { attempt, round, cohort } = record;
    const help = await assistants?.helpFor(cohort);
    const machine = createCoordinatorRound({ plan, taskId, round, attempt, cohort, parameters: offered, ...help });
    mailboxes.openAttempt(attempt, { open: new Set(memory.open.keys()) });
    const held = { record, members: new Set(cohort), machine, position: 0, startMs: clock() };
    memory.open.set(attempt, held);
    watch?.opened(record, machine.stage, clock());
    return held;
  }

  const isOpen = (attempt: OpenAttempt): boolean => memory.open.get(attempt.record.attempt) === attempt;

  /** Asks an assistant beside the queue. Its answer is not journalled: after a crash it is asked the very same again. */
  function ask(attempt: OpenAttempt, assistant: string, request: Uint8Array): void {
    if (assistants === undefined) return;
    const { machine, record } = attempt;
    const take = (told: () => readonly RoundEffect[]): Promise<void> =>
      queue.enqueue(async () => {
        if (memory.closed || !isOpen(attempt)) return;
        const effects = told();
        watch?.moved(record.attempt, machine.stage, clock());
        await perform(attempt, effects);
      });
    assistants
      .ask(assistant, request, record.cohort)
      .then(
        (answer) => take(() => machine.answer(assistant, answer)),
        (error: unknown) => take(() => machine.refuse(assistant, error)),
      )
      .catch(() => {});
  }

  async function replay(): Promise<void> {
    memory.stale = true;
    const key = await currentKey();
    const model = await modelAt(key);
    const { maxParticipations } = plan;
    const members = createParticipations({ maxParticipations });
    const reached = new Map<number, number>();
    if (choosesCohorts(plan)) {
      for (const { attempt, cohort } of await journal.cohorts()) reached.set(attempt, members.add(cohort));
    }
    const records = await journal.opened();
    Object.assign(memory, { model, members });
    memory.open.clear();
    memory.stale = false;
    await journal.sweepEnded();
    mailboxes.forget(new Set(records.map(({ attempt }) => attempt)));
    // All of them are held, in the log and ready to be offered what they were, before the first goes on and may move the
    // model.
    const begun: { readonly attempt: OpenAttempt; readonly effects: readonly RoundEffect[] }[] = [];
    for (const record of records) {
      const { base } = record;
      const offers = base === null || base === (key ?? '') ? model : await modelAt(base === '' ? null : base);
      const attempt = await hold(record, offers.offered());
      begun.push({ attempt, effects: attempt.machine.begin() });
      await served?.log.openRound(record, offers, countsMemberships(plan) ? reached.get(record.attempt) : undefined);
    }
    for (const { attempt, effects } of begun) await replayEvents(attempt, effects);
  }

  /** @param offers - what the machine began with. */
  async function replayEvents(attempt: OpenAttempt, offers: readonly RoundEffect[]): Promise<void> {
    const { machine, record } = attempt;
    const { count, read } = await journal.events(record.attempt);
    attempt.position = count;
    let effects = offers;
    await perform(
      attempt,
      effects.filter(({ kind }) => kind !== 'timer' || count === 0),
    );
    let left = count;
    for await (const event of read()) {
      left -= 1;
      if (event.kind === 'lost') {
        const error = new StorageError('storage/unreadable', 'a contribution was lost with the power');
        await abortUnreadable(attempt, error);
        return;
      }
      if (event.kind === 'timeout') effects = machine.timeout(event.stage);
      else {
        const plain = await reveal(event.participant, event.bytes).catch((error: unknown) =>
          abortUnreadable(attempt, error),
        );
        if (plain === undefined) return;
        effects = machine.receive(event.participant, plain);
        watch?.answered(record.attempt, event.participant, event.bytes.length);
      }
      watch?.moved(record.attempt, machine.stage, clock());
      // Only the last stage's timer still means something.
      await perform(
        attempt,
        effects.filter(({ kind }) => kind !== 'timer' || left === 0),
      );
    }
    if (isOpen(attempt) && !effects.some(({ kind }) => kind === 'timer')) armTimer(attempt, machine.stage);
  }

  async function reveal(participant: string, bytes: Uint8Array): Promise<Uint8Array> {
    if (!isSealedMessage(bytes)) return bytes;
    if (attestation === undefined) {
      throw new CoordinatorError('coordinator/not-attested', 'nothing can be sealed to this coordinator');
    }
    return attestation.open(bytes, { participant, taskPolicyDigest });
  }

  /** What a former process was sealed to died with it: the attempt ends, its charge stays. */
  async function abortUnreadable(open: OpenAttempt, error: unknown): Promise<undefined> {
    if (!(error instanceof SottoError)) throw error;
    const { attempt, round, cohort } = open.record;
    const bytes = encodeMessage({ kind: 'round-closed', taskId, round, attempt, outcome: 'aborted' });
    for (const member of cohort) mailboxes.put(member, bytes, attempt);
    await ending.abort(open, { error, lost: cohort.length });
    return undefined;
  }

  function armTimer(attempt: OpenAttempt, stage: string, afterMs: number = plan.aggregation.stageTimeoutMs): void {
    queue.schedule(afterMs, () => queue.enqueue(() => timeOut(attempt, stage)));
  }

  async function timeOut(open: OpenAttempt, stage: string): Promise<void> {
    if (!isOpen(open) || open.machine.done || open.machine.stage !== stage) return;
    const { attempt } = open.record;
    await journal.append(attempt, open.position, { kind: 'timeout', stage });
    onWrite('timeout-journaled');
    open.position += 1;
    const effects = open.machine.timeout(stage);
    watch?.moved(attempt, open.machine.stage, clock());
    await perform(open, effects);
  }

  async function perform(open: OpenAttempt, effects: readonly RoundEffect[]): Promise<void> {
    const { attempt } = open.record;
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          mailboxes.put(effect.to, effect.bytes, attempt);
          watch?.sent(attempt, effect.bytes.length);
          break;
        case 'timer':
          armTimer(open, effect.stage, effect.afterMs);
          break;
        case 'ask':
          ask(open, effect.assistant, effect.bytes);
          break;
        case 'refused':
          break;
        case 'finished':
          await ending.commit(open, effect.result);
          break;
        case 'aborted':
          await ending.abort(open, { error: effect.error, lost: effect.dropouts });
          break;
      }
    }
  }

  return {
    loadModel: async () => modelAt(await currentKey()),
    currentKey,
    async begin(record, model) {
      const attempt = await hold(record, model.offered());
      await perform(attempt, attempt.machine.begin());
    },
    perform,
    replay,
    reveal,
  };
}
