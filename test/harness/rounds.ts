/**
 * Runs whole attempts without delays: the coordinator's machine on one side, participants' machines on the other.
 *
 * @module
 */

import { expect } from 'vitest';

import {
  createCoordinatorRound,
  createParticipantRounds,
  type ParticipantRounds,
  planTask,
  type RoundEffect,
  type RoundResult,
  type TaskPlan,
} from '../../src/federation/rounds/index.ts';
import type { SottoError } from '../../src/foundations/numerics/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';

/** Entries of every vector here. */
export const DIMENSION = 7;

/** A small plan with exact sums. */
export function planFor(participants: number, threshold: number): TaskPlan {
  return planTask(
    {
      name: 'test',
      participants,
      privacy: {
        privacyUnit: 'example',
        trust: 'nobody',
        aggregation: {
          kind: 'secagg',
          threshold,
          shareRatio: 1,
          stageTimeoutMs: 1000,
          adversary: 'honest-but-curious',
          setup: 'round',
        },
        maxCorrupt: 1,
        epsilon: 3,
        delta: 1e-5,
        relation: 'add-or-remove-one',
        accountant: 'rdp',
      },
      rounds: { rounds: 5, spareRounds: 0, samplingRate: 0.1, clipNorm: 1, clampRange: 64, expectedBatchSize: 100 },
    },
    { dimension: DIMENSION, clippedSumSensitivity: 1.0005 },
  );
}

/** How an attempt ended. */
export interface Outcome {
  result?: RoundResult;
  error?: SottoError;
}

/** Runs one attempt without delays; `answers` says how many messages each participant handles before it is gone. */
export async function runAttempt({
  plan,
  ids,
  answers,
  contribution,
  attempt = 1,
  participants = new Map(),
}: {
  plan: TaskPlan;
  ids: readonly string[];
  answers: (id: string) => number;
  contribution: (id: string) => Int32Array;
  attempt?: number;
  participants?: Map<string, ParticipantRounds>;
}): Promise<Outcome> {
  const taskId = 't';
  const parameters = Float32Array.from({ length: DIMENSION }, (_, i) => i / 8);
  const machine = createCoordinatorRound({ plan, taskId, round: 1, attempt, cohort: ids, parameters });
  const handled = new Map<string, number>();
  for (const id of ids) {
    if (participants.has(id)) continue;
    const rng = ({ attempt: at }: { attempt: number }) => createSeededRng(`${id}/${at}`);
    participants.set(id, createParticipantRounds({ id, taskId, plan, rng }));
  }
  const outcome: Outcome = {};
  const queue: RoundEffect[] = machine.begin();
  const timers: string[] = [];
  for (;;) {
    const effect = queue.shift();
    if (effect === undefined) {
      if (machine.done) return outcome;
      const stage = timers.pop();
      if (stage === undefined) throw new Error('nothing is scheduled and the attempt has not ended');
      queue.push(...machine.timeout(stage));
      continue;
    }
    switch (effect.kind) {
      case 'send': {
        const count = handled.get(effect.to) ?? 0;
        if (count >= answers(effect.to)) break;
        handled.set(effect.to, count + 1);
        const participant = participants.get(effect.to) as ParticipantRounds;
        for (const reply of participant.receive(effect.bytes)) {
          const sends = reply.kind === 'contribute' ? await participant.contribute(contribution(effect.to)) : [reply];
          for (const send of sends) if (send.kind === 'send') queue.push(...machine.receive(effect.to, send.bytes));
        }
        break;
      }
      case 'timer':
        timers.push(effect.stage);
        break;
      case 'refused':
        throw new Error(`refused: ${effect.code}`);
      case 'finished':
        outcome.result = effect.result;
        break;
      case 'aborted':
        outcome.error = effect.error;
        break;
    }
  }
}

/** What each participant contributes. */
export const valueOf = (id: string): Int32Array =>
  Int32Array.from({ length: DIMENSION }, (_, i) => (id.charCodeAt(0) - 100) * 300 * (i + 1));

/** The sum of some contributions. */
export function expectedSum(ids: readonly string[]): number[] {
  return Array.from({ length: DIMENSION }, (_, i) => ids.reduce((sum, id) => sum + (valueOf(id)[i] ?? 0), 0));
}

/** Checks every way in which the participants can leave: at each stage, alone and together. Returns how many finished. */
export async function checkDropoutPatterns(ids: readonly string[], threshold: number): Promise<number> {
  const plan = planFor(ids.length, threshold);
  const stages = [0, 1, 2, 3, Number.POSITIVE_INFINITY];
  let finished = 0;
  for (let pattern = 0; pattern < stages.length ** ids.length; pattern += 1) {
    const leave = ids.map((_, i) => stages[Math.floor(pattern / stages.length ** i) % stages.length] as number);
    const answers = (id: string): number => leave[ids.indexOf(id)] as number;
    const { result, error } = await runAttempt({ plan, ids, answers, contribution: valueOf });
    const contributors = ids.filter((_, i) => (leave[i] as number) >= 3);
    const unmaskers = ids.filter((_, i) => (leave[i] as number) > 3);
    const enough = contributors.length >= threshold && unmaskers.length >= threshold;
    expect(result !== undefined, `pattern ${leave.join(' ')}`).toBe(enough);
    if (result === undefined) {
      expect(error?.code).toBe('rounds/aborted');
      continue;
    }
    finished += 1;
    expect([...result.contributors].toSorted()).toEqual(contributors);
    expect([...result.sum]).toEqual(expectedSum(contributors));
  }
  return finished;
}
