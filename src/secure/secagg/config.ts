/**
 * What everybody in a round has to agree on, checked, completed by defaults, and hashed to the context digest that is
 * bound into every key, signature, sealed share and mask.
 *
 * @module
 */

import { sha256, utf8 } from '../../foundations/crypto/index.ts';
import { assertInteger, assertNonNegative, assertProbability } from '../../foundations/numerics/index.ts';
import { chooseBitWidth, createRing, type Ring } from '../../foundations/vector/index.ts';
import { ByteWriter } from './codec.ts';
import { SecAggError } from './errors.ts';
import { assertGraphParameters } from './parameters.ts';

/** Version of messages and derivations; part of the context digest. */
export const SECAGG_VERSION = 1;

/** The graph of mask partners. */
export type SecAggGraph =
  | { readonly kind: 'complete' }
  | {
      readonly kind: 'harary';
      /** Even number of neighbours. */
      readonly degree: number;
      /** Share of the cohort whose loss the parameters are made for. */
      readonly dropoutFraction: number;
      /**
       * Who orders the cohort: `commit-reveal` (all participants together), `beacon` (a public value published after the
       * roster is fixed) or `coordinator` (for an honest-but-curious one only).
       */
      readonly draw: 'commit-reveal' | 'beacon' | 'coordinator';
      /** Members beyond its neighbours that each participant verifies. 0 by default. */
      readonly auditCount?: number;
    };

/** Noise that the participants add themselves, and take out again where fewer were lost than provided for. */
export interface SecAggNoise {
  readonly mechanism: 'skellam' | 'discrete-gaussian';
  /** Variance of one participant's share, in grid steps squared; as many honest shares as `minSurvivors − maxCorrupt` suffice. */
  readonly shareVariance: number;
  /** The largest public weight that the variance was planned for; 1 by default. A round with a larger one is refused. */
  readonly maxWeight?: number;
}

/** One round of secure aggregation. Every party builds it from the task it agreed to; nothing of it is taken on trust. */
export interface SecAggConfig {
  readonly taskId: string;
  readonly round: number;
  /** 0 for the first try of a round; grows with every repetition. */
  readonly attempt: number;
  readonly bitWidth: number;
  /** Entries of every input vector. */
  readonly entries: number;
  /** Shares that reconstruct a secret. Complete graph: 2 · threshold > cohort + maxCorrupt, enforced. */
  readonly threshold: number;
  /** Participants that may collude with the coordinator. */
  readonly maxCorrupt: number;
  /** 32 bytes: hash of model, plan and code as this party knows them. */
  readonly configDigest: Uint8Array;
  readonly adversary: 'honest-but-curious' | 'malicious-coordinator';
  /** The complete graph by default. */
  readonly graph?: SecAggGraph;
  /** Contributions that make a sum. The threshold by default (complete graph), or what the stated dropouts leave. */
  readonly minSurvivors?: number;
  /** `x25519` by default; the hybrid adds ML-KEM-768 against recorded traffic and later quantum computers. */
  readonly keyAgreement?: 'x25519' | 'x25519-mlkem768';
  readonly cipher?: 'chacha20' | 'chacha12';
  /** `round` (default): fresh keys a round. `task`: pair secrets agreed once, see `createSecAggSetup`. */
  readonly setup?: 'round' | 'task';
  /** Largest absolute value of an input entry; with it the ring is checked against the whole cohort. */
  readonly maxMagnitude?: number;
  /** Public weights, applied to the inputs inside the protocol; the count coordinate then carries the weight. */
  readonly weights?: { readonly max: number; readonly of: Readonly<Record<string, number>> };
  readonly noise?: SecAggNoise;
}

