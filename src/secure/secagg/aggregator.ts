/**
 * The coordinator's side of a round as a pure state machine: it collects answers, closes a stage with whoever has
 * answered, and adds masked vectors into one accumulator as they arrive. It can be written to bytes at any moment and
 * restored elsewhere.
 *
 * @module
 */

import { equalBytes, toHex, verifySignature } from '../../foundations/crypto/index.ts';
import { assertNever } from '../../foundations/numerics/index.ts';
import { addPackedInto, packedLength, subtractRingInto } from '../../foundations/vector/index.ts';
import { SharingError, FIELD_25519 } from '../sharing/index.ts';
import {
  copyEntry,
  createAggregatorState,
  restoreState,
  serializeState,
  type AggregatorState,
} from './aggregator-state.ts';
import { announceRoster, buildRosters, routeShares, shareSignatures, type RoundGraph } from './aggregator-messages.ts';
import { encodeBitmap } from './bitmap.ts';
import type { ByteReader } from './codec.ts';
import {
  assertCohortSize,
  computeMinSurvivors,
  resolveConfig,
  type ResolvedConfig,
  type SecAggConfig,
} from './config.ts';
import { SecAggError, type SecAggErrorCode } from './errors.ts';
import { createCompleteGraph, createHararyGraph, type Graph } from './graph.ts';
import { admittedKey, type SecAggAdmission } from './identity.ts';
import { countMatches, weightOf } from './input.ts';
import { maskResiduesInto, maskResiduesWith, type MaskExpander } from './masking.ts';
import { openMessage, readFrame } from './messages.ts';
import { chooseOpenedNoise, expandNoiseShare } from './noise.ts';
import { describeAdversary } from './policy.ts';
import { assertEnough, assertHolders, keepRecoverable, type Quorum } from './quorum.ts';
import {
  advertisementMessage,
  commitReveal,
  drawsByCommitment,
  readEntry,
  REVEAL_BYTES,
  survivorsMessage,
} from './roster.ts';
import { SECAGG_STAGES, type SecAggStage } from './stages.ts';
import { bundleLayout, ownersHeldBy, planUnmasking, type Unmasking } from './unmasking.ts';

/** What a closed stage leads to. */
export type SecAggStep =
  | {
      readonly kind: 'messages';
      /** The stage that the messages open. */
      readonly stage: SecAggStage;
      readonly messages: ReadonlyMap<string, Uint8Array>;
    }
  | SecAggResult;

/** The sum of a round. */
export interface SecAggResult {
  readonly kind: 'result';
  /** Residues of the sum, u32 words, `ring.limbs` an entry. */
  readonly sum: Uint32Array;
  /** Who is in the sum. */
  readonly contributors: readonly string[];
  /** Who was asked in a stage and did not answer. */
  readonly dropouts: Readonly<Record<SecAggStage, readonly string[]>>;
  /** Sum of the contributors' public weights: their number without weights. */
  readonly totalWeight: number;
  /** Noise shares in the sum, exactly `minSurvivors` where the protocol adds noise. */
  readonly noiseShares: number;
  /** The adversary this round withstood, to be said wherever the sum is used. */
  readonly adversary: ReturnType<typeof describeAdversary>;
  /** Digest of everything the round was bound to. */
  readonly session: Uint8Array;
  readonly costs: { readonly maskExpansions: number; readonly agreements: number };
}

/** What a coordinator brings to a round. */
export interface SecAggAggregatorOptions {
  /** Ids of everybody who was asked to take part. */
  readonly cohort: readonly string[];
  readonly config: SecAggConfig;
  /** How identities are checked on arrival; needed where the adversary is a malicious coordinator. */
  readonly admission?: SecAggAdmission;
}

/** One attempt of a round, on the coordinator's side. */
export interface SecAggAggregator {
  readonly stage: SecAggStage | 'done' | 'aborted';
  /** Who was asked in this stage and has not answered. */
  readonly pending: readonly string[];
  /**
   * Takes in a participant's message.
   * @throws {SecAggError} when it is refused; the state is then as before, and the sender may still answer.
   */
  receive(from: string, message: Uint8Array): void;
  /**
   * Closes the stage with whoever has answered.
   * @throws {SecAggError} `secagg/too-few-survivors` (details: stage, participants, threshold) and others that end the
   *   attempt: repeat the round with a higher `attempt`.
   */
  advance(): SecAggStep;
  /** As {@link SecAggAggregator.advance}, with the masks expanded elsewhere (in workers). */
  advanceWith(expand: MaskExpander): Promise<SecAggStep>;
  /** Sets the value of the public beacon before the stage `drawGraph` is closed, where the graph is drawn by one. */
  setBeacon(value: Uint8Array): void;
  /** Writes the whole state to bytes, for {@link restoreSecAggAggregator}. */
  serialize(): Uint8Array;
}

