/**
 * Sums under encryption: participants encrypt to a key whose holder is not the coordinator, and sign; the coordinator adds
 * what it cannot read; the holder gets all signed ciphertexts, recomputes the sum, and opens it once an attempt.
 *
 * The schemes are used on integers alone, so that the opened sum is exact: BFV, BGV and Paillier by construction, CKKS
 * because its parameters keep the error below one half except with probability 2^−40.
 *
 * @module
 */

import type { SigningKey } from '../../foundations/crypto/index.ts';
import { createSystemRng } from '../../foundations/random/index.ts';
import {
  type AdditiveContext,
  contributeEncrypted,
  createBfv,
  createBgv,
  createCkks,
  createEncryptedAggregator,
  createKeyHolder,
  createPaillier,
  type EncryptedAggregator,
  type EncryptedRound,
  type KeyPair,
  type SchemeName,
  type SchemeTypes,
  type SignerRoster,
} from '../../secure/homomorphic/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import { type AnsweredAttempts, type Assistant, createAssistant, decodeParts, encodeParts } from './assistant.ts';

/** What all parties of such a sum know. */
export interface EncryptedSum {
  readonly scheme: SchemeName;
  /** Sums lie in ±2^(bitWidth − 1). */
  readonly bitWidth: number;
  readonly entries: number;
  /** Most contributors. */
  readonly participants: number;
  /** Paillier alone. */
  readonly keyBits: 2048 | 3072 | 4096;
  readonly planDigest: Uint8Array;
}

type Context = AdditiveContext<SchemeTypes<SchemeName>>;
type Keys = KeyPair<SchemeTypes<SchemeName>['publicKey'], SchemeTypes<SchemeName>['secretKey']>;

/** A context with the public key, made once a task. */
export interface SumEncryption {
  readonly sum: EncryptedSum;
  readonly context: Context;
  readonly publicKey: Keys['publicKey'];
}

async function createContext(sum: EncryptedSum): Promise<Context> {
  const { scheme, bitWidth, entries, participants: addends, keyBits } = sum;
  // A single contribution may be as large as a sum: its noise is.
  const needs = { clampRange: 2 ** (bitWidth - 1) - 1, fractionBits: 0, addends, entries };
  switch (scheme) {
    case 'bfv':
      return (await createBfv(needs)) as unknown as Context;
    case 'bgv':
      return (await createBgv(needs)) as unknown as Context;
    case 'ckks':
      return (await createCkks(needs)) as unknown as Context;
    case 'paillier':
      return createPaillier({ ...needs, keyBits, rng: createSystemRng() }) as unknown as Context;
  }
}

/** Prepares encrypting to a key. @throws a typed error when the key is not one of this task's parameters. */
export async function createSumEncryption(sum: EncryptedSum, publicKey: Uint8Array): Promise<SumEncryption> {
  const context = await createContext(sum);
  return { sum, context, publicKey: context.parsePublicKey(publicKey) };
}

/** The attempt stands where the aggregation room counts rounds: an attempt is opened once, an aborted one is never repeated. */
const roundOf = ({ planDigest }: EncryptedSum, { taskId, attempt }: MessageAddress): EncryptedRound => ({
  taskId,
  round: attempt,
  attempt,
  configDigest: planDigest,
});

/** Encrypts and signs a contribution. @param contribution - grid integers, noise included. */
export async function encryptContribution(
  contribution: Int32Array,
  {
    encryption,
    identity,
    from,
    address,
  }: {
    readonly encryption: SumEncryption;
    readonly identity: SigningKey;
    readonly from: string;
    readonly address: MessageAddress;
  },
): Promise<Uint8Array> {
  const { context, publicKey, sum } = encryption;
  const round = roundOf(sum, address);
  const { ciphertext, signature } = await contributeEncrypted(contribution, {
    context,
    publicKey,
    identity,
    from,
    round,
  });
  return encodeParts([ciphertext, signature]);
}

