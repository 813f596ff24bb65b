/**
 * Sums under encryption: participants encrypt to a key whose holder is not the coordinator, and sign; the coordinator adds
 * what it cannot read; the holder gets all signed ciphertexts, recomputes the sum, and opens it once an attempt.
 *
 * The schemes are used on integers alone, so that the opened sum is exact: BFV, BGV and Paillier by construction, CKKS
 * because its parameters keep the error below one half except with probability 2^−40.
 *
 * @module
 */

import { decode, encode } from 'cborg';

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
  decodePaillierSecretKey,
  encodePaillierSecretKey,
  type EncryptedAggregator,
  type EncryptedRound,
  type KeyPair,
  type PaillierSecretKey,
  type SchemeName,
  type SchemeTypes,
  type SealKeyBytes,
  type SignerRoster,
} from '../../secure/homomorphic/index.ts';
import type { MessageAddress } from '../wire/index.ts';
import {
  type AnsweredAttempts,
  assertOnRoster,
  type Assistant,
  createAssistant,
  decodeParts,
  encodeParts,
} from './assistant.ts';
import { AssistantError } from './errors.ts';

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

const SIGNATURE_BYTES = 64;

type Context = AdditiveContext<SchemeTypes<SchemeName>>;
type Keys = KeyPair<SchemeTypes<SchemeName>['publicKey'], SchemeTypes<SchemeName>['secretKey']>;

/** A context with the public key, made once a task. */
export interface SumEncryption {
  readonly sum: EncryptedSum;
  readonly context: Context;
  readonly publicKey: Keys['publicKey'];
}

async function createContext(sum: Omit<EncryptedSum, 'planDigest'>): Promise<Context> {
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
    entries: sum.entries,
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

const KEYS_VERSION = 1;

/**
 * Makes a key pair for sums with these parameters, in bytes to be kept secret. The plan's digest plays no part: the key
 * comes first, and the task then pins it.
 */
export async function createHolderKeys(sum: Omit<EncryptedSum, 'planDigest'>): Promise<Uint8Array> {
  const context = await createContext(sum);
  const { publicKey, secretKey } = await context.createKeys();
  const secret =
    sum.scheme === 'paillier'
      ? encodePaillierSecretKey(secretKey as PaillierSecretKey)
      : (secretKey as SealKeyBytes<'bfv'>).bytes;
  return encode([KEYS_VERSION, sum.scheme, context.serializePublicKey(publicKey), secret]);
}

/** The public part of a key pair. @throws {@link AssistantError} `assistants/malformed`. */
export function publicKeyOfHolder(keys: Uint8Array): Uint8Array {
  return readHolderKeys(keys).publicKey;
}

function readHolderKeys(bytes: Uint8Array): { scheme: string; publicKey: Uint8Array; secret: Uint8Array } {
  let fields: unknown;
  try {
    fields = decode(bytes, { strict: true });
  } catch (cause) {
    throw new AssistantError('assistants/malformed', 'the bytes are no key pair of a key holder', { cause });
  }
  const [version, scheme, publicKey, secret] = Array.isArray(fields) ? (fields as unknown[]) : [];
  if (
    version !== KEYS_VERSION ||
    typeof scheme !== 'string' ||
    !(publicKey instanceof Uint8Array) ||
    !(secret instanceof Uint8Array)
  ) {
    throw new AssistantError('assistants/malformed', 'the bytes are no key pair of a key holder');
  }
  return { scheme, publicKey, secret };
}

/** Reads a key pair into a context, and tries it once: a pair that does not fit would fail in the middle of a round. */
async function loadHolderKeys(
  bytes: Uint8Array,
  { sum, context }: { sum: EncryptedSum; context: Context },
): Promise<Keys> {
  const { scheme, publicKey: open, secret } = readHolderKeys(bytes);
  const wrong = (cause?: unknown) =>
    new AssistantError(
      'assistants/malformed',
      `the key pair is not for the sums of this task (${context.description}): make another one, and pin it in the task`,
      { cause },
    );
  if (scheme !== sum.scheme) throw wrong();
  try {
    const publicKey = context.parsePublicKey(open);
    const secretKey = (
      scheme === 'paillier'
        ? decodePaillierSecretKey(secret)
        : { ...(publicKey as SealKeyBytes<'bfv'>), bytes: secret.slice() }
    ) as Keys['secretKey'];
    const tried = await context.decrypt(await context.encrypt([1, -1], publicKey), secretKey);
    if (tried[0] !== 1 || tried[1] !== -1) throw wrong();
    return { publicKey, secretKey };
  } catch (error) {
    throw error instanceof AssistantError ? error : wrong(error);
  }
}

/** The holder of the key, and the public key that participants encrypt to. */
export interface KeyHolderAssistant extends Assistant {
  readonly publicKey: Uint8Array;
}

/**
 * Creates the holder of a key.
 * Guarantee: one opening an attempt, of a sum of at least `minContributors` signers of the roster.
 * @param options - `roster`: identity keys by participant, from a source that is not the coordinator where the coordinator
 * is not believed; `keys`: a pair from `createHolderKeys`, a fresh one when left out.
 * @throws {@link AssistantError} `assistants/malformed` when the pair is not for these sums.
 */
export async function createKeyHolderAssistant({
  sum,
  name,
  taskId,
  roster,
  minContributors,
  answered,
  keys,
}: {
  readonly sum: EncryptedSum;
  readonly keys?: Uint8Array | undefined;
  readonly name: string;
  readonly taskId: string;
  readonly roster: SignerRoster;
  readonly minContributors: number;
  readonly answered: AnsweredAttempts;
}): Promise<KeyHolderAssistant> {
  const context = await createContext(sum);
  const { publicKey, secretKey } =
    keys === undefined ? await context.createKeys() : await loadHolderKeys(keys, { sum, context });
  const assistant = createAssistant({
    name,
    taskId,
    planDigest: sum.planDigest,
    minContributors,
    largest: {
      contributors: sum.participants,
      partBytes: context.sizeBytes(sum.entries) + SIGNATURE_BYTES,
      claimBytes: context.sizeBytes(sum.entries),
    },
    answered,
    async work(request, claim) {
      assertOnRoster(request, roster, name);
      const { round, attempt, contributions, claim: claimed } = request;
      const holder = createKeyHolder({
        context,
        publicKey,
        secretKey,
        roster,
        entries: sum.entries,
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