/** A checked configuration with its defaults, ring and digest. */
export interface ResolvedConfig extends SecAggConfig {
  readonly graph: SecAggGraph;
  readonly keyAgreement: 'x25519' | 'x25519-mlkem768';
  readonly cipher: 'chacha20' | 'chacha12';
  readonly setup: 'round' | 'task';
  readonly ring: Ring;
  /** Entries appended to every vector that count contributions. */
  readonly countEntries: number;
  /** 32 bytes over everything above and the protocol version. */
  readonly contextDigest: Uint8Array;
  readonly malicious: boolean;
}

const resolved = new WeakMap<SecAggConfig, ResolvedConfig>();

/**
 * Checks a configuration and fills in its defaults.
 * @throws {RangeError} when a field is out of range.
 * @throws {SecAggError} `secagg/unsafe-parameters` for a combination that gives no security.
 */
export function resolveConfig(config: SecAggConfig): ResolvedConfig {
  const known = resolved.get(config);
  if (known !== undefined) return known;
  assertFields(config);
  const ring = createRing({ bitWidth: config.bitWidth });
  const complete: Omit<ResolvedConfig, 'contextDigest'> = {
    ...config,
    configDigest: config.configDigest.slice(),
    graph: config.graph ?? { kind: 'complete' },
    keyAgreement: config.keyAgreement ?? 'x25519',
    cipher: config.cipher ?? 'chacha20',
    setup: config.setup ?? 'round',
    ring,
    // Together at least 40 bits: views that differ are seen except with probability 2^-40.
    countEntries: Math.ceil(40 / config.bitWidth),
    malicious: config.adversary === 'malicious-coordinator',
  };
  assertCombination(complete);
  const result = Object.freeze({ ...complete, contextDigest: computeContextDigest(complete) });
  resolved.set(config, result);
  return result;
}

function assertFields(config: SecAggConfig): void {
  const { taskId, configDigest, graph, noise, weights } = config;
  if (typeof taskId !== 'string' || taskId.length === 0 || utf8(taskId).length > 255) {
    throw new RangeError('"taskId" must be a text of 1 to 255 bytes');
  }
  assertInteger(config.round, 'round', { max: 2 ** 32 - 1 });
  assertInteger(config.attempt, 'attempt', { max: 2 ** 32 - 1 });
  assertInteger(config.entries, 'entries', { min: 1, max: 2 ** 32 - 1 });
  assertInteger(config.threshold, 'threshold', { min: 2, max: 2 ** 20 });
  assertInteger(config.maxCorrupt, 'maxCorrupt', { max: 2 ** 20 });
  if (!(configDigest instanceof Uint8Array) || configDigest.length !== 32) {
    throw new RangeError('"configDigest" must be 32 bytes');
  }
  if (config.minSurvivors !== undefined) assertInteger(config.minSurvivors, 'minSurvivors', { min: 2 });
  if (config.maxMagnitude !== undefined) assertNonNegative(config.maxMagnitude, 'maxMagnitude');
  if (graph?.kind === 'harary') {
    assertInteger(graph.degree, 'graph.degree', { min: 2, max: 2 ** 20 });
    assertProbability(graph.dropoutFraction, 'graph.dropoutFraction');
    assertInteger(graph.auditCount ?? 0, 'graph.auditCount', { max: 2 ** 20 });
    if (graph.degree % 2 !== 0) throw new RangeError(`"graph.degree" must be even, got ${graph.degree}`);
  }
  if (noise !== undefined && !(noise.shareVariance > 0 && Number.isFinite(noise.shareVariance))) {
    throw new RangeError(`"noise.shareVariance" must be a finite number > 0, got ${noise.shareVariance}`);
  }
  if (noise?.maxWeight !== undefined) assertInteger(noise.maxWeight, 'noise.maxWeight', { min: 1, max: 2 ** 31 - 1 });
  if (weights !== undefined) {
    assertInteger(weights.max, 'weights.max', { min: 1, max: 2 ** 31 - 1 });
    for (const [id, weight] of Object.entries(weights.of)) {
      assertInteger(weight, `weights.of.${id}`, { min: 0, max: weights.max });
    }
  }
}

