/**
 * What a round will cost, before anything is sent: bytes from the lengths of the messages, time and memory from the work
 * they stand for. Bytes are exact for a participant that stays to the end while nobody is lost (on a sparse graph, up to
 * the few hashes of its proof); seconds are those of one core of the reference machine of the benchmarks.
 *
 * @module
 */

import { assertInteger, assertProbability } from '../../foundations/numerics/index.ts';
import { packedLength } from '../../foundations/vector/index.ts';
import {
  assertCohortSize,
  computeMinSurvivors,
  countSignaturesNeeded,
  resolveConfig,
  type ResolvedConfig,
  type SecAggConfig,
} from './config.ts';
import { SecAggError } from './errors.ts';
import { createHararyGraph } from './graph.ts';
import { encapsulationLength, publicKeyLength } from './keys.ts';
import { createMerkleTree } from './merkle.ts';
import { FRAME_BYTES } from './messages.ts';
import { drawsByCommitment, REVEAL_BYTES } from './roster.ts';
import { visiblePlaces } from './roster-view.ts';
import { depositLength } from './recovery.ts';
import { sealedBundleLength } from './shares.ts';
import { SECAGG_STAGES, type SecAggStage } from './stages.ts';

/** What a dry run needs to know beyond the configuration. */
export interface DryRunOptions {
  readonly participants: number;
  /** Share of the participants lost after they shared their keys. 0 by default. */
  readonly dropoutFraction?: number;
  /** Bytes of an id in UTF-8. 8 by default. */
  readonly idBytes?: number;
  /** Whether an enrolment authority's certificates travel with the keys. */
  readonly certified?: boolean;
}

/** One party's costs in a round. */
export interface PartyEstimate {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly seconds: number;
  readonly memoryBytes: number;
  readonly maskExpansions: number;
  readonly agreements: number;
}

/** What a round costs. */
export interface SecAggEstimate {
  /** Stages that take place: one message each way. */
  readonly stages: readonly SecAggStage[];
  readonly degree: number;
  readonly threshold: number;
  readonly minSurvivors: number;
  readonly participant: PartyEstimate;
  readonly coordinator: PartyEstimate;
  /** Bytes a participant sends and receives in each stage. */
  readonly stageBytes: Readonly<Partial<Record<SecAggStage, { readonly sent: number; readonly received: number }>>>;
  /** Bytes of the masked vector alone. */
  readonly vectorBytes: number;
}

/** Seconds of one operation on the reference machine (bench/results/secagg.json), one core. */
const COST = {
  maskByte: { chacha20: 0.95e-9, chacha12: 0.6e-9 },
  vectorEntry: 12e-9,
  packEntry: 4e-9,
  agreement: 70e-6,
  keyPair: 160e-6,
  hybrid: 1.1e-3,
  seal: 22e-6,
  derive: 8e-6,
  shareTerm: 0.085e-6,
  joinTerm: 0.12e-6,
  sign: 45e-6,
  verify: 120e-6,
  noiseEntry: 35e-9,
};

/**
 * Estimates a round.
 * @throws {SecAggError} as the round itself would: unsafe parameters and a ring that overflows are refused here already.
 */
export function dryRun(config: SecAggConfig, options: DryRunOptions): SecAggEstimate {
  const { participants, dropoutFraction = 0 } = options;
  assertInteger(participants, 'participants', { min: 2, max: 2 ** 20 });
  assertProbability(dropoutFraction, 'dropoutFraction');
  const settings = resolveConfig(config);
  assertCohortSize(settings, participants);
  const complete = settings.graph.kind === 'complete';
  const degree = settings.graph.kind === 'complete' ? participants - 1 : settings.graph.degree;
  const stageBytes = bytesByStage(settings, { ...options, degree });
  const sum = (side: 'sent' | 'received') => Object.values(stageBytes).reduce((total, bytes) => total + bytes[side], 0);
  const lost = Math.floor(participants * dropoutFraction);
  const survivors = participants - lost;
  const minSurvivors = computeMinSurvivors(settings, participants);
  if (survivors < minSurvivors) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `losses of ${dropoutFraction} leave ${survivors} of ${participants} participants, and a sum needs ${minSurvivors}: ` +
        'plan for fewer losses, or take a sparse graph that is made for them',
      { details: { survivors, minSurvivors } },
    );
  }
  const survivingNeighbors = complete ? survivors : Math.round(degree * (1 - dropoutFraction));
  const expansions = survivors + lost * survivingNeighbors;
  const fresh = settings.setup === 'round';
  const work = { settings, participants, degree };
  const words = (settings.entries + settings.countEntries) * settings.ring.limbs;
  return {
    stages: SECAGG_STAGES.filter((stage) => stageBytes[stage] !== undefined),
    degree,
    threshold: settings.threshold,
    minSurvivors,
    vectorBytes: packedLength(settings.entries + settings.countEntries, settings.ring),
    stageBytes,
    participant: {
      bytesSent: sum('sent'),
      bytesReceived: sum('received'),
      seconds: participantSeconds(work),
      // Input, vector, its words in the kernel and the packed message live at once.
      memoryBytes: words * 16 + degree * 2048,
      maskExpansions: degree + 1,
      agreements: fresh ? 2 * degree : 0,
    },
    coordinator: {
      bytesSent: sum('received') * survivors,
      bytesReceived: sum('sent') * survivors,
      seconds: coordinatorSeconds({ ...work, expansions, lost, survivors, survivingNeighbors }),
      memoryBytes:
        words * 8 + participants * (stageBytes.shareKeys?.sent ?? 0) * 2 + expansions * 160 + participants * 1024,
      maskExpansions: expansions,
      agreements: fresh ? lost * survivingNeighbors : 0,
    },
  };
}

