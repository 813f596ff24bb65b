/**
 * Patterns of losses and what a round must come to under them, from the script alone: for exhaustive and random tests.
 *
 * @module
 */

import { createSeededRng } from '../../src/foundations/random/index.ts';
import { addRingInto, createRing } from '../../src/foundations/vector/index.ts';
import { SecAggError, type SecAggConfig, type SecAggStage } from '../../src/secure/secagg/index.ts';
import { memberIds, runRound, type RoundScript } from './secagg-round.ts';

/** One stream for all rounds of a test file. */
export const rng = createSeededRng('secure aggregation rounds');
const digest = new Uint8Array(32).fill(9);

/** A configuration on the complete graph for a cohort of the given size. */
export function configFor(members: number, options: Partial<SecAggConfig> = {}): SecAggConfig {
  return {
    taskId: 'rounds',
    round: 1,
    attempt: 0,
    bitWidth: 24,
    entries: 3,
    threshold: Math.floor(members / 2) + 1,
    maxCorrupt: 0,
    configDigest: digest,
    adversary: 'honest-but-curious',
    ...options,
  };
}

/** Random residues of the ring for every member. */
export function randomInputs(
  ids: readonly string[],
  { bitWidth, entries }: SecAggConfig,
): ReadonlyMap<string, Uint32Array> {
  const ring = createRing({ bitWidth });
  const topBits = ring.limbs === 1 ? bitWidth : bitWidth - 32;
  return new Map(
    ids.map((id) => {
      const words = new Uint32Array(entries * ring.limbs);
      rng.fill(new Uint8Array(words.buffer));
      for (let i = ring.limbs - 1; i < words.length; i += ring.limbs) {
        words[i] = (words[i] as number) >>> (32 - topBits);
      }
      return [id, words];
    }),
  );
}

/** The sum of the contributors' inputs, in the ring. */
export function clearSum(script: Pick<RoundScript, 'inputs' | 'config'>, contributors: readonly string[]): Uint32Array {
  const ring = createRing({ bitWidth: script.config.bitWidth });
  const sum = new Uint32Array(script.config.entries * ring.limbs);
  for (const id of contributors) addRingInto(sum, script.inputs.get(id) as Uint32Array, ring);
  return sum;
}

/** Runs the script and says what came out: the contributors, or the stage in which too few were left. */
export function outcomeOf(
  script: RoundScript,
): { contributors: readonly string[]; exact: boolean } | { stage: unknown } {
  try {
    const { result } = runRound(script);
    const expected = clearSum(script, result.contributors);
    return { contributors: result.contributors, exact: expected.every((word, i) => word === result.sum[i]) };
  } catch (error) {
    if (error instanceof SecAggError && error.code === 'secagg/too-few-survivors') {
      return { stage: error.details.stage };
    }
    throw error;
  }
}

/** Stages of an honest-but-curious round on the complete graph. */
export const STAGES = ['advertiseKeys', 'shareKeys', 'maskedInput', 'unmask'] as const;

/** What a round on the complete graph must come to, from the script of losses alone. */
export function expectedOutcome(
  ids: readonly string[],
  lostIn: ReadonlyMap<string, SecAggStage>,
  { threshold, stages }: { threshold: number; stages: readonly SecAggStage[] },
): { contributors: readonly string[]; exact: boolean } | { stage: SecAggStage } {
  let left = [...ids];
  let contributors: readonly string[] = [];
  for (const stage of stages) {
    left = left.filter((id) => lostIn.get(id) !== stage);
    if (left.length < threshold) return { stage };
    if (stage === 'maskedInput') contributors = [...left];
  }
  return { contributors, exact: true };
}

/**
 * Every way in which each member is lost in one of the stages, or not at all.
 * @yields the stage in which each lost member falls silent.
 */
export function* everyPattern(members: number): Generator<ReadonlyMap<string, SecAggStage>> {
  const ids = memberIds(members);
  const choices = STAGES.length + 1;
  for (let code = 0; code < choices ** members; code += 1) {
    const lostIn = new Map<string, SecAggStage>();
    ids.forEach((id, i) => {
      const stage = STAGES[Math.floor(code / choices ** i) % choices];
      if (stage !== undefined) lostIn.set(id, stage);
    });
    yield lostIn;
  }
}

/**
 * Every subset of the members, lost together in one stage.
 * @yields the stage in which each lost member falls silent.
 */
export function* everySubset(members: number): Generator<ReadonlyMap<string, SecAggStage>> {
  const ids = memberIds(members);
  for (const stage of STAGES) {
    for (let subset = 0; subset < 2 ** members; subset += 1) {
      yield new Map(ids.filter((_, i) => ((subset >> i) & 1) === 1).map((id) => [id, stage]));
    }
  }
}
