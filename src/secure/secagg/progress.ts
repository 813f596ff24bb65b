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
  /** Members that were in the last sum this participant helped to open, as far as it saw them. */
  readonly contributors?: readonly string[];
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
  memory.save(taskId, { ...before, round, attempt, finished: false, aborts });
}

/**
 * Checks that a sum is not the last one with a few members more or less: their difference would show those members.
 * @throws {SecAggError} `secagg/policy-refused`.
 */
export function assertNoDifferencing(
  memory: SecAggMemory,
  { taskId }: ResolvedConfig,
  { policy, contributors }: { readonly policy: SecAggPolicy; readonly contributors: ReadonlySet<string> },
): void {
  const before = memory.load(taskId)?.contributors;
  const minDifference = policy.minDifference ?? 0;
  if (before === undefined || minDifference === 0) return;
  const known = new Set(before);
  const difference =
    [...contributors].filter((id) => !known.has(id)).length + [...known].filter((id) => !contributors.has(id)).length;
  if (difference === 0 || difference >= minDifference) return;
  throw new SecAggError(
    'secagg/policy-refused',
    `my policy refuses the round: "minDifference" must be at least ${minDifference} members between two sums, ` +
      `got ${difference}: subtracting one sum from the other would show them`,
    { details: { field: 'minDifference' } },
  );
}

/** Notes that the claimed attempt was answered to its end, and who is in its sum. */
export function finishRound(
  memory: SecAggMemory,
  { taskId, round, attempt }: ResolvedConfig,
  contributors: Iterable<string>,
): void {
  const aborts = memory.load(taskId)?.aborts ?? 0;
  memory.save(taskId, { round, attempt, finished: true, aborts, contributors: [...contributors] });
}