function entryLength(config: ResolvedConfig, { idBytes = 8, certified = false }: DryRunOptions): number {
  return (
    2 +
    idBytes +
    2 * publicKeyLength(config.keyAgreement) +
    (drawsByCommitment(config) ? 32 : 0) +
    (config.malicious ? 64 : 0) +
    (config.malicious && certified ? 96 : 0)
  );
}

function bytesByStage(
  config: ResolvedConfig,
  options: DryRunOptions & { readonly degree: number },
): Partial<Record<SecAggStage, { sent: number; received: number }>> {
  const { graph, malicious } = config;
  const { participants: n, degree } = options;
  const complete = graph.kind === 'complete';
  const entry = entryLength(config, options);
  const bitmap = Math.ceil(n / 8);
  const encapsulation = encapsulationLength(config.keyAgreement);
  // Half of the neighbours, on average, have a higher place and get the encapsulation of the pair's mask.
  const bundles = degree * (sealedBundleLength(config) + encapsulation) + Math.round((degree / 2) * encapsulation);
  const deposit = config.setup === 'task' ? depositLength(degree) : 0;
  const drawn = graph.kind === 'harary' && graph.draw !== 'coordinator';
  const committed = drawsByCommitment(config);
  const held = degree + (complete ? 1 : 0);
  const opened = config.noise === undefined ? 0 : Math.round((held * (n - computeMinSurvivors(config, n))) / n);
  return {
    advertiseKeys: { sent: FRAME_BYTES + entry, received: 0 },
    ...(drawn && {
      drawGraph: {
        sent: FRAME_BYTES + (committed ? REVEAL_BYTES : 0),
        received: FRAME_BYTES + 36 + (committed ? 32 : 0) + bitmap,
      },
    }),
    shareKeys: {
      sent: FRAME_BYTES + bundles + deposit,
      received: FRAME_BYTES + (complete ? 8 + n * entry : partialRosterLength(config, { n, entry })),
    },
    maskedInput: {
      sent: FRAME_BYTES + packedLength(config.entries + config.countEntries, config.ring),
      received: FRAME_BYTES + Math.ceil(degree / 8) + bundles,
    },
    ...(malicious && { consistency: { sent: FRAME_BYTES + 64, received: FRAME_BYTES + 2 * bitmap } }),
    unmask: {
      sent: FRAME_BYTES + 32 * (held + opened),
      received: FRAME_BYTES + (malicious ? 4 + 68 * signaturesShown(config, n) : 2 * bitmap),
    },
  };
}

/** Signatures of others that a participant is shown on its survivor set. */
function signaturesShown(config: ResolvedConfig, cohortSize: number): number {
  const { holders, members } = countSignaturesNeeded(config, cohortSize);
  return Math.max(holders - (config.graph.kind === 'complete' ? 1 : 0), members - 1);
}

