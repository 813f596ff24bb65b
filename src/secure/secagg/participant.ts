/**
 * The participant's side of a round as a pure state machine: bytes in, bytes out, no clock and no network. It decides
 * everything from its own configuration, its own policy and what it has seen itself; a message that does not fit ends the
 * round for it, with an error that names the reason, and it never answers the unmask request twice.
 *
 * @module
 */

import { CryptoError } from '../../foundations/crypto/index.ts';
import type { Mask } from '../../foundations/kernels/index.ts';
import { assertNever } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { packBits } from '../../foundations/vector/index.ts';
import { FIELD_25519 } from '../sharing/index.ts';
import type { ByteReader } from './codec.ts';
import { resolveConfig, type ResolvedConfig, type SecAggConfig } from './config.ts';
import { deriveSelfMaskKey } from './derive.ts';
import { SecAggError } from './errors.ts';
import { holdersOf, readBundles, sealOwnDeposit, writeBundles, type Exchange } from './exchange.ts';
import type { SecAggIdentity } from './identity.ts';
import { assertInput, buildVector } from './input.ts';
import { createKeyRing, type KeyRing } from './keys.ts';
import { maskResiduesInto, maskResiduesWith, type MaskExpander } from './masking.ts';
import { openMessage, readFrame, type MessageKind } from './messages.ts';
import {
  assertPolicyAcceptsConfig,
  assertPolicyAcceptsRoster,
  describeAdversary,
  TRUSTING_POLICY,
  type SecAggPolicy,
} from './policy.ts';
import { claimRound, createSecAggMemory, finishRound, type SecAggMemory } from './progress.ts';
import { readAnnouncement, readRoster, type AnnouncedRoster, type RosterView } from './roster-view.ts';
import {
  advertisementMessage,
  commitReveal,
  drawsByCommitment,
  REVEAL_BYTES,
  survivorsMessage,
  writeEntry,
  type RosterEntry,
} from './roster.ts';
import type { SecAggSetup } from './setup.ts';
import type { HeldShares } from './shares.ts';
import type { SecAggStage } from './stages.ts';
import {
  assertVouchedFor,
  readSurvivorSet,
  tooFewHolders,
  type SurvivorContext,
  type SurvivorSet,
} from './survivors.ts';

/** What a participant brings to a round. */
export interface SecAggParticipantOptions {
  readonly id: string;
  readonly config: SecAggConfig;
  readonly rng: Rng;
  /** Needed where the adversary is a malicious coordinator. */
  readonly identity?: SecAggIdentity;
  /** The participant's own floors; it trusts the coordinator when left out. */
  readonly policy?: SecAggPolicy;
  /** Needed where the configuration says `setup: 'task'`. */
  readonly setup?: SecAggSetup;
  /** Where the high-water mark is kept; the setup's, or one of this process alone, when left out. */
  readonly memory?: SecAggMemory;
}

/** What a round has cost a participant so far. */
export interface SecAggParticipantCosts {
  /** X25519 agreements computed in this round. */
  readonly agreements: number;
  /** Masks expanded over the whole vector. */
  readonly maskExpansions: number;
  /** Bytes of all messages out of and into the state machine. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** One participant in one attempt of a round. */
export interface SecAggParticipant {
  readonly id: string;
  /** The stage its next answer belongs to. */
  readonly awaits: SecAggStage | 'done' | 'aborted';
  /** The adversary this round really withstands under this participant's policy. */
  readonly adversary: ReturnType<typeof describeAdversary>;
  readonly costs: SecAggParticipantCosts;
  /** Begins the round: raises the high-water mark and advertises keys. */
  start(): Uint8Array;
  /**
   * Answers a message of the coordinator.
   * @throws {SecAggError} when it is refused; unless the message was merely late or of another round, the participant
   *   has then left the round for good.
   */
  handle(message: Uint8Array): Uint8Array | null;
  /** As {@link SecAggParticipant.handle}, with the masks expanded elsewhere (in workers). */
  handleWith(message: Uint8Array, expand: MaskExpander): Promise<Uint8Array | null>;
  /** Sets the input, once, before the message that leads to `maskedInput` is handled. */
  setInput(residues: Uint32Array): void;
  /** Sets the value of the public beacon, where the graph is drawn by one. */
  setBeacon(value: Uint8Array): void;
}

/** Kind of the message that leads to each stage's answer. */
const EXPECTED: Readonly<Record<SecAggStage, MessageKind>> = {
  advertiseKeys: 'advertiseKeys',
  drawGraph: 'rosterRoot',
  shareKeys: 'roster',
  maskedInput: 'routedShares',
  consistency: 'survivors',
  unmask: 'survivors',
};

/** Refusals of a message that leave the state as it was: it was not for this moment or not for this round. */
const HARMLESS = new Set(['secagg/unexpected-message', 'secagg/replayed-message', 'secagg/version-mismatch']);

/**
 * Creates a participant of one round.
 * @throws {RangeError} for a configuration out of range; {@link SecAggError} when it is unsafe, when the policy refuses
 *   it, or when an identity or setup is missing.
 */
export function createSecAggParticipant(options: SecAggParticipantOptions): SecAggParticipant {
  return new Participant(options);
}

class Participant implements SecAggParticipant {
  readonly id: string;
  readonly adversary: ReturnType<typeof describeAdversary>;
  awaits: SecAggStage | 'done' | 'aborted' = 'advertiseKeys';
  readonly #config: ResolvedConfig;
  readonly #policy: SecAggPolicy;
  readonly #identity: SecAggIdentity | undefined;
  readonly #setup: SecAggSetup | undefined;
  readonly #memory: SecAggMemory;
  readonly #rng: Rng;
  #keyRing: KeyRing | undefined;
  #own: RosterEntry | undefined;
  #reveal: Uint8Array | undefined;
  #beacon: Uint8Array | undefined;
  #announced: AnnouncedRoster | undefined;
  #view: RosterView | undefined;
  #input: Uint32Array | undefined;
  #inputTaken = false;
  #selfMaskSeed = 0n;
  #recoverySecret = 0n;
  #noiseSeed: bigint | undefined;
  /** Shares held for others (and in the complete graph for oneself), by the place of their owner. */
  readonly #held = new Map<number, HeldShares>();
  #survivors: SurvivorSet | undefined;
  #agreementsBefore = 0;
  #agreed = 0;
  #maskExpansions = 0;
  #bytesSent = 0;
  #bytesReceived = 0;

