/**
 * One task of the service: enrols participants, opens rounds when enough of them are there, carries their messages
 * through the machine of `rounds/`, and moves the model on. Everything passes one queue; what was accepted is in the
 * journal before anybody is told, so the process may die between any two writes.
 *
 * @module
 */

import {
  addCoordinatorNoiseInto,
  type CoordinatorRound,
  createCoordinatorRound,
  type RoundEffect,
  type RoundResult,
} from '../../federation/rounds/index.ts';
import { encodeMessage, isSealedMessage } from '../../federation/wire/index.ts';
import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import type { Ledger } from '../../privacy/accounting/index.ts';
import { AccountingError } from '../../privacy/accounting/index.ts';
import type { Database } from '../storage/database/index.ts';
import { StorageError } from '../storage/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import { createModelState, type ModelState, type RunPlan } from '../training/index.ts';
import { CoordinatorError } from './errors.ts';
import type { ServedAssistants } from './assistants.ts';
import type { CoordinatorAttestation } from './attestation.ts';
import { type AttemptEvent, type AttemptRecord, createJournal } from './journal.ts';
import { createMailboxes, type Mail } from './mailboxes.ts';
import type { StageView } from '../view/index.ts';
import type { TaskWatch } from './task-watch.ts';
import type { ServedLog } from './served-log.ts';

/** When rounds begin and how long they wait. */
export interface ServiceSettings {
  /** Participants that must be there before a round opens. */
  readonly startThreshold: number;
  /** After `startThreshold` is reached, a round waits this long for others. */
  readonly roundWindowMs: number;
  /** A participant that was not heard of for so long is not drawn. */
  readonly presenceMs: number;
}

/** A task's state, for whoever may see it. */
export interface TaskStatus {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly round: number;
  readonly rounds: number;
  readonly accuracy: number | null;
  readonly epsilon: number | null;
  readonly participants: number;
  readonly dropouts: number;
  readonly stage: string | null;
}

/** The report of one attempt. */
export interface ServiceReport {
  readonly attempt: number;
  readonly round: number;
  readonly outcome: 'committed' | 'aborted';
  readonly reason?: string;
  /** Code of what ended an aborted attempt. */
  readonly code?: string;
  readonly accuracy?: number;
  readonly epsilon: number | null;
  readonly contributors: number;
  readonly dropouts: number;
  readonly seconds: number;
  readonly loss?: number;
  /** The protocol's stages as they passed. */
  readonly stages?: readonly StageView[];
  /** Who stopped answering, with the stage; absent when nobody did. */
  readonly dropped?: Readonly<Record<string, string>>;
  /** Mean of bytes sent plus bytes received, a participant. */
  readonly bytesPerParticipant?: number;
  /** Under which evidence each member of the cohort took part, by participant; absent where nothing was attested. */
  readonly attestation?: AttestedRound;
}

/** What a round's transcript carries of the attestation; digests in hexadecimal. */
export interface AttestedRound {
  readonly simulated: boolean;
  readonly publicKey: string;
  readonly codeDigest: string;
  readonly taskPolicyDigest: string;
  readonly evidence: Readonly<Record<string, string>>;
}

