/**
 * A whole task in one process: charge, run the attempts, apply the sum, checkpoint, commit; until the rounds are done,
 * the budget is spent, or somebody says stop. The order of writes is what makes a crash harmless: an attempt is
 * charged before any data is touched, and the checkpoint is on the disk before the charge is marked as done.
 *
 * @module
 */

import { addCoordinatorNoiseInto, countsMemberships, createCoordinatorRound } from '../../federation/rounds/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { AccountingError, type Ledger, type Reservation } from '../../privacy/accounting/index.ts';
import type { RunFolder } from '../storage/index.ts';
import type { TaskLog } from '../storage/tiles/index.ts';
import type { ModelState, RunPlan } from '../training/index.ts';
import type { SimulatedAssistants } from './assistants.ts';
import { type Cohorts, loggedCohort } from './cohorts.ts';
import { drawDropouts, drawStragglers } from './faults.ts';
import type { Hosts, Score } from './hosts.ts';
import type { StageLog, StageView } from '../view/index.ts';
import { type SimulatedRound, type StageWork, startRound } from './simulate-round.ts';
import { createVirtualNetwork } from './virtual-network.ts';

/** One line of `metrics.jsonl`, and what a progress line is made of. */
export interface AttemptReport {
  readonly attempt: number;
  /** The round that it committed, from 1; of an aborted one, the round it was for. */
  readonly round: number;
  readonly outcome: 'committed' | 'aborted';
  /** Why it was aborted. */
  readonly reason?: string;
  /** On public test data; absent in rounds that are not evaluated. */
  readonly accuracy?: number;
  readonly loss?: number;
  /** Spent so far; 0 without privacy. */
  readonly epsilon: number;
  readonly contributors: number;
  readonly dropouts: number;
  /** Mean of bytes sent plus bytes received, a participant. */
  readonly bytesPerParticipant: number;
  readonly virtualMs: number;
  /** Where several cohorts are open: virtual milliseconds from the start of the run to the end of this attempt. */
  readonly virtualEndMs?: number;
  /** Where several cohorts are open: rounds that were committed while this one was under way. */
  readonly staleness?: number;
  readonly seconds: number;
  /** What was refused by participants or of their messages, with counts; absent when nothing was. */
  readonly refusals?: Readonly<Record<string, number>>;
  /** The protocol's stages as they passed, in virtual milliseconds. */
  readonly stages?: readonly StageView[];
  /** Who stopped answering, with the stage; absent when nobody did. */
  readonly dropped?: Readonly<Record<string, string>>;
}

/** How a simulated task ended. */
export interface TaskOutcome {
  readonly rounds: number;
  readonly attempts: number;
  readonly dropouts: number;
  readonly abortedAttempts: number;
  readonly score: Score;
  /** What ended it. */
  readonly ended: 'rounds-done' | 'budget-spent' | 'stopped';
  readonly bytesPerParticipantRound: number;
  readonly coordinatorSeconds: number;
  readonly assistantSeconds: number;
}

/** A charge; none without privacy, or where nobody reaches more memberships than were charged. */
type Reserved = Reservation | undefined;

/** An attempt with something under way. */
interface OpenAttempt {
  readonly attempt: number;
  /** What it was offered as: the model's version then, and one. */
  readonly round: number;
  readonly cohort: readonly string[];
  readonly reservation: Reserved;
  readonly startSeconds: number;
  readonly simulated: SimulatedRound;
  /** Its sum is applied or given up; messages may still be under way. */
  closed: boolean;
}

/**
 * Runs a task until it ends: one attempt after another, or, with buffered rounds, as many as its `concurrency` says,
 * each with idle participants and the model of the moment.
 */