  constructor({ id, config, rng, identity, policy = TRUSTING_POLICY, setup, memory }: SecAggParticipantOptions) {
    this.id = id;
    this.#config = resolveConfig(config);
    this.#policy = policy;
    this.#identity = identity;
    this.#setup = setup;
    this.#memory = memory ?? setup?.memory ?? createSecAggMemory();
    this.#rng = rng;
    this.adversary = describeAdversary(this.#config, policy.admission);
    assertPolicyAcceptsConfig(policy, this.#config);
    if (this.#config.malicious && identity === undefined) {
      throw new SecAggError('secagg/bad-signature', 'a round against a malicious coordinator needs "identity"');
    }
    if (this.#config.setup === 'task') {
      const { taskId, keyAgreement } = this.#config;
      if (setup === undefined || setup.taskId !== taskId || setup.agreement !== keyAgreement) {
        throw new TypeError('"setup" must be the setup of this task and key agreement');
      }
    }
  }

  get costs(): SecAggParticipantCosts {
    return {
      agreements: (this.#keyRing?.agreements ?? this.#agreed) - this.#agreementsBefore,
      maskExpansions: this.#maskExpansions,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
    };
  }

  setInput(residues: Uint32Array): void {
    if (this.#inputTaken || this.#input !== undefined) {
      throw new SecAggError('secagg/input', 'the input of a round is set once');
    }
    assertInput(residues, this.#config, this.#policy);
    this.#input = residues.slice();
  }

  setBeacon(value: Uint8Array): void {
    this.#beacon = value.slice();
  }

  start(): Uint8Array {
    if (this.awaits !== 'advertiseKeys') throw unexpected('the participant has started already');
    claimRound(this.#memory, this.#config, this.#policy);
    const answer = this.#advertise();
    this.#bytesSent += answer.length;
    return answer;
  }

  handle(message: Uint8Array): Uint8Array | null {
    const body = this.#open(message);
    try {
      const step = this.#step(body);
      if (step.kind === 'answer') return this.#close(step.answer);
      maskResiduesInto(step.vector, step.masks, this.#config);
      return this.#close(this.#finishMasking(step.vector));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async handleWith(message: Uint8Array, expand: MaskExpander): Promise<Uint8Array | null> {
    const body = this.#open(message);
    try {
      const step = this.#step(body);
      if (step.kind === 'answer') return this.#close(step.answer);
      await maskResiduesWith(step.vector, step.masks, { ...this.#config, expand });
      return this.#close(this.#finishMasking(step.vector));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Reads the frame and checks that the message is due. */
  #open(message: Uint8Array): ByteReader {
    if (this.awaits === 'aborted') throw new SecAggError('secagg/aborted', 'I have left this round');
    if (this.awaits === 'advertiseKeys') throw unexpected('the participant has not started');
    try {
      const { kind, body } = readFrame(message, this.#config);
      if (this.awaits === 'done') {
        throw new SecAggError(
          'secagg/already-answered',
          'I have answered the unmask request of this round; once, ever',
        );
      }
      const due = this.awaits === 'unmask' && this.#config.malicious ? 'signatures' : EXPECTED[this.awaits];
      if (kind !== due) throw unexpected(`I expect "${due}", not "${kind}"`);
      if (this.awaits === 'maskedInput' && this.#input === undefined) {
        throw new SecAggError('secagg/input', 'call "setInput" before the message that leads to the masked input');
      }
      this.#bytesReceived += message.length;
      return body;
    } catch (error) {
      if (error instanceof SecAggError && error.code === 'secagg/config-mismatch') throw this.#fail(error);
      throw error;
    }
  }

  #close(answer: Uint8Array): Uint8Array {
    this.#bytesSent += answer.length;
    return answer;
  }

  #fail(error: unknown): unknown {
    if (error instanceof SecAggError && HARMLESS.has(error.code)) return error;
    this.awaits = 'aborted';
    this.#wipe();
    // A key of the roster that no agreement is possible with: signed or not, the roster is bad.
    if (error instanceof CryptoError) return new SecAggError('secagg/bad-roster', error.message);
    return error;
  }

  #step(
    body: ByteReader,
  ):
    | { readonly kind: 'answer'; readonly answer: Uint8Array }
    | { readonly kind: 'mask'; readonly vector: Uint32Array; readonly masks: readonly Mask[] } {
    switch (this.awaits) {
      case 'drawGraph':
        return { kind: 'answer', answer: this.#draw(body) };
      case 'shareKeys':
        return { kind: 'answer', answer: this.#shareKeys(body) };
      case 'maskedInput':
        return { kind: 'mask', ...this.#mask(body) };
      case 'consistency':
        this.#survivors = readSurvivorSet(body, this.#survivorContext());
        return { kind: 'answer', answer: this.#vouch() };
      case 'unmask':
        if (this.#config.malicious) assertVouchedFor(body, this.#survivors as SurvivorSet, this.#survivorContext());
        else this.#survivors = readSurvivorSet(body, this.#survivorContext());
        return { kind: 'answer', answer: this.#unmask() };
      case 'advertiseKeys':
      case 'done':
      case 'aborted':
        throw unexpected('no message is due');
      default:
        return assertNever(this.awaits, 'awaits');
    }
  }

  #advertise(): Uint8Array {
    const config = this.#config;
    this.#recoverySecret = FIELD_25519.sample(this.#rng);
    this.#keyRing =
      config.setup === 'task'
        ? (this.#setup as SecAggSetup).keyRing
        : createKeyRing({
            channelSecret: this.#rng.bytes(32),
            // The mask keys follow from what is shared, so that the coordinator rebuilds them for somebody who was lost.
            maskSecret: FIELD_25519.encode(this.#recoverySecret),
            agreement: config.keyAgreement,
          });
    this.#agreementsBefore = this.#keyRing.agreements;
    const entry: { -readonly [K in keyof RosterEntry]: RosterEntry[K] } = {
      id: this.id,
      channelKey: this.#keyRing.channelKey,
      maskKey: this.#keyRing.maskKey,
    };
    if (drawsByCommitment(config)) {
      this.#reveal = this.#rng.bytes(REVEAL_BYTES);
      entry.commitment = commitReveal(config, this.#reveal);
    }
    if (config.malicious && this.#identity !== undefined) {
      const { signingKey, certificate } = this.#identity;
      if (this.#policy.admission.kind !== 'pinned') entry.identityKey = signingKey.publicKey;
      if (certificate !== undefined) entry.certificate = certificate;
      entry.signature = signingKey.sign(advertisementMessage(config, entry));
    }
    this.#own = entry;
    this.awaits = config.graph.kind === 'harary' && config.graph.draw !== 'coordinator' ? 'drawGraph' : 'shareKeys';
    const out = openMessage('advertiseKeys', config);
    writeEntry(out, entry);
    return out.finish();
  }

  #draw(body: ByteReader): Uint8Array {
    this.#announced = readAnnouncement(body, this.#config);
    this.awaits = 'shareKeys';
    const out = openMessage('drawGraph', this.#config, REVEAL_BYTES);
    if (this.#reveal !== undefined) out.raw(this.#reveal);
    return out.finish();
  }

  #shareKeys(body: ByteReader): Uint8Array {
    const config = this.#config;
    const view = readRoster(body, {
      config,
      own: this.#own as RosterEntry,
      admission: this.#policy.admission,
      announced: this.#announced,
      reveal: this.#reveal,
      beacon: this.#beacon,
    });
    const { neighbors, place, members } = view;
    assertPolicyAcceptsRoster(this.#policy, { verified: members.size, neighbors: neighbors.length });
    const holders = holdersOf(view, config).length;
    if (holders < config.threshold) throw tooFewHolders('shareKeys', holders, config);
    if (config.setup === 'task') {
      for (const member of neighbors) {
        const entry = members.get(member) as RosterEntry;
        (this.#setup as SecAggSetup).pin(entry.id, entry);
      }
    }
    this.#view = view;
    this.#selfMaskSeed = FIELD_25519.sample(this.#rng);
    this.#noiseSeed = config.noise === undefined ? undefined : FIELD_25519.sample(this.#rng);
    const secrets = { selfMask: this.#selfMaskSeed, recovery: this.#recoverySecret, noise: this.#noiseSeed };
    const out = openMessage('shareKeys', config, neighbors.length * 128);
    const own = writeBundles(out, secrets, this.#exchange(), this.#rng);
    if (own !== undefined) this.#held.set(place, own);
    if (config.setup === 'task') out.raw(sealOwnDeposit(this.#recoverySecret, this.#exchange()));
    this.awaits = 'maskedInput';
    return out.finish();
  }

  #exchange(): Exchange {
    return { config: this.#config, view: this.#view as RosterView, keyRing: this.#keyRing as KeyRing };
  }

  #survivorContext(): SurvivorContext {
    return {
      config: this.#config,
      view: this.#view as RosterView,
      policy: this.#policy,
      memory: this.#memory,
      held: this.#held,
      stage: this.awaits,
    };
  }

  #mask(body: ByteReader): { vector: Uint32Array; masks: readonly Mask[] } {
    const config = this.#config;
    const { session } = this.#view as RosterView;
    const { shares, masks: pairMasks } = readBundles(body, this.#exchange());
    for (const [owner, held] of shares) this.#held.set(owner, held);
    if (this.#held.size < config.threshold) throw tooFewHolders('maskedInput', this.#held.size, config);
    const selfMask: Mask = { key: deriveSelfMaskKey(FIELD_25519.encode(this.#selfMaskSeed), session), sign: 1 };
    const masks = [selfMask, ...pairMasks];
    const noise = this.#noiseSeed === undefined ? undefined : { seed: FIELD_25519.encode(this.#noiseSeed), session };
    const vector = buildVector(this.#input as Uint32Array, { config, id: this.id, noise });
    this.#inputTaken = true;
    this.#input?.fill(0);
    this.#input = undefined;
    this.#maskExpansions += masks.length;
    return { vector, masks };
  }

  #finishMasking(vector: Uint32Array): Uint8Array {
    const packed = packBits(vector, this.#config.ring);
    this.awaits = this.#config.malicious ? 'consistency' : 'unmask';
    return openMessage('maskedInput', this.#config, packed.length).raw(packed).finish();
  }

  #vouch(): Uint8Array {
    const { session } = this.#view as RosterView;
    const { bitmap } = this.#survivors as SurvivorSet;
    const message = survivorsMessage(session, bitmap);
    this.awaits = 'unmask';
    return openMessage('consistency', this.#config, 64)
      .raw((this.#identity as SecAggIdentity).signingKey.sign(message))
      .finish();
  }

  /** Releases, for every peer, the share of its self-mask seed or of its recovery secret; never both, and never again. */
  #unmask(): Uint8Array {
    const config = this.#config;
    const { places, opened, contributors } = this.#survivors as SurvivorSet;
    const owners = [...this.#held.keys()].toSorted((a, b) => a - b);
    const out = openMessage('unmask', config, owners.length * 64);
    for (const owner of owners) {
      const shares = this.#held.get(owner) as HeldShares;
      out.raw(places.has(owner) ? shares.selfMask : shares.recovery);
    }
    for (const owner of owners) {
      if (opened.has(owner)) out.raw((this.#held.get(owner) as HeldShares).noise as Uint8Array);
    }
    this.awaits = 'done';
    this.#wipe();
    finishRound(this.#memory, config, contributors);
    return out.finish();
  }

  /** Forgets every secret of the round. */
  #wipe(): void {
    for (const { selfMask, recovery, noise } of this.#held.values()) {
      selfMask.fill(0);
      recovery.fill(0);
      noise?.fill(0);
    }
    this.#held.clear();
    this.#input?.fill(0);
    this.#input = undefined;
    this.#inputTaken = true;
    this.#selfMaskSeed = 0n;
    this.#recoverySecret = 0n;
    this.#noiseSeed = undefined;
    this.#reveal?.fill(0);
    this.#view = undefined;
    this.#survivors = undefined;
    this.#announced = undefined;
    if (this.#keyRing !== undefined && this.#setup === undefined) {
      this.#agreed = this.#keyRing.agreements;
      this.#keyRing = undefined;
    }
  }
}

function unexpected(message: string): SecAggError {
  return new SecAggError('secagg/unexpected-message', message);
}
