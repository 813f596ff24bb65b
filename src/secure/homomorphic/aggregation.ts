/**
 * Aggregation under encryption: participants sign and encrypt, the coordinator adds what it cannot read, and a key holder
 * who is somebody else recomputes the sum from the signed ciphertexts and opens it, once a round and only when enough
 * participants are in it. Pure: bytes in, bytes out.
 *
 * The holder must not collude with whoever stores single ciphertexts; the coordinator learns the opened sum.
 *
 * @module
 */

import {
  concatBytes,
  equalBytes,
  sha256,
  type SigningKey,
  utf8,
  verifySignature,
} from '../../foundations/crypto/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import { HomomorphicError } from './errors.ts';
import type { AdditiveContext, SchemeName, SchemeTypes } from './scheme.ts';

/** Which sum a contribution is for. */
export interface EncryptedRound {
  readonly taskId: string;
  readonly round: number;
  readonly attempt: number;
  /** Digest of the task's configuration, equal for all. */
  readonly configDigest: Uint8Array;
}

/** One participant's ciphertext with its signature. */
export interface SignedCiphertext {
  readonly from: string;
  readonly ciphertext: Uint8Array;
  /** Ed25519 by the participant's identity key. */
  readonly signature: Uint8Array;
}

/** Remembers which rounds were opened, across restarts; `claim` is atomic and durable before it resolves. */
export interface OpenedRounds {
  /** Returns false when the round was claimed before. */
  claim(round: string): Promise<boolean>;
}

function statement(round: EncryptedRound, keyId: string, from: string, ciphertext: Uint8Array): Uint8Array {
  const { taskId, round: number, attempt, configDigest } = round;
  const about = JSON.stringify(['sotto/homomorphic/contribution/v1', taskId, number, attempt, keyId, from]);
  return concatBytes(sha256(utf8(about)), sha256(configDigest), sha256(ciphertext));
}

/** Encrypts and signs one participant's integers. */
export async function contributeEncrypted<T extends SchemeTypes<SchemeName>>(
  integers: ArrayLike<number>,
  {
    context,
    publicKey,
    identity,
    from,
    round,
  }: {
    readonly context: AdditiveContext<T>;
    readonly publicKey: T['publicKey'];
    readonly identity: SigningKey;
    readonly from: string;
    readonly round: EncryptedRound;
  },
): Promise<SignedCiphertext> {
  const ciphertext = context.serialize(await context.encrypt(integers, publicKey));
  return { from, ciphertext, signature: identity.sign(statement(round, publicKey.keyId, from, ciphertext)) };
}

/** Who may contribute: identity keys by participant. */
export type SignerRoster = ReadonlyMap<string, Uint8Array>;

interface Checking<T extends SchemeTypes<SchemeName>> {
  readonly context: AdditiveContext<T>;
  readonly publicKey: T['publicKey'];
  readonly roster: SignerRoster;
  /** Numbers in a contribution. */
  readonly entries: number;
}

function checkContribution<T extends SchemeTypes<SchemeName>>(
  { context, publicKey, roster, entries }: Checking<T>,
  round: EncryptedRound,
  { from, ciphertext, signature }: SignedCiphertext,
): T['vector'] {
  const identity = roster.get(from);
  if (
    identity === undefined ||
    !verifySignature(identity, statement(round, publicKey.keyId, from, ciphertext), signature)
  ) {
    throw new HomomorphicError(
      'homomorphic/unsigned',
      `the contribution of ${JSON.stringify(from)} is not signed for this round`,
      {
        details: { participant: from },
      },
    );
  }
  const vector = context.parse(ciphertext);
  if (vector.keyId !== publicKey.keyId)
    throw new HomomorphicError('homomorphic/wrong-key', 'a contribution is under another key');
  context.assertFresh(vector, entries);
  return vector;
}

/** The coordinator's side: checks, keeps and adds what it cannot read. */
export interface EncryptedAggregator {
  readonly contributors: readonly string[];
  /**
   * @throws {HomomorphicError} `homomorphic/unsigned` for a bad signature or a second contribution; `malformed`,
   * `mixed-contexts`, `wrong-key` for what is no fresh vector of this sum. The sum of the others is unharmed.
   */
  receive(contribution: SignedCiphertext): void;
  /** What goes to the key holder. */
  close(): { readonly contributions: readonly SignedCiphertext[]; readonly sum: Uint8Array };
}