export async function simulateTask({
  run,
  ids,
  state,
  hosts,
  assistants,
  ledger,
  chargedBefore,
  startMs = 0,
  cohorts,
  log,
  folder,
  faults,
  coordinatorRng,
  signal,
  onAttempt,
  onOpen = () => {},
  onProgress = () => {},
  onWork = () => {},
}: {
  run: RunPlan;
  ids: readonly string[];
  state: ModelState;
  hosts: Hosts;
  /** Absent where no party but the coordinator forms the sum. */
  assistants: SimulatedAssistants | undefined;
  /** Absent without privacy. */
  ledger: Ledger | undefined;
  /** Charges of earlier parts of the run. */
  chargedBefore: number;
  /** Virtual milliseconds that earlier parts of the run took. */
  startMs?: number;
  /** Whom each attempt asks. */
  cohorts: Cohorts;
  /** Every charge, round and report goes into it. */
  log: TaskLog;
  folder: RunFolder;
  /** Source of delays and dropouts of an attempt; protects nobody. */
  faults: (attempt: number) => Rng;
  /** Source of the coordinator's noise under `trust: coordinator`. */
  coordinatorRng: (attempt: number) => Rng;
  signal: AbortSignal;
  onAttempt: (report: AttemptReport) => void;
  onOpen?: (log: StageLog) => void;
  onProgress?: () => void;
  onWork?: (work: StageWork) => void;
}): Promise<TaskOutcome> {
  const { task, plan, taskId } = run;
  const network = createVirtualNetwork({ startMs });
  const totals = { dropouts: 0, aborted: 0, bytes: 0, attempts: 0, coordinatorSeconds: 0, assistantSeconds: 0 };
  let score: Score | undefined;
  let ended: TaskOutcome['ended'] | undefined;
  const { maxParticipations, update } = plan;
  const concurrency = update?.buffered?.concurrency ?? 1;
  const members = cohorts.participations({ charged: chargedBefore });
  const slowdown = drawStragglers({ participants: ids, stragglers: task.simulation.stragglers }, faults(0));
  /** Attempts with anything under way. */
  const open = new Set<OpenAttempt>();
  // Where attempts follow one another, one is over when its last message has arrived, and the next may begin.
  const isOver = ({ simulated }: OpenAttempt): boolean => (concurrency === 1 ? simulated.settled : simulated.done);

  for (;;) {
    while (ended === undefined && mayOpen()) {
      if (signal.aborted) ended = 'stopped';
      else if (!(await openAttempt())) ended = 'budget-spent';
    }
    if (open.size === 0) break;
    const moves = (attempt: OpenAttempt): boolean => (attempt.closed ? attempt.simulated.settled : isOver(attempt));
    // Where several are open, another may begin as soon as enough members of those that ended have heard of it.
    await network.run(() => [...open].some(moves) || (ended === undefined && mayOpen()));
    // On a network that has run dry nothing ends any more.
    const isDry = network.isDry && ![...open].some(moves);
    for (const attempt of open) {
      if (!attempt.closed && (isDry || isOver(attempt))) await closeAttempt(attempt);
      if (attempt.closed && (isDry || attempt.simulated.settled)) open.delete(attempt);
    }
  }
  return {
    rounds: state.round,
    attempts: totals.attempts,
    dropouts: totals.dropouts,
    abortedAttempts: totals.aborted,
    score: await hosts.evaluate(state.parameters),
    ended: ended ?? 'rounds-done',
    bytesPerParticipantRound:
      totals.attempts === 0 ? 0 : Math.round(totals.bytes / totals.attempts / plan.participants),
    coordinatorSeconds: totals.coordinatorSeconds,
    assistantSeconds: totals.assistantSeconds,
  };

  /** Whether another attempt could be of use now: no more are opened than there are rounds left. */
  function mayOpen(): boolean {
    const running = [...open].filter(({ closed }) => !closed).length;
    if (running >= concurrency || state.round + running >= plan.rounds) return false;
    return open.size === 0 || (concurrency > 1 && members.eligible({ busy: busyNow() }).length >= plan.participants);
  }

  /** Whoever has something under way: nobody is in two attempts at once. */
  function busyNow(): ReadonlySet<string> {
    return new Set([...open].flatMap(({ cohort, simulated }) => cohort.filter((who) => simulated.isBusy(who))));
  }

  /** Charges an attempt and starts it; false when the budget or the participants do not allow another one. */
  async function openAttempt(): Promise<boolean> {
    const startSeconds = performance.now() / 1000;
    const attempt = state.attempts + 1;
    const round = state.round + 1;
    const rng = faults(attempt);
    const cohort = cohortOf(attempt);
    const least = concurrency > 1 ? plan.participants : 2;
    if (cohort.length < least && update?.drawRate === undefined) return false;
    const reservation = await reserve(attempt, round, cohort);
    if (reservation === 'spent') return false;
    state.beginAttempt();
    cohorts.record(attempt, cohort);
    const memberships = members.add(cohort);
    const counted = countsMemberships(plan) ? { memberships } : {};
    // The charge and the round stand under a signature before anybody is asked for anything.
    const { parameters } = state;
    await log.openRound({ attempt, round, cohort: loggedCohort(plan, { ids, cohort }), parameters, ...counted });
    const machine = createCoordinatorRound({
      plan,
      taskId,
      round,
      attempt,
      cohort,
      parameters: state.offered(),
      assistance: assistants?.assistance,
      roster: assistants?.roster,
    });
    const simulated = startRound({
      round: machine,
      hosts,
      network,
      answers: drawDropouts({ participants: cohort, dropoutRate: task.simulation.dropoutRate }, rng),
      latencyMs: task.simulation.latencyMs,
      slowdown,
      rng,
      cohort,
      assistants: assistants?.assistants,
      onOpen,
      onProgress,
      onWork,
    });
    open.add({ attempt, round, cohort, reservation, startSeconds, simulated, closed: false });
    return true;
  }

  /** Applies the sum of an attempt, or leaves the model as it is; charge, log and report follow. */
  async function closeAttempt(ending: OpenAttempt): Promise<void> {
    const { attempt, cohort, reservation, startSeconds, simulated } = ending;
    const outcome = simulated.outcome();
    ending.closed = true;
    totals.attempts += 1;
    totals.dropouts += outcome.dropouts;
    totals.bytes += outcome.bytesSent + outcome.bytesReceived;
    totals.coordinatorSeconds += outcome.coordinatorSeconds;
    totals.assistantSeconds += outcome.assistantSeconds;
    const common = {
      attempt,
      dropouts: outcome.dropouts,
      bytesPerParticipant: Math.round((outcome.bytesSent + outcome.bytesReceived) / Math.max(1, cohort.length)),
      virtualMs: Math.round(outcome.virtualMs),
      ...(concurrency > 1 ? { virtualEndMs: Math.round(network.nowMs) } : {}),
      stages: outcome.log.stages(),
      ...(outcome.dropouts === 0 ? {} : { dropped: outcome.log.dropped() }),
      ...(outcome.refusals.length === 0 ? {} : { refusals: countOf(outcome.refusals) }),
    };
    const isDrawn = update?.drawRate !== undefined;
    const closing = { attempt, dropouts: isDrawn ? 0 : outcome.dropouts };
    if (outcome.result === undefined) {
      const { round } = ending;
      totals.aborted += 1;
      log.closeRound({
        ...closing,
        round,
        outcome: 'aborted',
        contributors: 0,
        parameters: state.parameters,
        checkpoint: null,
      });
      if (reservation !== undefined) await ledger?.abort(reservation, { dataTouched: true });
      await report({
        ...common,
        round,
        outcome: 'aborted',
        reason: outcome.error?.message ?? 'the attempt ended without a result',
        contributors: 0,
        epsilon: ledger?.spent().epsilon ?? 0,
        seconds: performance.now() / 1000 - startSeconds,
      });
      return;
    }
    const { sum, contributors } = outcome.result;
    const late = concurrency > 1 ? { staleness: state.round + 1 - ending.round } : {};
    addCoordinatorNoiseInto(sum, plan, coordinatorRng(attempt));
    state.apply(sum, { attempt, contributors, ...late });
    const { round, parameters } = state;
    // The charge is on the disk; a checkpoint that a power failure sets back costs rounds, not privacy.
    const checkpoint = state.checkpoint();
    folder.write('checkpoint.safetensors', checkpoint, { durable: false });
    log.closeRound({
      ...closing,
      ...late,
      round,
      outcome: 'committed',
      contributors: isDrawn ? ids.length : contributors.length,
      parameters,
      checkpoint,
    });
    if (reservation !== undefined) await ledger?.commit(reservation);
    const evaluated = round % task.training.evaluateEvery === 0 || round === 1 || round === plan.rounds;
    if (evaluated) score = await hosts.evaluate(state.parameters);
    await report({
      ...common,
      ...late,
      round,
      outcome: 'committed',
      ...(evaluated && score !== undefined ? { accuracy: score.accuracy, loss: score.loss } : {}),
      contributors: contributors.length,
      epsilon: ledger?.spent().epsilon ?? 0,
      seconds: performance.now() / 1000 - startSeconds,
    });
  }

  /** Charges the attempt; `spent` when the budget does not allow another one. */
  async function reserve(attempt: number, round: number, cohort: readonly string[]): Promise<Reserved | 'spent'> {
    if (ledger === undefined || plan.event === undefined) return undefined;
    // Of a private draw every attempt is charged: it is the draw that is amplified, not the absence.
    if (update?.drawRate === undefined && !members.isCharged(cohort)) return undefined;
    try {
      return await ledger.reserve({ event: plan.event, purpose: 'training', round, attempt });
    } catch (error) {
      if (error instanceof AccountingError && error.code === 'accounting/budget-exceeded') return 'spent';
      throw error;
    }
  }

  /** Whom an attempt asks: everybody, a cohort, or a private draw. */
  function cohortOf(attempt: number): readonly string[] {
    const rng = coordinatorRng(attempt).fork('cohort');
    if (update?.drawRate !== undefined) return members.draw(update.drawRate, rng);
    return plan.participants === ids.length && maxParticipations === undefined
      ? ids
      : members.choose(plan.participants, rng, { busy: busyNow() });
  }

  async function report(line: AttemptReport): Promise<void> {
    folder.appendLine('metrics.jsonl', { ...line });
    log.report(JSON.stringify(line), line);
    await log.flush();
    onAttempt(line);
  }
}

function countOf(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
