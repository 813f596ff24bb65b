/**
 * How far a participant has come in a task: a high-water mark over (round, attempt) that only rises, and a count of
 * attempts begun and not finished. A participant that is restored from a backup, or asked again, never masks a second
 * input under one mask.
 *
 * @module
 */

import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { SecAggPolicy } from './policy.ts';

/** Progress of one participant in one task. */
export interface SecAggProgress {
  readonly round: number;
  readonly attempt: number;
  /** Whether that attempt was answered to its end. */
  readonly finished: boolean;
  /** Attempts of the task that were begun and not finished. */
  readonly aborts: number;
}

/** Where progress is kept. `save` must be durable when it returns: the next thing that happens is a message leaving. */
export interface SecAggMemory {
  load(taskId: string): SecAggProgress | undefined;
  save(taskId: string, progress: SecAggProgress): void;
}

/** Keeps progress in the process only, optionally starting from what a caller persisted. */
export function createSecAggMemory(initial: Readonly<Record<string, SecAggProgress>> = {}): SecAggMemory {
  const known = new Map(Object.entries(initial));
  return {
    load: (taskId) => known.get(taskId),
    save: (taskId, progress) => void known.set(taskId, progress),
  };
}

/**
 * Raises the mark to the round and attempt of a configuration.
 * @throws {SecAggError} `secagg/replayed-round` when it is not above the mark; `secagg/abort-budget-spent` when too many
 *   attempts were left unfinished.
 */
export function claimRound(memory: SecAggMemory, config: ResolvedConfig, policy: SecAggPolicy): void {
  const { taskId, round, attempt } = config;
  const before = memory.load(taskId);
  if (before !== undefined && (round < before.round || (round === before.round && attempt <= before.attempt))) {
    throw new SecAggError(
      'secagg/replayed-round',
      `round ${round}, attempt ${attempt} is not after round ${before.round}, attempt ${before.attempt}: ` +
        'a repetition needs a higher attempt',
      { details: { round, attempt } },
    );
  }
  const aborts = (before?.aborts ?? 0) + (before !== undefined && !before.finished ? 1 : 0);
  if (policy.abortBudget !== undefined && aborts > policy.abortBudget) {
    throw new SecAggError(
      'secagg/abort-budget-spent',
      `${aborts} attempts of this task were begun and not finished; my policy allows ${policy.abortBudget}`,
      { details: { aborts, abortBudget: policy.abortBudget } },
    );
  }
  memory.save(taskId, { round, attempt, finished: false, aborts });
}

/** Notes that the claimed attempt was answered to its end. */
export function finishRound(memory: SecAggMemory, { taskId, round, attempt }: ResolvedConfig): void {
  const before = memory.load(taskId);
  memory.save(taskId, { round, attempt, finished: true, aborts: before?.aborts ?? 0 });
}