function partialRosterLength(config: ResolvedConfig, { n, entry }: { n: number; entry: number }): number {
  if (config.graph.kind === 'complete') return 0;
  const { degree, draw, auditCount = 0 } = config.graph;
  const material = draw === 'coordinator' ? 32 : draw === 'commit-reveal' ? n * REVEAL_BYTES : 0;
  const seed = new Uint8Array(32);
  const visible = visiblePlaces(createHararyGraph(n, { degree, seed }), seed, { place: 0, auditCount });
  const hash = new Uint8Array(32);
  const proof = config.malicious
    ? 4 + 32 * createMerkleTree(Array.from({ length: n }, () => hash)).prove(visible).length
    : 0;
  return 40 + material + visible.length * entry + proof;
}

interface Work {
  readonly settings: ResolvedConfig;
  readonly participants: number;
  readonly degree: number;
}

function expansionSeconds({ entries, countEntries, ring, cipher }: ResolvedConfig): number {
  const wordBytes = { u16: 2, u32: 4, u64: 8 }[ring.words];
  return (entries + countEntries) * wordBytes * COST.maskByte[cipher];
}

function participantSeconds({ settings, participants, degree }: Work): number {
  const { threshold, malicious, setup, keyAgreement, noise, entries, graph } = settings;
  const secrets = noise === undefined ? 2 : 3;
  const audited = graph.kind === 'harary' ? (graph.auditCount ?? 0) : 0;
  return (
    (degree + 1) * expansionSeconds(settings) +
    entries * (COST.vectorEntry + COST.packEntry + (noise === undefined ? 0 : COST.noiseEntry)) +
    (setup === 'round' ? 2 * COST.keyPair + 2 * degree * COST.agreement : 0) +
    (keyAgreement === 'x25519' ? 0 : 3 * degree * COST.hybrid) +
    degree * (2 * COST.seal + 3 * COST.derive) +
    secrets * degree * threshold * COST.shareTerm +
    participants * 0.3e-6 +
    (malicious ? 2 * COST.sign + (degree + audited + signaturesShown(settings, participants)) * COST.verify : 0)
  );
}

function coordinatorSeconds({
  settings,
  participants,
  expansions,
  lost,
  survivors,
  survivingNeighbors,
}: Work & {
  readonly expansions: number;
  readonly lost: number;
  readonly survivors: number;
  readonly survivingNeighbors: number;
}): number {
  const { threshold, malicious, setup, entries, noise, graph } = settings;
  // On the complete graph everybody has the same holders: one set of Lagrange coefficients serves all.
  const lagrange = (graph.kind === 'complete' ? 1 : participants) * threshold * threshold * COST.joinTerm;
  const removed = noise === undefined ? 0 : Math.max(0, survivors - computeMinSurvivors(settings, participants));
  return (
    expansions * expansionSeconds(settings) +
    survivors * entries * COST.packEntry +
    removed * entries * COST.noiseEntry +
    lagrange +
    participants * threshold * COST.joinTerm * 2 +
    (setup === 'round' ? lost * (COST.keyPair + survivingNeighbors * (COST.agreement + COST.derive)) : 0) +
    (malicious ? 2 * participants * COST.verify : 0)
  );
}

/** Says an estimate in lines for people. */
export function describeEstimate(estimate: SecAggEstimate): readonly string[] {
  const { stages, degree, threshold, minSurvivors, participant, coordinator, vectorBytes } = estimate;
  const overhead = participant.bytesSent + participant.bytesReceived - vectorBytes;
  return [
    `${stages.length} stages: ${stages.join(' → ')}`,
    `${degree} neighbours, threshold ${threshold}, at least ${minSurvivors} contributions in a sum`,
    `participant: ${bytes(participant.bytesSent)} up (${bytes(vectorBytes)} of it the vector), ` +
      `${bytes(participant.bytesReceived)} down, ${bytes(overhead)} beside the vector; ` +
      `${participant.agreements} key agreements, ${participant.maskExpansions} mask expansions, ` +
      `about ${seconds(participant.seconds)}, ${bytes(participant.memoryBytes)} of memory`,
    `coordinator: ${bytes(coordinator.bytesReceived)} in, ${bytes(coordinator.bytesSent)} out; ` +
      `${coordinator.agreements} key agreements, ${coordinator.maskExpansions} mask expansions, ` +
      `about ${seconds(coordinator.seconds)}, ${bytes(coordinator.memoryBytes)} of memory`,
  ];
}

function bytes(count: number): string {
  if (count < 10_000) return `${Math.round(count)} B`;
  if (count < 10_000_000) return `${(count / 1e3).toFixed(1)} kB`;
  return count < 1e10 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

function seconds(count: number): string {
  return count < 1 ? `${(count * 1000).toFixed(1)} ms` : `${count.toFixed(1)} s`;
}