/**
 * Creates the aggregator of one attempt of a round.
 * @throws {SecAggError} `secagg/unsafe-parameters` or `secagg/ring-overflow` when the parameters do not fit the cohort.
 */
export function createSecAggAggregator(options: SecAggAggregatorOptions): SecAggAggregator {
  const config = resolveConfig(options.config);
  assertCohortSize(config, options.cohort.length);
  return new Aggregator(createAggregatorState(options.cohort, config), config, options.admission);
}

/** Restores an aggregator from {@link SecAggAggregator.serialize}, under the same configuration. */
export function restoreSecAggAggregator(
  bytes: Uint8Array,
  { config, admission }: Omit<SecAggAggregatorOptions, 'cohort'>,
): SecAggAggregator {
  const checked = resolveConfig(config);
  return new Aggregator(restoreState(bytes, checked), checked, admission);
}

class Aggregator implements SecAggAggregator {
  readonly #state: AggregatorState;
  readonly #config: ResolvedConfig;
  readonly #admission: SecAggAdmission;
  readonly #places: ReadonlyMap<string, number>;
  #graph: Graph | undefined;
  #knownKeys: Set<string> | undefined;

  constructor(state: AggregatorState, config: ResolvedConfig, admission: SecAggAdmission = { kind: 'coordinator' }) {
    this.#state = state;
    this.#config = config;
    this.#admission = admission;
    this.#places = new Map(state.cohort.map((id, place) => [id, place]));
  }

  get stage(): SecAggStage | 'done' | 'aborted' {
    return this.#state.stage;
  }

  get pending(): readonly string[] {
    const { awaited, answered } = this.#state;
    return this.#names([...awaited].filter((place) => !answered.has(place)));
  }

