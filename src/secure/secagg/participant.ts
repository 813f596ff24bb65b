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
import { createEntry, writeAdvertisement } from './advertisement.ts';
import type { ByteReader } from './codec.ts';
import { resolveConfig, type ResolvedConfig, type SecAggConfig } from './config.ts';
import { deriveSelfMaskKey } from './derive.ts';
import { SecAggError } from './errors.ts';
import { holdersOf, readBundles, sealOwnDeposit, writeBundles, type Exchange } from './exchange.ts';
import type { SecAggIdentity } from './identity.ts';
import { assertInput, buildVector } from './input.ts';
import { createKeyRing, type KeyRing } from './keys.ts';
import { maskResiduesInto, maskResiduesWith, type MaskExpander } from './masking.ts';
import { openMessage, readFrame, requestKind } from './messages.ts';
import {
  assertPolicyAcceptsConfig,
  assertPolicyAcceptsRoster,
  describeAdversary,
  TRUSTING_POLICY,
  type SecAggPolicy,
} from './policy.ts';
import { claimRound, createSecAggMemory, finishRound, type SecAggMemory } from './progress.ts';
import { readAnnouncement, readRoster, type AnnouncedRoster, type RosterView } from './roster-view.ts';
import { drawsByCommitment, REVEAL_BYTES, survivorsMessage, type RosterEntry } from './roster.ts';
import { RoundSecrets } from './round-secrets.ts';
import type { SecAggSetup } from './setup.ts';
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
  readonly #secrets = new RoundSecrets();
  #keyRing: KeyRing | undefined;
  #own: RosterEntry | undefined;
  #beacon: Uint8Array | undefined;
  #announced: AnnouncedRoster | undefined;
  #view: RosterView | undefined;
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
    this.#secrets.setInput(residues, (input) => assertInput(input, this.#config, this.#policy));
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
      const due = requestKind(this.awaits, this.#config);
      if (kind !== due) throw unexpected(`I expect "${due}", not "${kind}"`);
      if (this.awaits === 'maskedInput' && !this.#secrets.hasInput) {
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
    const recovery = this.#secrets.drawRecovery(this.#rng);
    const keyRing =
      config.setup === 'task'
        ? (this.#setup as SecAggSetup).keyRing
        : createKeyRing({
            channelSecret: this.#rng.bytes(32),
            // The mask keys follow from what is shared, so that the coordinator rebuilds them for somebody who was lost.
            maskSecret: FIELD_25519.encode(recovery),
            agreement: config.keyAgreement,
          });
    this.#keyRing = keyRing;
    this.#agreementsBefore = keyRing.agreements;
    const entry = createEntry(config, {
      id: this.id,
      keyRing,
      reveal: drawsByCommitment(config) ? this.#secrets.drawReveal(this.#rng) : undefined,
      identity: this.#identity,
      policy: this.#policy,
    });
    this.#own = entry;
    this.awaits = config.graph.kind === 'harary' && config.graph.draw !== 'coordinator' ? 'drawGraph' : 'shareKeys';
    return writeAdvertisement(config, entry);
  }

  #draw(body: ByteReader): Uint8Array {
    this.#announced = readAnnouncement(body, this.#config);
    this.awaits = 'shareKeys';
    const out = openMessage('drawGraph', this.#config, REVEAL_BYTES);
    if (this.#secrets.reveal !== undefined) out.raw(this.#secrets.reveal);
    return out.finish();
  }

  #shareKeys(body: ByteReader): Uint8Array {
    const config = this.#config;
    const view = readRoster(body, {
      config,
      own: this.#own as RosterEntry,
      admission: this.#policy.admission,
      announced: this.#announced,
      reveal: this.#secrets.reveal,
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
    const secrets = this.#secrets.drawSeeds(config, this.#rng);
    const out = openMessage('shareKeys', config, neighbors.length * 128);
    const own = writeBundles(out, secrets, this.#exchange(), this.#rng);
    if (own !== undefined) this.#secrets.held.set(place, own);
    if (config.setup === 'task') out.raw(sealOwnDeposit(secrets.recovery, this.#exchange()));
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
      held: this.#secrets.held,
      stage: this.awaits,
    };
  }

  #mask(body: ByteReader): { vector: Uint32Array; masks: readonly Mask[] } {
    const config = this.#config;
    const { session } = this.#view as RosterView;
    const { shares, masks: pairMasks } = readBundles(body, this.#exchange());
    const { held, selfMaskSeed, noiseSeed } = this.#secrets;
    for (const [owner, share] of shares) held.set(owner, share);
    if (held.size < config.threshold) throw tooFewHolders('maskedInput', held.size, config);
    const masks: readonly Mask[] = [{ key: deriveSelfMaskKey(selfMaskSeed, session), sign: 1 }, ...pairMasks];
    const noise = noiseSeed === undefined ? undefined : { seed: noiseSeed, session };
    const vector = this.#secrets.takeInput((input) => buildVector(input, { config, id: this.id, noise }));
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

  /** Releases what opens the sum of the survivors; once, and never again. */
  #unmask(): Uint8Array {
    const survivors = this.#survivors as SurvivorSet;
    const out = openMessage('unmask', this.#config, this.#secrets.held.size * 64);
    this.#secrets.writeShares(out, survivors);
    this.awaits = 'done';
    this.#wipe();
    finishRound(this.#memory, this.#config, survivors.contributors);
    return out.finish();
  }

  #wipe(): void {
    this.#secrets.wipe();
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