function assertCombination({
  malicious,
  graph,
  threshold,
  setup,
  keyAgreement,
  noise,
  weights,
}: Omit<ResolvedConfig, 'contextDigest'>): void {
  const plannedWeight = noise?.maxWeight ?? 1;
  if (noise !== undefined && weights !== undefined && weights.max > plannedWeight) {
    // A weight multiplies what one member moves in the sum, and the noise is not multiplied with it.
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `weights up to ${weights.max} need noise that was planned for them, this one was for ${plannedWeight}: give ` +
        'planDistributedNoise the same "maxWeight"',
      { details: { maxWeight: weights.max, plannedWeight } },
    );
  }
  if (setup === 'task' && keyAgreement !== 'x25519') {
    // The higher member of a pair would have to deposit a mask key before the lower one's encapsulation arrives.
    throw new SecAggError(
      'secagg/unsafe-parameters',
      'the post-quantum hybrid needs fresh keys a round: set "setup" to "round"',
    );
  }
  if (graph.kind !== 'harary') return;
  if (malicious && graph.draw === 'coordinator') {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      'a malicious coordinator must not draw the graph: set "graph.draw" to "commit-reveal" or "beacon"',
    );
  }
  if (threshold > graph.degree) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `"threshold" must be at most the degree ${graph.degree}, got ${threshold}`,
    );
  }
}

/** Writes every field in a fixed order and hashes it. Weights go sorted by id. */
function computeContextDigest(config: Omit<ResolvedConfig, 'contextDigest'>): Uint8Array {
  const { graph, noise, weights } = config;
  const out = new ByteWriter()
    .raw(utf8('sotto/secagg/context'))
    .u8(SECAGG_VERSION)
    .text(config.taskId)
    .u32(config.round)
    .u32(config.attempt)
    .u8(config.bitWidth)
    .u32(config.entries)
    .u8(config.countEntries)
    .u32(config.threshold)
    .u32(config.maxCorrupt)
    .raw(config.configDigest)
    .u8(config.malicious ? 1 : 0)
    .u8(config.keyAgreement === 'x25519' ? 0 : 1)
    .u8(config.cipher === 'chacha20' ? 20 : 12)
    .u8(config.setup === 'round' ? 0 : 1)
    .u32(config.minSurvivors ?? 0)
    .f64(config.maxMagnitude ?? -1);
  if (graph.kind === 'complete') out.u8(0);
  else {
    out.u8({ coordinator: 1, 'commit-reveal': 2, beacon: 3 }[graph.draw]);
    out
      .u32(graph.degree)
      .f64(graph.dropoutFraction)
      .u32(graph.auditCount ?? 0);
  }
  if (noise === undefined) out.u8(0);
  else {
    out.text(noise.mechanism).f64(noise.shareVariance);
    if (noise.maxWeight !== undefined) out.u32(noise.maxWeight);
  }
  if (weights === undefined) out.u8(0);
  else {
    const sorted = Object.entries(weights.of).toSorted(([a], [b]) => (a < b ? -1 : 1));
    out.u8(1).u32(weights.max).u32(sorted.length);
    for (const [id, weight] of sorted) out.text(id).u32(weight);
  }
  return sha256(out.finish());
}

/** Returns the number of contributions below which no sum is formed, for a cohort of the given size. */
export function computeMinSurvivors(config: ResolvedConfig, cohortSize: number): number {
  if (config.minSurvivors !== undefined) return config.minSurvivors;
  if (config.graph.kind === 'complete') return config.threshold;
  return Math.max(2, Math.ceil((1 - config.graph.dropoutFraction) * cohortSize - 1e-9));
}

/** Whether every participant sees, and so verifies, the whole cohort. */
function seesEverybody({ graph }: ResolvedConfig, cohortSize: number): boolean {
  return graph.kind === 'complete' || graph.degree + (graph.auditCount ?? 0) >= cohortSize - 1;
}