  serialize(): Uint8Array {
    return serializeState(this.#state, this.#config);
  }

  setBeacon(value: Uint8Array): void {
    this.#state.beacon = value.slice();
  }

  receive(from: string, message: Uint8Array): void {
    const { stage, awaited, answered } = this.#state;
    if (stage === 'done' || stage === 'aborted') throw new SecAggError('secagg/aborted', `the attempt is ${stage}`);
    const place = this.#places.get(from);
    if (place === undefined || !awaited.has(place)) {
      throw this.#refuse('secagg/unknown-participant', from, 'is not, or no longer, part of this round');
    }
    if (answered.has(place)) throw this.#refuse('secagg/duplicate-message', from, 'has answered in this stage already');
    try {
      const { kind, body } = readFrame(message, this.#config);
      if (kind !== stage) {
        throw this.#refuse('secagg/unexpected-message', from, `sent "${kind}" in stage "${stage}"`);
      }
      this.#accept(stage, place, body);
    } catch (error) {
      if (error instanceof SecAggError && error.details.participants === undefined) {
        throw this.#refuse(error.code, from, error.message);
      }
      if (error instanceof SharingError || error instanceof RangeError) {
        throw this.#refuse('secagg/malformed-message', from, error.message);
      }
      throw error;
    }
    answered.add(place);
  }

  advance(): SecAggStep {
    const step = this.#close();
    if (step.kind !== 'unmask') return step;
    maskResiduesInto(this.#state.accumulator, step.masks, this.#config);
    return this.#finish(step);
  }

  async advanceWith(expand: MaskExpander): Promise<SecAggStep> {
    const step = this.#close();
    if (step.kind !== 'unmask') return step;
    await maskResiduesWith(this.#state.accumulator, step.masks, { ...this.#config, expand });
    return this.#finish(step);
  }

  #names(places: Iterable<number>): readonly string[] {
    return Array.from(places, (place) => this.#state.cohort[place] as string);
  }

  #refuse(code: SecAggErrorCode, from: string, what: string): SecAggError {
    return new SecAggError(code, `participant "${from}": ${what}`, { details: { participants: [from] } });
  }

  /** Checks and keeps one message; nothing is changed when it throws. */
  #accept(stage: SecAggStage, place: number, body: ByteReader): void {
    const state = this.#state;
    const config = this.#config;
    switch (stage) {
      case 'advertiseKeys':
        return this.#acceptKeys(place, body);
      case 'drawGraph': {
        const reveal = body.raw(drawsByCommitment(config) ? REVEAL_BYTES : 0);
        body.end();
        const { commitment } = state.entries.get(place) as { commitment?: Uint8Array };
        if (commitment !== undefined && !equalBytes(commitReveal(config, reveal), commitment)) {
          throw new SecAggError('secagg/bad-draw', 'the reveal does not fit its commitment');
        }
        state.reveals.set(place, reveal.slice());
        return;
      }
      case 'shareKeys': {
        const { length } = bundleLayout(config, place, this.#presentNeighbors(place));
        const bundles = body.raw(length).slice();
        body.end();
        state.bundles.set(place, bundles);
        return;
      }
      case 'maskedInput': {
        const packed = body.raw(packedLength(config.entries + config.countEntries, config.ring));
        body.end();
        addPackedInto(state.accumulator, packed, config.ring);
        return;
      }
      case 'consistency': {
        const signature = body.raw(64).slice();
        body.end();
        const entry = state.entries.get(place) as Parameters<typeof admittedKey>[1];
        const message = survivorsMessage(state.session as Uint8Array, this.#survivorBitmap());
        if (!verifySignature(admittedKey(this.#admission, entry), message, signature)) {
          throw new SecAggError('secagg/bad-signature', 'the signature on the survivor set does not verify');
        }
        state.signatures.set(place, signature);
        return;
      }
      case 'unmask': {
        const owners = ownersHeldBy(place, state.sharers, this.#roundGraph());
        const opened = this.#opened();
        const noise = owners.filter((owner) => opened.has(owner)).length;
        const shares = body.raw(32 * (owners.length + noise)).slice();
        body.end();
        for (let at = 0; at < shares.length; at += 32) FIELD_25519.decode(shares.subarray(at, at + 32));
        state.answers.set(place, shares);
        return;
      }
      default:
        assertNever(stage, 'stage');
    }
  }

  #acceptKeys(place: number, body: ByteReader): void {
    const { entries, cohort } = this.#state;
    const config = this.#config;
    const { id, entry } = readEntry(body, config);
    body.end();
    if (entry === undefined || id !== cohort[place]) {
      throw new SecAggError('secagg/malformed-message', 'the advertisement carries another id than its sender');
    }
    for (const key of [entry.channelKey, entry.maskKey]) {
      if (this.#keysOfOthers().has(toHex(key))) {
        throw new SecAggError('secagg/bad-roster', 'it advertises a key that another participant has');
      }
    }
    if (config.malicious) {
      const key = admittedKey(this.#admission, entry);
      if (
        entry.signature === undefined ||
        !verifySignature(key, advertisementMessage(config, entry), entry.signature)
      ) {
        throw new SecAggError('secagg/bad-signature', 'the advertised keys are not signed');
      }
    }
    entries.set(place, copyEntry(entry));
    for (const key of [entry.channelKey, entry.maskKey]) this.#keysOfOthers().add(toHex(key));
  }

  /** Keys that were advertised so far; rebuilt from the entries after a restart. */
  #keysOfOthers(): Set<string> {
    if (this.#knownKeys === undefined) {
      this.#knownKeys = new Set();
      for (const { channelKey, maskKey } of this.#state.entries.values()) {
        this.#knownKeys.add(toHex(channelKey)).add(toHex(maskKey));
      }
    }
    return this.#knownKeys;
  }

  /** Closes the stage and opens the next one, or hands over what is left to do to the sum. */
  #close(): Exclude<SecAggStep, SecAggResult> | ({ readonly kind: 'unmask' } & Unmasking) {
    const state = this.#state;
    const { stage, awaited, answered } = state;
    if (stage === 'done' || stage === 'aborted') throw new SecAggError('secagg/aborted', `the attempt is ${stage}`);
    try {
      const lost = [...awaited].filter((place) => !answered.has(place));
      state.dropouts.set(stage, lost);
      switch (stage) {
        case 'advertiseKeys':
          assertEnough(this.#quorum(stage), answered.size);
          return this.#afterKeys();
        case 'drawGraph':
          if (lost.length > 0) {
            throw new SecAggError(
              'secagg/draw-void',
              `${lost.length} members withheld their part of the draw of the graph: repeat with a higher "attempt"`,
              { retryable: true, details: { stage, participants: this.#names(lost) } },
            );
          }
          return this.#openRosters();
        case 'shareKeys':
          state.sharers = keepRecoverable(answered, this.#round());
          assertEnough(this.#quorum(stage), state.sharers.size);
          return this.#open('maskedInput', state.sharers, routeShares(this.#round()));
        case 'maskedInput':
          state.survivors = new Set(answered);
          assertEnough(this.#quorum(stage), answered.size);
          assertHolders(this.#quorum(stage), answered, this.#roundGraph());
          return this.#openSurvivors();
        case 'consistency':
          assertEnough(this.#quorum(stage), answered.size);
          return this.#open('unmask', answered, shareSignatures(this.#round()));
        case 'unmask':
          assertEnough(this.#quorum(stage), answered.size);
          assertHolders(this.#quorum(stage), answered, this.#roundGraph());
          return {
            kind: 'unmask',
            ...planUnmasking(state, { config: this.#config, graph: this.#roundGraph(), opened: this.#opened() }),
          };
        default:
          return assertNever(stage, 'stage');
      }
    } catch (error) {
      state.stage = 'aborted';
      throw error;
    }
  }

  #open(
    stage: SecAggStage,
    receivers: ReadonlySet<number>,
    build: (place: number) => Uint8Array,
  ): Exclude<SecAggStep, SecAggResult> {
    const state = this.#state;
    state.stage = stage;
    state.awaited = new Set(receivers);
    state.answered = new Set();
    const messages = new Map<string, Uint8Array>();
    for (const place of receivers) messages.set(state.cohort[place] as string, build(place));
    return { kind: 'messages', stage, messages };
  }

  #afterKeys(): Exclude<SecAggStep, SecAggResult> {
    const { graph } = this.#config;
    if (graph.kind === 'complete' || graph.draw === 'coordinator') return this.#openRosters();
    return this.#open('drawGraph', this.#state.answered, announceRoster(this.#state, this.#config));
  }

  #openRosters(): Exclude<SecAggStep, SecAggResult> {
    const state = this.#state;
    const rosters = buildRosters(state, this.#config);
    state.graphSeed = rosters.graphSeed;
    state.session = rosters.session;
    return this.#open('shareKeys', new Set(state.entries.keys()), rosters.build(this.#roundGraph()));
  }

  #openSurvivors(): Exclude<SecAggStep, SecAggResult> {
    const { sharers, survivors, cohort } = this.#state;
    const lost = [...sharers].filter((place) => !survivors.has(place));
    const message = openMessage('survivors', this.#config)
      .raw(this.#survivorBitmap())
      .raw(encodeBitmap(lost, cohort.length))
      .finish();
    return this.#open(this.#config.malicious ? 'consistency' : 'unmask', survivors, () => message);
  }

  #survivorBitmap(): Uint8Array {
    return encodeBitmap(this.#state.survivors, this.#state.cohort.length);
  }

  #opened(): ReadonlySet<number> {
    const { survivors, cohort, session } = this.#state;
    if (this.#config.noise === undefined) return new Set();
    return chooseOpenedNoise(
      { bitmap: this.#survivorBitmap(), places: survivors },
      {
        session: session as Uint8Array,
        size: cohort.length,
        minSurvivors: computeMinSurvivors(this.#config, cohort.length),
      },
    );
  }

  #roundGraph(): Graph {
    if (this.#graph === undefined) {
      const { graph } = this.#config;
      const { cohort, graphSeed } = this.#state;
      this.#graph =
        graph.kind === 'complete'
          ? createCompleteGraph(cohort.length)
          : createHararyGraph(cohort.length, { degree: graph.degree, seed: graphSeed as Uint8Array });
    }
    return this.#graph;
  }

  #round(): RoundGraph {
    return { state: this.#state, config: this.#config, graph: this.#roundGraph() };
  }

  #quorum(stage: SecAggStage): Quorum {
    return { stage, config: this.#config, state: this.#state };
  }

  #presentNeighbors(place: number): readonly number[] {
    return this.#roundGraph()
      .neighbors(place)
      .filter((neighbor) => this.#state.entries.has(neighbor));
  }

  /** Takes the noise out, checks the count and gives the sum. */
  #finish({ masks, noiseSeeds, agreements }: Unmasking): SecAggResult {
    const state = this.#state;
    const config = this.#config;
    const { ring, entries } = config;
    const session = state.session as Uint8Array;
    const body = state.accumulator.subarray(0, entries * ring.limbs);
    if (config.noise !== undefined) {
      for (const seed of noiseSeeds) {
        subtractRingInto(body, expandNoiseShare(seed, { session, noise: config.noise, ring, entries }), ring);
      }
    }
    const survivors = [...state.survivors].toSorted((a, b) => a - b);
    const contributors = this.#names(survivors);
    const totalWeight = contributors.reduce((sum, id) => sum + weightOf(config, id), 0);
    if (!countMatches(state.accumulator, totalWeight, config)) {
      state.stage = 'aborted';
      state.accumulator.fill(0);
      throw new SecAggError(
        'secagg/wrong-count',
        'the count in the sum does not fit the survivors: somebody had another view of the round; the sum is discarded',
        { retryable: true, details: { stage: 'unmask', contributors: contributors.length } },
      );
    }
    state.stage = 'done';
    const dropouts = Object.fromEntries(
      SECAGG_STAGES.map((stage) => [stage, this.#names(state.dropouts.get(stage) ?? [])]),
    ) as Record<SecAggStage, readonly string[]>;
    return {
      kind: 'result',
      sum: body.slice(),
      contributors,
      dropouts,
      totalWeight,
      noiseShares: config.noise === undefined ? 0 : contributors.length - noiseSeeds.length,
      adversary: describeAdversary(config, this.#admission),
      session,
      costs: { maskExpansions: masks.length, agreements },
    };
  }
}