/** Creates the coordinator's side of one round. */
export function createEncryptedAggregator<T extends SchemeTypes<SchemeName>>({
  round,
  ...checking
}: Checking<T> & { readonly round: EncryptedRound }): EncryptedAggregator {
  const contributions = new Map<string, SignedCiphertext>();
  let sum: T['vector'] | undefined;
  return {
    get contributors() {
      return [...contributions.keys()];
    },
    receive(contribution) {
      const vector = checkContribution(checking, round, contribution);
      if (contributions.has(contribution.from)) {
        throw new HomomorphicError(
          'homomorphic/unsigned',
          `${JSON.stringify(contribution.from)} has contributed already`,
        );
      }
      sum = sum === undefined ? vector : checking.context.add(sum, vector);
      contributions.set(contribution.from, contribution);
    },
    close() {
      if (sum === undefined) throw new HomomorphicError('homomorphic/too-few', 'nobody has contributed');
      return { contributions: [...contributions.values()], sum: checking.context.serialize(sum) };
    },
  };
}

/** The key holder's side. */
export interface KeyHolder {
  /**
   * Verifies every signature, recomputes the sum and opens it.
   * @throws {HomomorphicError} `too-few` below the threshold, `unsigned` for a bad or repeated signature, `sum-mismatch`
   * when the coordinator's sum is another, `already-decrypted` when this round was opened before.
   */
  open(
    round: EncryptedRound,
    request: { readonly contributions: readonly SignedCiphertext[]; readonly sum: Uint8Array },
  ): Promise<{ readonly sum: Float64Array; readonly contributors: readonly string[] }>;
}

/**
 * Creates the key holder of a task.
 * Guarantee: one opening a round of the task, whatever the attempt, of a sum of at least `threshold` different signers;
 * the round is claimed durably before the key is used, so that a crash costs the round and never a second opening.
 */
export function createKeyHolder<T extends SchemeTypes<SchemeName>>({
  secretKey,
  threshold,
  opened,
  ...checking
}: Checking<T> & {
  readonly secretKey: T['secretKey'];
  readonly threshold: number;
  readonly opened: OpenedRounds;
}): KeyHolder {
  assertInteger(threshold, 'threshold', { min: 2, max: Math.max(2, checking.roster.size) });
  const { context } = checking;
  return {
    async open(round, { contributions, sum: claimed }) {
      const seen = new Set<string>();
      const vectors = contributions.map((contribution) => {
        const vector = checkContribution(checking, round, contribution);
        if (seen.has(contribution.from)) {
          throw new HomomorphicError('homomorphic/unsigned', `${JSON.stringify(contribution.from)} is there twice`);
        }
        seen.add(contribution.from);
        return vector;
      });
      const [first, ...rest] = vectors;
      if (first === undefined || vectors.length < threshold) {
        throw new HomomorphicError(
          'homomorphic/too-few',
          `a sum of ${vectors.length} contributions is not opened, ${threshold} are needed`,
          {
            details: { contributors: vectors.length, threshold },
          },
        );
      }
      const sum = context.add(first, ...rest);
      if (!equalBytes(context.serialize(sum), claimed)) {
        throw new HomomorphicError(
          'homomorphic/sum-mismatch',
          'the sum to open is not the sum of the signed contributions',
        );
      }
      if (!(await opened.claim(JSON.stringify([round.taskId, round.round])))) {
        throw new HomomorphicError(
          'homomorphic/already-decrypted',
          `round ${round.round} of ${JSON.stringify(round.taskId)} was opened before`,
        );
      }
      return { sum: await context.decrypt(sum, secretKey), contributors: [...seen] };
    },
  };
}

/** Keeps the opened rounds in memory: for tests, and for holders that end with their task. */
export function createOpenedRounds(): OpenedRounds {
  const rounds = new Set<string>();
  return {
    claim(round) {
      const fresh = !rounds.has(round);
      rounds.add(round);
      return Promise.resolve(fresh);
    },
  };
}
