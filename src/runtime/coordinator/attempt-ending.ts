/**
 * Ends an attempt: the sum moves the model, or nothing does; charge, journal, log and report follow in an order in which
 * the process may die between any two writes.
 *
 * @module
 */

import { addCoordinatorNoiseInto, type RoundResult } from '../../federation/rounds/index.ts';
import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import { checkpointKeyOf, KEPT_CHECKPOINTS, pruneCheckpoints } from './checkpoints.ts';
import type { AttemptRecord } from './journal.ts';
import type { AttestedRound, ServiceReport } from './served-task.ts';
import type { OpenAttempt, TaskContext } from './task-context.ts';

/** Ends attempts that are open. */
export interface AttemptEnding {
  commit(attempt: OpenAttempt, result: RoundResult): Promise<void>;
  /** @param why - `lost`: members that stopped answering. */
  abort(attempt: OpenAttempt, why: { readonly error: SottoError; readonly lost: number }): Promise<void>;
}

/** Creates what ends attempts; `next` is called when another may open. */
export function createAttemptEnding({
  options,
  journal,
  mailboxes,
  memory,
  next,
}: TaskContext & { readonly next: () => void }): AttemptEnding {
  const { id, run, db, objects, ledger, attestation, taskPolicyDigest, served, evaluate, watch, onReport } = options;
  const { onWrite, clock, keepCheckpoints = KEPT_CHECKPOINTS } = options;
  const { plan, task } = run;

  async function commit({ record, startMs }: OpenAttempt, result: RoundResult): Promise<void> {
    const { model } = memory;
    if (model === undefined) return;
    const { attempt } = record;
    const { sum, contributors } = result;
    // An attempt is offered as the round after the model's: what was committed since made it late.
    const late = record.base === null ? {} : { staleness: model.round + 1 - record.round };
    addCoordinatorNoiseInto(sum, plan, createSystemRng());
    model.apply(sum, { attempt, contributors, ...late });
    const { round } = model;
    const checkpoint = model.checkpoint();
    const digest = toHex(sha256(checkpoint));
    const checkpointKey = checkpointKeyOf(id, { round, attempt });
    onWrite('before-checkpoint');
    await objects.put(checkpointKey, checkpoint);
    onWrite('checkpoint-written');
    await closeReservation(record, 'commit');
    onWrite('ledger-committed');
    const finished = round >= plan.rounds;
    await journal.commit(attempt, { round, checkpointKey, modelDigest: digest, finished });
    onWrite('round-committed');
    const { parameters } = model;
    served?.log.log.closeRound({
      attempt,
      round,
      ...late,
      outcome: 'committed',
      contributors: contributors.length,
      dropouts: result.dropouts.length,
      parameters,
      checkpoint,
    });
    memory.open.delete(attempt);
    memory.dropouts += result.dropouts.length;
    if (finished) memory.state = 'finished';
    const due = finished || round % task.training.evaluateEvery === 0 || round === 1;
    const measured = evaluate !== undefined && due ? await evaluate(model.parameters) : undefined;
    if (measured !== undefined) ({ accuracy: memory.accuracy, loss: memory.loss } = measured);
    await report({
      attempt,
      round,
      ...late,
      outcome: 'committed',
      ...measured,
      epsilon: ledger?.spent().epsilon ?? null,
      contributors: contributors.length,
      dropouts: result.dropouts.length,
      seconds: (clock() - startMs) / 1000,
      ...attested(record),
    });
    if (finished) await served?.log.release(model, model.export({ task: task.task, rounds: String(round) }));
    await journal.sweep(attempt);
    onWrite('vectors-swept');
    // What cannot be deleted now is found again after the next round.
    await pruneCheckpoints({ taskId: id, objects, journal }, { round, keep: keepCheckpoints }).catch(() => {});
    if (finished) mailboxes.wakeAll();
    next();
  }

  async function abort(
    { record, startMs }: OpenAttempt,
    { error, lost }: { readonly error: SottoError; readonly lost: number },
  ): Promise<void> {
    const { attempt, round } = record;
    const { model } = memory;
    await closeReservation(record, 'abort');
    onWrite('ledger-aborted');
    await journal.abort(attempt, error.message);
    onWrite('round-aborted');
    if (model !== undefined) {
      const { parameters } = model;
      served?.log.log.closeRound({
        attempt,
        round,
        outcome: 'aborted',
        contributors: 0,
        dropouts: lost,
        parameters,
        checkpoint: null,
      });
    }
    memory.open.delete(attempt);
    memory.dropouts += lost;
    await report({
      attempt,
      round,
      outcome: 'aborted',
      reason: error.message,
      code: error.cause instanceof SottoError ? error.cause.code : error.code,
      epsilon: ledger?.spent().epsilon ?? null,
      contributors: 0,
      dropouts: lost,
      seconds: (clock() - startMs) / 1000,
      ...attested(record),
    });
    await journal.sweep(attempt);
    next();
  }

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
    const shown = cohort.flatMap((who) => {
      const digest = memory.evidence.get(who);
      return digest === undefined ? [] : [[who, digest] as const];
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
    const line: ServiceReport = { ...plainLine, ...watch?.ended(plainLine.attempt, clock()) };
    await db
      .insertInto('metrics')
      .values({ task_id: id, attempt: line.attempt, report: JSON.stringify(line) })
      .onConflict((conflict) => conflict.columns(['task_id', 'attempt']).doNothing())
      .execute();
    onWrite('metrics-written');
    served?.log.log.report(JSON.stringify(line), line);
    await served?.log.log.flush();
    watch?.reported(line);
    watch?.state(memory.state);
    onReport?.(line);
  }

  return { commit, abort };
}
