/**
 * A whole task in one process: charge, run the attempt, apply the sum, checkpoint, commit; until the rounds are done,
 * the budget is spent, or somebody says stop. The order of writes is what makes a crash harmless: an attempt is
 * charged before any data is touched, and the checkpoint is on the disk before the charge is marked as done.
 *
 * @module
 */

import {
  addCoordinatorNoiseInto,
  createCoordinatorRound,
  createParticipations,
} from '../../federation/rounds/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { AccountingError, type Ledger } from '../../privacy/accounting/index.ts';
import type { RunFolder } from '../storage/index.ts';
import type { TaskLog } from '../storage/tiles/index.ts';
import type { ModelState, RunPlan } from '../training/index.ts';
import type { SimulatedAssistants } from './assistants.ts';
import { drawDropouts } from './faults.ts';
import type { Hosts, Score } from './hosts.ts';
import type { StageLog, StageView } from '../view/index.ts';
import { simulateRound } from './simulate-round.ts';
import { createVirtualNetwork } from './virtual-network.ts';

/** One line of `metrics.jsonl`, and what a progress line is made of. */
export interface AttemptReport {
  readonly attempt: number;
  /** The round this attempt was for, from 1. */
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

/** Runs a task until it ends. */
export async function simulateTask({
  run,
  ids,
  state,
  hosts,
  assistants,
  ledger,
  chargedBefore,
  log,
  folder,
  faults,
  coordinatorRng,
  signal,
  onAttempt,
  onOpen = () => {},
  onProgress = () => {},
}: {
  run: RunPlan;
  ids: readonly string[];
  state: ModelState;
  hosts: Hosts;
  /** Absent where no party but the coordinator forms the sum. */
  assistants: SimulatedAssistants | undefined;
  /** Absent without privacy. */
  ledger: Ledger | undefined;
  /** Charges of earlier parts of the run: everybody counts as having been in all of them. */
  chargedBefore: number;
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
}): Promise<TaskOutcome> {
  const { task, plan, taskId } = run;
  const network = createVirtualNetwork();
  const totals = { dropouts: 0, aborted: 0, bytes: 0, attempts: 0, coordinatorSeconds: 0, assistantSeconds: 0 };
  let score: Score | undefined;
  let ended: TaskOutcome['ended'] = 'rounds-done';
  const { maxParticipations, update } = plan;
  const members = createParticipations({ ids, maxParticipations, earlier: chargedBefore });

  while (state.round < plan.rounds) {
    if (signal.aborted) {
      ended = 'stopped';
      break;
    }
    const start = performance.now();
    const attempt = state.attempts + 1;
    const round = state.round + 1;
    const rng = faults(attempt);
    const cohort = cohortOf(attempt);
    const reservation =
      cohort.length < 2 && update?.drawRate === undefined ? 'spent' : await reserve(attempt, round, cohort);
    if (reservation === 'spent') {
      ended = 'budget-spent';
      break;
    }
    state.beginAttempt();
    members.add(cohort);
    // The charge and the round stand under a signature before anybody is asked for anything.
    await log.openRound({ attempt, round, cohort, parameters: state.parameters });
    const answers = drawDropouts({ participants: cohort, dropoutRate: task.simulation.dropoutRate }, rng);
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
    const { latencyMs } = task.simulation;
    const outcome = await simulateRound({
      round: machine,
      hosts,
      network,
      answers,
      latencyMs,
      rng,
      cohort,
      assistants: assistants?.assistants,
      onOpen,
      onProgress,
    });
    totals.attempts += 1;
    totals.dropouts += outcome.dropouts;
    totals.bytes += outcome.bytesSent + outcome.bytesReceived;
    totals.coordinatorSeconds += outcome.coordinatorSeconds;
    totals.assistantSeconds += outcome.assistantSeconds;
    const common = {
      attempt,
      round,
      dropouts: outcome.dropouts,
      bytesPerParticipant: Math.round((outcome.bytesSent + outcome.bytesReceived) / Math.max(1, cohort.length)),
      virtualMs: Math.round(outcome.virtualMs),
      stages: outcome.log.stages(),
      ...(outcome.dropouts === 0 ? {} : { dropped: outcome.log.dropped() }),
      ...(outcome.refusals.length === 0 ? {} : { refusals: countOf(outcome.refusals) }),
    };
    const closing = { attempt, round, dropouts: outcome.dropouts };
    if (outcome.result === undefined) {
      totals.aborted += 1;
      log.closeRound({
        ...closing,
        outcome: 'aborted',
        contributors: 0,
        parameters: state.parameters,
        checkpoint: null,
      });
      if (reservation !== undefined) await ledger?.abort(reservation, { dataTouched: true });
      await report({
        ...common,
        outcome: 'aborted',
        reason: outcome.error?.message ?? 'the attempt ended without a result',
        contributors: 0,
        epsilon: ledger?.spent().epsilon ?? 0,
        seconds: (performance.now() - start) / 1000,
      });
      continue;
    }
    const { sum, contributors } = outcome.result;
    addCoordinatorNoiseInto(sum, plan, coordinatorRng(attempt));
    state.apply(sum, { attempt, contributors });
    // The charge is on the disk; a checkpoint that a power failure sets back costs rounds, not privacy.
    const checkpoint = state.checkpoint();
    folder.write('checkpoint.safetensors', checkpoint, { durable: false });
    const { parameters } = state;
    log.closeRound({ ...closing, outcome: 'committed', contributors: contributors.length, parameters, checkpoint });
    if (reservation !== undefined) await ledger?.commit(reservation);
    const evaluated = round % task.training.evaluateEvery === 0 || round === 1 || round === plan.rounds;
    if (evaluated) score = await hosts.evaluate(state.parameters);
    await report({
      ...common,
      outcome: 'committed',
      ...(evaluated && score !== undefined ? { accuracy: score.accuracy, loss: score.loss } : {}),
      contributors: contributors.length,
      epsilon: ledger?.spent().epsilon ?? 0,
      seconds: (performance.now() - start) / 1000,
    });
  }
  return {
    rounds: state.round,
    attempts: totals.attempts,
    dropouts: totals.dropouts,
    abortedAttempts: totals.aborted,
    score: await hosts.evaluate(state.parameters),
    ended,
    bytesPerParticipantRound:
      totals.attempts === 0 ? 0 : Math.round(totals.bytes / totals.attempts / plan.participants),
    coordinatorSeconds: totals.coordinatorSeconds,
    assistantSeconds: totals.assistantSeconds,
  };

  /** Charges the attempt; `spent` when the budget does not allow another one. */
  async function reserve(
    attempt: number,
    round: number,
    cohort: readonly string[],
  ): Promise<Awaited<ReturnType<Ledger['reserve']>> | undefined | 'spent'> {
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
      : members.choose(plan.participants, rng);
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
