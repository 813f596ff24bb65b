/**
 * Runs the attempt that is open: makes its machine, carries out what the machine asks for, and brings it back from the
 * journal after a restart.
 *
 * @module
 */

import { type CoordinatorRound, createCoordinatorRound, type RoundEffect } from '../../federation/rounds/index.ts';
import { encodeMessage, isSealedMessage } from '../../federation/wire/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { StorageError } from '../storage/index.ts';
import { createModelState, type ModelState } from '../training/index.ts';
import type { AttemptEnding } from './attempt-ending.ts';
import { CoordinatorError } from './errors.ts';
import type { AttemptRecord } from './journal.ts';
import type { TaskContext } from './task-context.ts';

/** Runs attempts. */
export interface AttemptRunner {
  /** The model as the last committed round left it. */
  loadModel(): Promise<ModelState>;
  /** Opens an attempt that is in the journal, and tells its cohort. */
  begin(record: AttemptRecord, model: ModelState): Promise<void>;
  /** Carries out what a machine asks for. */
  perform(effects: readonly RoundEffect[]): Promise<void>;
  /** Rebuilds the open attempt from the journal. */
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

  async function loadModel(): Promise<ModelState> {
    const row = await db.selectFrom('tasks').select('checkpoint_key').where('id', '=', id).executeTakeFirst();
    const key = row?.checkpoint_key ?? initial.checkpointKey;
    return createModelState({
      plan,
      layers,
      personal,
      optimizer: task.training.optimizer,
      checkpoint: key === null ? undefined : await objects.get(key),
    });
  }

  async function machineOf(
    { attempt, round, cohort }: AttemptRecord,
    parameters: Float32Array,
  ): Promise<CoordinatorRound> {
    const help = await assistants?.helpFor(cohort);
    return createCoordinatorRound({ plan, taskId, round, attempt, cohort, parameters, ...help });
  }

  /** Asks an assistant beside the queue. Its answer is not journalled: after a crash it is asked the very same again. */
  function ask(assistant: string, request: Uint8Array): void {
    if (memory.open === undefined || assistants === undefined) return;
    const { machine, record } = memory.open;
    const take = (told: () => readonly RoundEffect[]): Promise<void> =>
      queue.enqueue(async () => {
        if (memory.closed || memory.open?.machine !== machine) return;
        const effects = told();
        watch?.moved(machine.stage, clock());
        await perform(effects);
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
    memory.model = await loadModel();
    const found = await journal.current();
    memory.open = undefined;
    memory.stale = false;
    if (found === undefined) return;
    const { record, events } = found;
    const machine = await machineOf(record, memory.model.offered());
    mailboxes.openAttempt(record.attempt);
    memory.open = { record, machine, position: events?.length ?? 0, startMs: clock() };
    watch?.opened(record, machine.stage, clock());
    await served?.log.openRound(record, memory.model);
    if (events === undefined) {
      await abortUnreadable(new StorageError('storage/unreadable', 'a contribution was lost with the power'));
      return;
    }
    let effects = machine.begin();
    await perform(effects.filter(({ kind }) => kind !== 'timer' || events.length === 0));
    for (const [i, event] of events.entries()) {
      if (event.kind === 'timeout') effects = machine.timeout(event.stage);
      else {
        const plain = await reveal(event.participant, event.bytes).catch((error: unknown) => abortUnreadable(error));
        if (plain === undefined) return;
        effects = machine.receive(event.participant, plain);
        watch?.answered(event.participant, event.bytes.length);
      }
      watch?.moved(machine.stage, clock());
      // Only the last stage's timer still means something.
      await perform(effects.filter(({ kind }) => kind !== 'timer' || i === events.length - 1));
    }
    // As read after the events: they may have ended the attempt.
    if (isOpen() && !effects.some(({ kind }) => kind === 'timer')) armTimer(machine.stage);
  }

  const isOpen = (): boolean => memory.open !== undefined;

  async function reveal(participant: string, bytes: Uint8Array): Promise<Uint8Array> {
    if (!isSealedMessage(bytes)) return bytes;
    if (attestation === undefined) {
      throw new CoordinatorError('coordinator/not-attested', 'nothing can be sealed to this coordinator');
    }
    return attestation.open(bytes, { participant, taskPolicyDigest });
  }

  /** What a former process was sealed to died with it: the attempt ends, its charge stays. */
  async function abortUnreadable(error: unknown): Promise<undefined> {
    if (!(error instanceof SottoError) || memory.open === undefined) throw error;
    const { attempt, round, cohort } = memory.open.record;
    const bytes = encodeMessage({ kind: 'round-closed', taskId, round, attempt, outcome: 'aborted' });
    for (const member of cohort) mailboxes.put(member, bytes);
    await ending.abort(error, cohort.length);
    return undefined;
  }

  function armTimer(stage: string): void {
    queue.schedule(plan.aggregation.stageTimeoutMs, () => queue.enqueue(() => timeOut(stage)));
  }

  async function timeOut(stage: string): Promise<void> {
    const { open } = memory;
    if (open === undefined || open.machine.done || open.machine.stage !== stage) return;
    await journal.append(open.record.attempt, open.position, { kind: 'timeout', stage });
    onWrite('timeout-journaled');
    open.position += 1;
    const effects = open.machine.timeout(stage);
    watch?.moved(open.machine.stage, clock());
    await perform(effects);
  }

  async function perform(effects: readonly RoundEffect[]): Promise<void> {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          mailboxes.put(effect.to, effect.bytes);
          watch?.sent(effect.bytes.length);
          break;
        case 'timer': {
          const { stage } = effect;
          queue.schedule(effect.afterMs, () => queue.enqueue(() => timeOut(stage)));
          break;
        }
        case 'ask':
          ask(effect.assistant, effect.bytes);
          break;
        case 'refused':
          break;
        case 'finished':
          await ending.commit(effect.result);
          break;
        case 'aborted':
          await ending.abort(effect.error, effect.dropouts);
          break;
      }
    }
  }

  return {
    loadModel,
    async begin(record, model) {
      const machine = await machineOf(record, model.offered());
      mailboxes.openAttempt(record.attempt);
      memory.open = { record, machine, position: 0, startMs: clock() };
      watch?.opened(record, machine.stage, clock());
      await perform(machine.begin());
    },
    perform,
    replay,
    reveal,
  };
}
