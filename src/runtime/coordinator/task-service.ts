/**
 * One task of the service: enrols participants, opens rounds when enough of them are there, carries their messages
 * through the machine of `rounds/`, and moves the model on. Everything passes one queue; what was accepted is in the
 * journal before anybody is told, so the process may die between any two writes.
 *
 * @module
 */

import { createParticipations, findCohortProblem } from '../../federation/rounds/index.ts';
import { toHex } from '../../foundations/crypto/index.ts';
import type { RunPlan } from '../training/index.ts';
import { createAttemptEnding } from './attempt-ending.ts';
import { createAttemptOpening } from './attempt-opening.ts';
import { type AttemptRunner, createAttemptRunner } from './attempt-runner.ts';
import { CoordinatorError } from './errors.ts';
import { createJournal } from './journal.ts';
import { createMailboxes } from './mailboxes.ts';
import { createMessageIntake } from './message-intake.ts';
import { restoreFigures } from './restore-figures.ts';
import type { ServiceSettings, TaskService, TaskServiceOptions } from './served-task.ts';
import type { TaskContext, TaskMemory } from './task-context.ts';
import { createTaskQueue } from './task-queue.ts';

/** Refuses what is for simulations alone. @throws {@link CoordinatorError} `coordinator/wrong-state`. */
export function assertServable({ task, plan }: RunPlan): void {
  const refuse = (why: string): never => {
    throw new CoordinatorError('coordinator/wrong-state', why);
  };
  if (task.simulation.seed !== undefined) refuse('a seed is for simulations alone: leave simulation.seed out');
  // Whoever is present is asked here: a cohort that is not drawn by private coins must not be charged as one.
  if (plan.update?.drawRate !== undefined) {
    refuse('a private draw is for simulations: served rounds ask whoever is there; leave out privacy.participation');
  }
}

/** Refuses a task whose rounds would open with too few for a sum. @throws {@link CoordinatorError} `coordinator/wrong-state`. */
export function assertStartable({ plan }: RunPlan, { startThreshold }: Pick<ServiceSettings, 'startThreshold'>): void {
  const problem = findCohortProblem(plan, Math.min(startThreshold, plan.participants));
  if (problem === undefined) return;
  throw new CoordinatorError('coordinator/wrong-state', `service.startThreshold is too low: ${problem}`);
}

/** Creates the service of a task. */
export function createTaskService(given: TaskServiceOptions): TaskService {
  const options = { ...given, onWrite: given.onWrite ?? (() => {}) };
  const { id, run, db, objects, ledger, initial, attestation, taskPolicyDigest, served, assistants, watch } = options;
  const { isMine = () => true, clock } = options;
  const { plan, task } = run;
  assertServable(run);
  const memory: TaskMemory = {
    state: initial.state,
    model: undefined,
    open: new Map(),
    members: createParticipations({ maxParticipations: plan.maxParticipations }),
    accuracy: null,
    loss: undefined,
    dropouts: 0,
    closed: false,
    stale: false,
    present: new Map(),
    evidence: new Map(),
  };
  const mailboxes = createMailboxes();
  const context: TaskContext = {
    options,
    journal: createJournal({ db, objects, taskId: id, vault: options.vault }),
    mailboxes,
    queue: createTaskQueue({
      memory,
      isMine,
      async replay() {
        await runner.replay();
        opening.consider();
      },
    }),
    memory,
  };
  const { queue } = context;
  const opening = createAttemptOpening({ ...context, runner: () => runner });
  const ending = createAttemptEnding({ ...context, next: () => opening.consider() });
  const runner: AttemptRunner = createAttemptRunner({ ...context, ending });
  const intake = createMessageIntake({ ...context, perform: (attempt, effects) => runner.perform(attempt, effects) });

  /** Says in the log what this process takes up. */
  async function logStart(): Promise<void> {
    if (served === undefined || memory.model === undefined) return;
    const row = await db.selectFrom('tasks').select('checkpoint_key').where('id', '=', id).executeTakeFirst();
    const key = row?.checkpoint_key ?? null;
    const { log, definition, inputShape } = served;
    await log.start({
      run,
      definition,
      inputShape,
      terms: ledger?.terms[0],
      model: memory.model,
      checkpoint: key === null ? null : await objects.get(key),
    });
  }

  return {
    run,
    get closed() {
      return memory.closed;
    },
    start: () =>
      queue.enqueue(async () => {
        Object.assign(memory, await restoreFigures(db, id));
        await runner.replay();
        await logStart();
        opening.consider();
      }),
    seen(participant) {
      memory.present.set(participant, clock());
      watch?.present(opening.presentNow());
      opening.consider();
    },
    left(participant) {
      memory.present.delete(participant);
      watch?.left(participant);
    },
    erase: (participant, erasing) =>
      queue.enqueue(async () => {
        memory.present.delete(participant);
        watch?.left(participant);
        return erasing();
      }),
    async receive(participant, bytes) {
      const plain = await runner.reveal(participant, bytes);
      return intake.take(participant, { bytes, plain });
    },
    async attest(participant, nonce) {
      if (attestation === undefined) {
        throw new CoordinatorError('coordinator/not-attested', 'this coordinator has no evidence to show');
      }
      const { frame, evidenceDigest } = await attestation.answer(nonce, taskPolicyDigest);
      memory.evidence.set(participant, evidenceDigest);
      await served?.log.attested(participant, {
        evidenceDigest,
        taskPolicyDigest: toHex(taskPolicyDigest),
        codeDigest: toHex(attestation.codeDigest),
        simulated: attestation.simulated,
      });
      return frame;
    },
    async mail(participant, cursor, wait) {
      // Nothing comes any more from a task that this process has put down; an empty answer would be asked for again at once.
      if (memory.closed) {
        throw new CoordinatorError('coordinator/unavailable', 'the coordinator is being stopped; try again', {
          retryable: true,
        });
      }
      // Nobody waits for a task that has ended.
      const over = memory.state === 'finished' || memory.state === 'stopped';
      const mail = mailboxes.wait(participant, cursor, over ? { ...wait, timeoutMs: 0 } : wait);
      // Whoever has read of an end is free for the next cohort.
      this.seen(participant);
      return mail;
    },
    status: () => ({
      id,
      name: task.task,
      state: memory.state,
      round: memory.model?.round ?? initial.round,
      rounds: plan.rounds,
      accuracy: memory.accuracy,
      epsilon: ledger?.spent().epsilon ?? null,
      participants: opening.presentNow().length,
      dropouts: memory.dropouts,
      stage: [...memory.open.values()][0]?.machine.stage ?? null,
      attempts: [...memory.open.values()].map(({ record: { attempt, round }, machine }) => ({
        attempt,
        round,
        stage: machine.stage,
      })),
    }),
    model() {
      const { model } = memory;
      if (model === undefined) throw new CoordinatorError('coordinator/wrong-state', 'the task has no model yet');
      return model.export({ task: task.task, rounds: String(model.round) });
    },
    pause: () => queue.enqueue(() => opening.setState('paused')),
    resume: () => queue.enqueue(() => opening.setState('running')),
    stop: () => queue.enqueue(() => opening.setState('stopped')),
    async close() {
      memory.closed = true;
      opening.close();
      assistants?.close();
      queue.close();
      mailboxes.wakeAll();
      await queue.settled();
    },
  };
}