/** The coordinator's running sum of one attempt. */
export interface EncryptedGathering {
  /** @throws a typed error for a bad signature or a second contribution. */
  receive(from: string, payload: Uint8Array): void;
  /** What goes to the key holder: a part list a contributor, and the sum that the coordinator has formed. */
  close(): {
    readonly contributions: readonly (readonly [from: string, ciphertext: Uint8Array, signature: Uint8Array])[];
    readonly sum: Uint8Array;
  };
}

/** Creates the running sum. @param options - `roster`: identity keys by participant. */
export function createEncryptedGathering({
  encryption,
  roster,
  address,
}: {
  readonly encryption: SumEncryption;
  readonly roster: SignerRoster;
  readonly address: MessageAddress;
}): EncryptedGathering {
  const { context, publicKey, sum } = encryption;
  const aggregator: EncryptedAggregator = createEncryptedAggregator({
    context,
    publicKey,
    roster,
    round: roundOf(sum, address),
  });
  return {
    receive(from, payload) {
      const [ciphertext, signature] = decodeParts(payload, 2) as readonly [Uint8Array, Uint8Array];
      aggregator.receive({ from, ciphertext, signature });
    },
    close() {
      const { contributions, sum: total } = aggregator.close();
      return {
        contributions: contributions.map(({ from, ciphertext, signature }) => [from, ciphertext, signature]),
        sum: total,
      };
    },
  };
}

/** The holder of the key, and the public key that participants encrypt to. */
export interface KeyHolderAssistant extends Assistant {
  readonly publicKey: Uint8Array;
}

/**
 * Creates the holder of a fresh key.
 * Guarantee: one opening an attempt, of a sum of at least `minContributors` signers of the roster.
 * @param options - `roster`: identity keys by participant, from a source that is not the coordinator where the coordinator
 * is not believed.
 */
export async function createKeyHolderAssistant({
  sum,
  name,
  taskId,
  roster,
  minContributors,
  answered,
}: {
  readonly sum: EncryptedSum;
  readonly name: string;
  readonly taskId: string;
  readonly roster: SignerRoster;
  readonly minContributors: number;
  readonly answered: AnsweredAttempts;
}): Promise<KeyHolderAssistant> {
  const context = await createContext(sum);
  const { publicKey, secretKey } = await context.createKeys();
  const assistant = createAssistant({
    name,
    taskId,
    planDigest: sum.planDigest,
    minContributors,
    answered,
    async work({ round, attempt, contributions, claim: claimed }, claim) {
      const holder = createKeyHolder({
        context,
        publicKey,
        secretKey,
        roster,
        threshold: minContributors,
        opened: { claim: () => claim().then(() => true) },
      });
      const signed = contributions.map(([from, ciphertext, signature]) => ({
        from,
        ciphertext: ciphertext ?? new Uint8Array(),
        signature: signature ?? new Uint8Array(),
      }));
      const { sum: opened } = await holder.open(roundOf(sum, { taskId, round, attempt }), {
        contributions: signed,
        sum: claimed,
      });
      const bytes = new Uint8Array(opened.length * 8);
      const view = new DataView(bytes.buffer);
      opened.forEach((value, i) => view.setFloat64(8 * i, value, true));
      return bytes;
    },
  });
  return { ...assistant, publicKey: context.serializePublicKey(publicKey) };
}

/** Reads the holder's answer. @returns grid integers. */
export function readOpenedSum(answer: Uint8Array, { entries, bitWidth }: EncryptedSum): Float64Array {
  if (answer.length !== 8 * entries)
    throw new RangeError(`an opened sum must have ${8 * entries} bytes, got ${answer.length}`);
  const view = new DataView(answer.buffer, answer.byteOffset, answer.length);
  const sum = Float64Array.from({ length: entries }, (_, i) => view.getFloat64(8 * i, true));
  const bound = 2 ** (bitWidth - 1);
  if (!sum.every((value) => Number.isInteger(value) && Math.abs(value) <= bound)) {
    throw new RangeError('an opened sum must hold integers of the ring');
  }
  return sum;
}
