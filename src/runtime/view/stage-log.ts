/**
 * The stages of one attempt as they pass: who answered, when, with how many bytes, and who was lost where. It is fed by
 * whoever drives the round's machine and costs a set entry a message.
 *
 * @module
 */

import { ASSISTANTS_STAGE } from '../../federation/rounds/index.ts';
import type { StageView } from './task-view.ts';

/** The log of one attempt. */
export interface StageLog {
  readonly attempt: number;
  readonly round: number;
  readonly cohort: readonly string[];
  /** Whether the times are of a virtual network. */
  readonly virtual: boolean;
  /** Stage a participant has answered last, or undefined. */
  stageOf(participant: string): string | undefined;
  /** Whether a participant has answered the stage that is open. */
  hasAnswered(participant: string): boolean;
  isLost(participant: string): boolean;
  answer(participant: string, sizeBytes: number): void;
  /** Moves on when the machine has. */
  at(stage: string, nowMs: number): void;
  end(nowMs: number): void;
  stages(): readonly StageView[];
  dropped(): Readonly<Record<string, string>>;
}

interface OpenStage {
  readonly stage: string;
  readonly expected: ReadonlySet<string>;
  readonly answered: Set<string>;
  readonly startMs: number;
  endMs: number | null;
  sizeBytes: number;
}

/** Starts the log of an attempt whose first stage opens now. */
export function createStageLog({
  attempt,
  round,
  cohort,
  stage: first,
  nowMs,
  virtual = false,
}: {
  attempt: number;
  round: number;
  cohort: readonly string[];
  stage: string;
  nowMs: number;
  virtual?: boolean;
}): StageLog {
  const begin = nowMs;
  const open = (stage: string, expected: ReadonlySet<string>, at: number): OpenStage => ({
    stage,
    expected,
    startMs: at - begin,
    endMs: null,
    sizeBytes: 0,
    answered: new Set(),
  });
  const passed: OpenStage[] = [];
  const lost = new Map<string, string>();
  const latest = new Map<string, string>();
  let current = open(first, new Set(cohort), nowMs);
  let ended = false;

  function close(at: number): void {
    current.endMs = at - begin;
    for (const participant of current.expected) {
      if (!current.answered.has(participant)) lost.set(participant, current.stage);
    }
    passed.push(current);
  }

  const viewOf = ({ stage, expected, answered, startMs, endMs, sizeBytes }: OpenStage): StageView => ({
    stage,
    expected: expected.size,
    answered: answered.size,
    startMs,
    endMs,
    sizeBytes,
  });

  return {
    attempt,
    round,
    cohort,
    virtual,
    stageOf: (participant) => latest.get(participant),
    hasAnswered: (participant) => current.answered.has(participant),
    isLost: (participant) => lost.has(participant),
    answer(participant, sizeBytes) {
      if (ended) return;
      current.answered.add(participant);
      current.sizeBytes += sizeBytes;
      latest.set(participant, current.stage);
    },
    at(stage, at) {
      if (ended || stage === current.stage || stage === 'done' || stage === 'aborted') return;
      close(at);
      current = open(stage, stage === ASSISTANTS_STAGE ? new Set() : current.answered, at);
    },
    end(at) {
      if (ended) return;
      close(at);
      ended = true;
    },
    stages: () => [...passed, ...(ended ? [] : [current])].map(viewOf),
    dropped: () => Object.fromEntries(lost),
  };
}
