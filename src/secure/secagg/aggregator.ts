/**
 * The coordinator's side of a round as a pure state machine: it collects answers, closes a stage with whoever has
 * answered, and adds masked vectors into one accumulator as they arrive. It can be written to bytes at any moment and
 * restored elsewhere.
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import { SharingError } from '../sharing/index.ts';
import { createRoundGraph, encodeSurvivors, findOpenedNoise } from './aggregator-facts.ts';
import { announceRoster, buildRosters, routeShares, shareSignatures, type RoundGraph } from './aggregator-messages.ts';
import { createAggregatorState, restoreState, serializeState, type AggregatorState } from './aggregator-state.ts';
import { encodeBitmap } from './bitmap.ts';
import { assertCohortSize, resolveConfig, type ResolvedConfig, type SecAggConfig } from './config.ts';
import { discloseSum, type SecAggResult } from './disclosure.ts';
import { SecAggError, type SecAggErrorCode } from './errors.ts';
import type { Graph } from './graph.ts';
import type { SecAggAdmission } from './identity.ts';
import { createIntake, type Intake } from './intake.ts';
import { maskResiduesInto, maskResiduesWith, type MaskExpander } from './masking.ts';
import { openMessage, readFrame } from './messages.ts';
import { assertEnough, assertHolders, keepRecoverable, type Quorum } from './quorum.ts';
import type { SecAggStage } from './stages.ts';
import { planUnmasking, type Unmasking } from './unmasking.ts';

/** What a closed stage leads to. */
export type SecAggStep =
  | {
      readonly kind: 'messages';
      /** The stage that the messages open. */
      readonly stage: SecAggStage;
      readonly messages: ReadonlyMap<string, Uint8Array>;
    }
  | SecAggResult;

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
  readonly #intake: Intake;

  constructor(state: AggregatorState, config: ResolvedConfig, admission: SecAggAdmission = { kind: 'coordinator' }) {
    this.#state = state;
    this.#config = config;
    this.#admission = admission;
    this.#intake = createIntake({ state, config, admission, graph: () => this.#roundGraph() });
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
      this.#intake.accept(stage, place, body);
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
            ...planUnmasking(state, {
              config: this.#config,
              graph: this.#roundGraph(),
              opened: findOpenedNoise(state, this.#config),
            }),
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
      .raw(encodeSurvivors(this.#state))
      .raw(encodeBitmap(lost, cohort.length))
      .finish();
    return this.#open(this.#config.malicious ? 'consistency' : 'unmask', survivors, () => message);
  }

  #roundGraph(): Graph {
    return (this.#graph ??= createRoundGraph(this.#state, this.#config));
  }

  #round(): RoundGraph {
    return { state: this.#state, config: this.#config, graph: this.#roundGraph() };
  }

  #quorum(stage: SecAggStage): Quorum {
    return { stage, config: this.#config, state: this.#state };
  }

  #finish(unmasking: Unmasking): SecAggResult {
    try {
      const result = discloseSum(this.#state, unmasking, { config: this.#config, admission: this.#admission });
      this.#state.stage = 'done';
      return result;
    } catch (error) {
      this.#state.stage = 'aborted';
      throw error;
    }
  }
}