/**
 * Counts the signatures, its own included, that a participant has to see on a survivor set before it answers: of holders
 * of its secrets, and of members at large. Two sets that more than (cohort + maxCorrupt) / 2 members signed have an honest
 * signer in common, so they are one set; that can be asked only where everybody is seen. Holders alone bind the set as far
 * as each other's neighbours, see docs/protocol/secure-aggregation.md, section 5.
 */
export function countSignaturesNeeded(
  config: ResolvedConfig,
  cohortSize: number,
): { readonly holders: number; readonly members: number } {
  const majority = Math.floor((cohortSize + config.maxCorrupt) / 2) + 1;
  return { holders: config.threshold, members: seesEverybody(config, cohortSize) ? majority : 0 };
}

const checkedSizes = new WeakMap<ResolvedConfig, number>();

/**
 * Checks a configuration against the size of the cohort (absent members included).
 * @throws {SecAggError} `secagg/unsafe-parameters` or `secagg/ring-overflow`.
 */
export function assertCohortSize(config: ResolvedConfig, cohortSize: number): void {
  if (checkedSizes.get(config) === cohortSize) return;
  const { graph, threshold, maxCorrupt, maxMagnitude, weights, noise } = config;
  if (cohortSize < 2) throw new SecAggError('secagg/unsafe-parameters', 'a sum needs a cohort of at least 2');
  if (graph.kind === 'complete') {
    if (2 * threshold <= cohortSize + maxCorrupt || threshold > cohortSize) {
      throw new SecAggError(
        'secagg/unsafe-parameters',
        `"threshold" must satisfy (cohort + maxCorrupt) / 2 < threshold ≤ cohort, got ${threshold} for a cohort of ` +
          `${cohortSize} with maxCorrupt ${maxCorrupt}`,
        { details: { threshold, cohortSize, maxCorrupt } },
      );
    }
  } else {
    assertGraphParameters(
      { degree: graph.degree, threshold },
      {
        participants: cohortSize,
        corruptFraction: maxCorrupt / cohortSize,
        dropoutFraction: graph.dropoutFraction,
        adversary: config.malicious ? 'semi-malicious' : 'semi-honest',
      },
    );
  }
  if (config.malicious && noise !== undefined && !seesEverybody(config, cohortSize)) {
    const audits = cohortSize - 1 - (graph.kind === 'complete' ? 0 : graph.degree);
    throw new SecAggError(
      'secagg/unsafe-parameters',
      'a malicious coordinator could show the parts of a sparse graph different survivors, and leave less noise in the ' +
        `sum than is charged: set "graph.auditCount" to ${audits}, so that everybody verifies everybody, or use the ` +
        'complete graph',
      { details: { auditCount: audits } },
    );
  }
  const minSurvivors = computeMinSurvivors(config, cohortSize);
  if (minSurvivors > cohortSize || (noise !== undefined && minSurvivors <= maxCorrupt)) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `"minSurvivors" must be at most the cohort and leave an honest noise share, got ${minSurvivors}`,
    );
  }
  if (maxMagnitude !== undefined) {
    const needed = chooseBitWidth({
      participants: cohortSize,
      maxMagnitude: maxMagnitude * (weights?.max ?? 1),
      noiseVariance: cohortSize * (noise?.shareVariance ?? 0),
      noiseTail: noise?.mechanism === 'skellam' ? 'skellam' : 'sub-gaussian',
      dimension: config.entries,
      rounds: 1,
    });
    if (needed > config.bitWidth) {
      throw new SecAggError(
        'secagg/ring-overflow',
        `the sum of ${cohortSize} contributions needs ${needed} bits, the ring has ${config.bitWidth}`,
        { details: { needed, bitWidth: config.bitWidth, cohortSize } },
      );
    }
  }
  checkedSizes.set(config, cohortSize);
}