/** One served task. */
export interface TaskService {
  readonly run: RunPlan;
  /** Takes up what a former process left, and opens rounds from now on. */
  start(): Promise<void>;
  /** Records that a participant is there. */
  seen(participant: string): void;
  /** Records that a participant has left: it is not drawn again until it comes back. */
  left(participant: string): void;
  /**
   * Takes a message of a participant.
   * @throws {@link CoordinatorError} `coordinator/message-refused` when it is not accepted; nothing changed then.
   */
  receive(participant: string, bytes: Uint8Array): Promise<void>;
  mail(
    participant: string,
    cursor: number,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<readonly Mail[]>;
  /** Answers a participant's challenge with evidence. @throws {@link CoordinatorError} `coordinator/not-attested`. */
  attest(participant: string, nonce: Uint8Array): Promise<Uint8Array>;
  status(): TaskStatus;
  model(): Uint8Array;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
  /** Whether this process has put the task down. */
  readonly closed: boolean;
  /** Lets the process end; nothing is lost. */
  close(): Promise<void>;
}

/** What a task service works with. */
export interface TaskServiceOptions {
  readonly id: string;
  readonly run: RunPlan;
  readonly db: Database;
  readonly objects: ObjectStore;
  readonly ledger: Ledger | undefined;
  readonly settings: ServiceSettings;
  readonly initial: { state: string; round: number; checkpointKey: string | null };
  /** With it, participants can ask for evidence and seal to its key. */
  readonly attestation?: CoordinatorAttestation;
  /** The digest of the task's policy; 32 bytes. */
  readonly taskPolicyDigest: Uint8Array;
  /** False once another node may have taken the task over: nothing is written then. */
  readonly isMine?: () => boolean;
  /** With it, every round goes into the task's transparency log, with what the log says of the task. */
  readonly served?: { readonly log: ServedLog; readonly definition: string; readonly inputShape: readonly number[] };
  /** The parties beside the coordinator that help to form the sum, where the task has such. */
  readonly assistants?: ServedAssistants | undefined;
  /** Accuracy on public test data, where the coordinator has some. */
  readonly evaluate?: (parameters: Float32Array) => Promise<{ accuracy: number; loss?: number }>;
  /** Shows people how the task goes. */
  readonly watch?: TaskWatch;
  readonly onReport?: (report: ServiceReport) => void;
  /** Called between any two writes; tests end the process there. */
  readonly onWrite?: (point: string) => void;
  /** Milliseconds that only grow. */
  readonly clock: () => number;
}

/** Time before the coordinator tries again what it could not write. */
const RETRY_MS = 1000;

/** Messages, and bytes of messages, that are written to the journal together. */
const MAX_BATCH = 64;
const MAX_BATCH_BYTES = 16 * 2 ** 20;

/** A message that waits for its turn. */
interface Incoming {
  readonly participant: string;
  /** As received; what the journal keeps. */
  readonly bytes: Uint8Array;
  /** As the machine reads it. */
  readonly plain: Uint8Array;
  readonly accept: () => void;
  readonly refuse: (error: unknown) => void;
}

interface OpenAttempt {
  readonly record: AttemptRecord;
  readonly machine: CoordinatorRound;
  position: number;
  readonly startMs: number;
}

/** Creates the service of a task. */
export function createTaskService({
  id,
  run,
  db,
  objects,
  ledger,
  settings,
  initial,
  attestation,
  taskPolicyDigest,
  isMine = () => true,
  served,
  assistants,
  evaluate,
  watch,
  onReport,
  onWrite = () => {},
  clock,
}: TaskServiceOptions): TaskService {
  const { plan, task, layers, personal, taskId } = run;
  // Whoever is present is asked here: a cohort that is not drawn by private coins must not be charged as one.
  if (plan.update?.drawRate !== undefined) {
    throw new CoordinatorError(
      'coordinator/wrong-state',
      'a private draw is for simulations: served rounds ask whoever is there; leave out privacy.participation',
    );
  }
  const journal = createJournal({ db, objects, taskId: id });
  const mailboxes = createMailboxes();
  const present = new Map<string, number>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let stateName = initial.state;
  let model: ModelState | undefined;
  let open: OpenAttempt | undefined;
  let opening: ReturnType<typeof setTimeout> | undefined;
  let accuracy: number | null = null;
  let loss: number | undefined;
  let dropouts = 0;
  let closed = false;
  /** Memory may be ahead of the journal. */
  let stale = false;
  let queue: Promise<unknown> = Promise.resolve();
  const incoming: Incoming[] = [];
  /** The newest evidence that each participant asked for, hexadecimal. */
  const evidence = new Map<string, string>();

  /**
   * Runs steps one after another. A step that fails for a reason outside of the protocol (the database went away, the
   * disk is full) leaves memory ahead of what is written: memory is then thrown away, and the next step begins by
   * replaying the journal.
   */
  function enqueue<T>(step: () => Promise<T>): Promise<T> {
    const result = queue.then(async () => {
      if (!isMine())
        throw new CoordinatorError('coordinator/elsewhere', 'another node has taken the task over', {
          retryable: true,
        });
      try {
        if (stale) await replay();
        return await step();
      } catch (error) {
        if (error instanceof SottoError && !(error instanceof StorageError)) throw error;
        stale = true;
        schedule(RETRY_MS, () => enqueue(async () => {}));
        throw new CoordinatorError('coordinator/unavailable', 'the coordinator cannot write now; try again', {
          cause: error,
          retryable: true,
        });
      }
    });
    queue = result.catch(() => {});
    return result;
  }

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
    if (open === undefined || assistants === undefined) return;
    const { machine, record } = open;
    const take = (told: () => readonly RoundEffect[]): Promise<void> =>
      enqueue(async () => {
        if (closed || open?.machine !== machine) return;
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

  /** Rebuilds the open attempt from the journal. */
  async function replay(): Promise<void> {
    stale = true;
    model = await loadModel();
    const found = await journal.current();
    open = undefined;
    stale = false;
    if (found === undefined) return;
    const { record, events } = found;
    const machine = await machineOf(record, model.offered());
    mailboxes.openAttempt(record.attempt);
    open = { record, machine, position: events?.length ?? 0, startMs: clock() };
    watch?.opened(record, machine.stage, clock());
    await served?.log.openRound(record, model);
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
    if (open !== undefined && !effects.some(({ kind }) => kind === 'timer')) armTimer(machine.stage);
  }

  /** Opens a sealed message; any other is as it is. */
  async function reveal(participant: string, bytes: Uint8Array): Promise<Uint8Array> {
    if (!isSealedMessage(bytes)) return bytes;
    if (attestation === undefined) {
      throw new CoordinatorError('coordinator/not-attested', 'nothing can be sealed to this coordinator');
    }
    return attestation.open(bytes, { participant, taskPolicyDigest });
  }

  /** What a former process was sealed to died with it: the attempt ends, its charge stays. */
  async function abortUnreadable(error: unknown): Promise<undefined> {
    if (!(error instanceof SottoError) || open === undefined) throw error;
    const { attempt, round, cohort } = open.record;
    const bytes = encodeMessage({ kind: 'round-closed', taskId, round, attempt, outcome: 'aborted' });
    for (const member of cohort) mailboxes.put(member, bytes);
    await abortRound(error, cohort.length);
    return undefined;
  }

  /** Carries waiting messages through the machine: journalled together, answered after that. */
  async function drain(): Promise<void> {
    const waiting: Incoming[] = [];
    for (let bytes = 0; incoming.length > 0 && waiting.length < MAX_BATCH && bytes < MAX_BATCH_BYTES;) {
      const next = incoming.shift() as Incoming;
      bytes += next.bytes.length;
      waiting.push(next);
    }
    if (incoming.length > 0) wakeDrain();
    let taken: Incoming[] = [];
    try {
      while (waiting.length > 0) {
        taken = [];
        const events: AttemptEvent[] = [];
        let effects: readonly RoundEffect[] = [];
        // A message that closes a stage ends the group: what it opens is told before anything else is taken in.
        while (waiting.length > 0 && effects.length === 0) {
          const next = waiting.shift() as Incoming;
          const { participant, bytes, plain } = next;
          if (open === undefined) {
            // Not to be sent again: after a restart the round may have been finished from the journal, with this message.
            next.refuse(new CoordinatorError('coordinator/wrong-state', 'no round is open; wait for an offer'));
            continue;
          }
          const { stage } = open.machine;
          const found = open.machine.receive(participant, plain);
          const refused = found.find((effect) => effect.kind === 'refused');
          if (refused?.kind === 'refused') {
            next.refuse(
              new CoordinatorError('coordinator/message-refused', `the message was refused: ${refused.code}`, {
                details: { reason: refused.code },
              }),
            );
            continue;
          }
          effects = found;
          taken.push(next);
          watch?.answered(participant, bytes.length);
          watch?.moved(open.machine.stage, clock());
          events.push({ kind: 'message', stage, participant, bytes });
          onWrite('before-journal');
        }
        if (open === undefined || taken.length === 0) continue;
        await journal.appendAll(open.record.attempt, open.position, events);
        for (const _event of events) onWrite('message-journaled');
        open.position += events.length;
        await perform(effects);
        for (const { accept } of taken) {
          onWrite('message-answered');
          accept();
        }
      }
    } catch (error) {
      const unavailable = new CoordinatorError(
        'coordinator/unavailable',
        'the coordinator cannot write now; try again',
        {
          cause: error,
          retryable: true,
        },
      );
      for (const { refuse } of [...taken, ...waiting]) refuse(unavailable);
      throw error;
    }
  }

  function wakeDrain(): void {
    enqueue(drain).catch((error: unknown) => {
      // The step did not run at all: nobody has been answered.
      for (const { refuse } of incoming.splice(0)) refuse(error);
    });
  }

  function armTimer(stage: string): void {
    schedule(plan.aggregation.stageTimeoutMs, () => enqueue(() => timeOut(stage)));
  }

  function schedule(afterMs: number, action: () => Promise<unknown>): void {
    if (closed) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      action().catch(() => {});
    }, afterMs);
    timers.add(timer);
  }

  async function timeOut(stage: string): Promise<void> {
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
          schedule(effect.afterMs, () => enqueue(() => timeOut(stage)));
          break;
        }
        case 'ask':
          ask(effect.assistant, effect.bytes);
          break;
        case 'refused':
          break;
        case 'finished':
          await commitRound(effect.result);
          break;
        case 'aborted':
          await abortRound(effect.error, effect.dropouts);
          break;
      }
    }
  }

  async function commitRound(result: RoundResult): Promise<void> {
    if (open === undefined || model === undefined) return;
    const { record, startMs } = open;
    const { sum, contributors } = result;
    addCoordinatorNoiseInto(sum, plan, createSystemRng());
    model.apply(sum, { attempt: record.attempt, contributors });
    const checkpoint = model.checkpoint();
    const digest = toHex(sha256(checkpoint));
    const checkpointKey = `tasks/${id}/checkpoints/${record.round}-${record.attempt}`;
    onWrite('before-checkpoint');
    await objects.put(checkpointKey, checkpoint);
    onWrite('checkpoint-written');
    await closeReservation(record, 'commit');
    onWrite('ledger-committed');
    const finished = model.round >= plan.rounds;
    await journal.commit(record.attempt, { round: model.round, checkpointKey, modelDigest: digest, finished });
    onWrite('round-committed');
    const { parameters } = model;
    served?.log.log.closeRound({
      ...closing(record),
      outcome: 'committed',
      contributors: contributors.length,
      dropouts: result.dropouts.length,
      parameters,
      checkpoint,
    });
    open = undefined;
    dropouts += result.dropouts.length;
    if (finished) stateName = 'finished';
    if (evaluate !== undefined && (finished || model.round % task.training.evaluateEvery === 0 || model.round === 1)) {
      ({ accuracy, loss } = await evaluate(model.parameters));
    }
    await report({
      attempt: record.attempt,
      round: record.round,
      outcome: 'committed',
      ...(accuracy === null ? {} : { accuracy }),
      ...(loss === undefined ? {} : { loss }),
      epsilon: ledger?.spent().epsilon ?? null,
      contributors: contributors.length,
      dropouts: result.dropouts.length,
      seconds: (clock() - startMs) / 1000,
      ...attested(record),
    });
    if (finished) await served?.log.release(model, model.export({ task: task.task, rounds: String(model.round) }));
    await journal.sweep(record.attempt);
    onWrite('vectors-swept');
    if (finished) mailboxes.wakeAll();
    considerOpening();
  }

  async function abortRound(error: SottoError, lost: number): Promise<void> {
    if (open === undefined) return;
    const { record, startMs } = open;
    await closeReservation(record, 'abort');
    onWrite('ledger-aborted');
    await journal.abort(record.attempt, error.message);
    onWrite('round-aborted');
    if (model !== undefined) {
      const { parameters } = model;
      served?.log.log.closeRound({
        ...closing(record),
        outcome: 'aborted',
        contributors: 0,
        dropouts: lost,
        parameters,
        checkpoint: null,
      });
    }
    open = undefined;
    dropouts += lost;
    await report({
      attempt: record.attempt,
      round: record.round,
      outcome: 'aborted',
      reason: error.message,
      code: error.cause instanceof SottoError ? error.cause.code : error.code,
      epsilon: ledger?.spent().epsilon ?? null,
      contributors: 0,
      dropouts: lost,
      seconds: (clock() - startMs) / 1000,
      ...attested(record),
    });
    await journal.sweep(record.attempt);
    considerOpening();
  }

  const closing = ({ attempt, round }: AttemptRecord): { attempt: number; round: number } => ({ attempt, round });

  /** Closes a charge; one that a former process closed stays as it is. */
  async function closeReservation({ reservation }: AttemptRecord, how: 'commit' | 'abort'): Promise<void> {
    if (ledger === undefined || reservation === null) return;
    if (!ledger.open().some((each) => each.id === reservation)) return;
    if (how === 'commit') await ledger.commit(reservation);
    else await ledger.abort(reservation, { dataTouched: true });
  }

  /** The round's line of the transcript. */
  function attested({ cohort }: AttemptRecord): { attestation?: AttestedRound } {
    if (attestation === undefined) return {};
    const shown = cohort.flatMap((id) => {
      const digest = evidence.get(id);
      return digest === undefined ? [] : [[id, digest] as const];
    });
    return {
      attestation: {
        simulated: attestation.simulated,
        publicKey: toHex(attestation.publicKey),
        codeDigest: toHex(attestation.codeDigest),
        taskPolicyDigest: toHex(taskPolicyDigest),
        evidence: Object.fromEntries(shown),
      },
    };
  }

  async function report(plainLine: ServiceReport): Promise<void> {
    const line: ServiceReport = { ...plainLine, ...watch?.ended(clock()) };
    await db
      .insertInto('metrics')
      .values({ task_id: id, attempt: line.attempt, report: JSON.stringify(line) })
      .onConflict((conflict) => conflict.columns(['task_id', 'attempt']).doNothing())
      .execute();
    onWrite('metrics-written');
    served?.log.log.report(JSON.stringify(line), line);
    await served?.log.log.flush();
    watch?.reported(line);
    watch?.state(stateName);
    onReport?.(line);
  }

  function presentNow(): string[] {
    const oldest = clock() - settings.presenceMs;
    return [...present].filter(([, at]) => at >= oldest).map(([who]) => who);
  }

  /** Opens a round after its window when enough participants are there. */
  function considerOpening(): void {
    if (closed || stateName !== 'running' || open !== undefined || opening !== undefined) return;
    if (presentNow().length < settings.startThreshold) return;
    const full = presentNow().length >= plan.participants;
    opening = setTimeout(
      () => {
        opening = undefined;
        enqueue(openRound).catch(() => {});
      },
      full ? 0 : settings.roundWindowMs,
    );
  }

  async function openRound(): Promise<void> {
    if (closed || stateName !== 'running' || open !== undefined) return;
    const cohort = presentNow().toSorted().slice(0, plan.participants);
    if (cohort.length < settings.startThreshold) return;
    model ??= await loadModel();
    const attempt = (await journal.lastAttempt()) + 1;
    const round = model.round + 1;
    let reservation: string | null = null;
    if (ledger !== undefined && plan.event !== undefined) {
      try {
        ({ id: reservation } = await ledger.reserve({ event: plan.event, purpose: 'training', round, attempt }));
      } catch (error) {
        if (!(error instanceof AccountingError && error.code === 'accounting/budget-exceeded')) throw error;
        await setState('stopped');
        watch?.state('budget-spent');
        return;
      }
    }
    onWrite('attempt-reserved');
    const record = { attempt, round, cohort, reservation };
    await journal.open(record);
    onWrite('attempt-opened');
    await served?.log.openRound(record, model);
    const machine = await machineOf(record, model.offered());
    mailboxes.openAttempt(attempt);
    open = { record, machine, position: 0, startMs: clock() };
    watch?.opened(record, machine.stage, clock());
    await perform(machine.begin());
  }

  /** Says in the log what this process takes up. */
  async function logStart(): Promise<void> {
    if (served === undefined || model === undefined) return;
    const row = await db.selectFrom('tasks').select('checkpoint_key').where('id', '=', id).executeTakeFirst();
    const key = row?.checkpoint_key ?? null;
    const { log, definition, inputShape } = served;
    await log.start({
      run,
      definition,
      inputShape,
      terms: ledger?.terms[0],
      model,
      checkpoint: key === null ? null : await objects.get(key),
    });
  }

  async function setState(next: string): Promise<void> {
    await db.updateTable('tasks').set({ state: next, updated_at: new Date() }).where('id', '=', id).execute();
    stateName = next;
    watch?.state(next);
    if (next === 'running') considerOpening();
    else mailboxes.wakeAll();
  }

  return {
    run,
    get closed() {
      return closed;
    },
    start: () =>
      enqueue(async () => {
        await replay();
        await logStart();
        considerOpening();
      }),
    seen(participant) {
      present.set(participant, clock());
      watch?.present(presentNow());
      considerOpening();
    },
    left(participant) {
      present.delete(participant);
      watch?.left(participant);
    },
    async receive(participant, bytes) {
      const plain = await reveal(participant, bytes);
      return new Promise((accept, refuse) => {
        incoming.push({ participant, bytes, plain, accept, refuse });
        if (incoming.length === 1) wakeDrain();
      });
    },
    async attest(participant, nonce) {
      if (attestation === undefined) {
        throw new CoordinatorError('coordinator/not-attested', 'this coordinator has no evidence to show');
      }
      const { frame, evidenceDigest } = await attestation.answer(nonce, taskPolicyDigest);
      evidence.set(participant, evidenceDigest);
      await served?.log.attested(participant, {
        evidenceDigest,
        taskPolicyDigest: toHex(taskPolicyDigest),
        codeDigest: toHex(attestation.codeDigest),
        simulated: attestation.simulated,
      });
      return frame;
    },
    async mail(participant, cursor, options) {
      this.seen(participant);
      // Nobody waits for a task that has ended.
      const over = stateName === 'finished' || stateName === 'stopped';
      return mailboxes.wait(participant, cursor, over ? { timeoutMs: 0 } : options);
    },
    status: () => ({
      id,
      name: task.task,
      state: stateName,
      round: model?.round ?? initial.round,
      rounds: plan.rounds,
      accuracy,
      epsilon: ledger?.spent().epsilon ?? null,
      participants: presentNow().length,
      dropouts,
      stage: open?.machine.stage ?? null,
    }),
    model() {
      if (model === undefined) throw new CoordinatorError('coordinator/wrong-state', 'the task has no model yet');
      return model.export({ task: task.task, rounds: String(model.round) });
    },
    pause: () => enqueue(() => setState('paused')),
    resume: () => enqueue(() => setState('running')),
    stop: () => enqueue(() => setState('stopped')),
    async close() {
      closed = true;
      clearTimeout(opening);
      assistants?.close();
      for (const timer of timers) clearTimeout(timer);
      mailboxes.wakeAll();
      await queue;
    },
  };
}
