/**
 * What a participant takes home: for every round it was called to, the leaf that says so, the proof that the leaf stands
 * in the log, and the proof that its own commitment stands in the leaf's roster. Checked offline, years later, against the
 * log's key alone.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import * as z from 'zod';

import { fromHex, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { openCheckpoint, type SignedCheckpoint } from './checkpoint.ts';
import { commitTo } from './commitment.ts';
import { LogError } from './errors.ts';
import { decodeLeaf } from './leaf.ts';
import { computeLevels, hashLeaf, verifyInclusion } from './merkle.ts';
import type { NoteVerifier } from './note.ts';
import { formatLogProof } from './proof.ts';
import type { LogReader } from './reader.ts';

const hashes = z.array(z.string().max(44)).max(63);
const receiptSchema = z.strictObject({
  sotto: z.literal('receipt/1'),
  participant: z.string().min(1),
  /** Hexadecimal. */
  salt: z.string().regex(/^[0-9a-f]{64}$/),
  checkpoint: z.string(),
  rounds: z.array(
    z.strictObject({
      index: z.int().nonnegative(),
      /** The leaf's text. */
      leaf: z.string(),
      proof: hashes,
      roster: z.strictObject({ position: z.int().nonnegative(), size: z.int().positive(), proof: hashes }),
    }),
  ),
});

/** A participant's receipt. */
export type Receipt = z.infer<typeof receiptSchema>;

/** A round as a receipt proves it. */
export interface ReceivedRound {
  readonly attempt: number;
  readonly round: number;
  readonly index: number;
  /** Most memberships of anybody in the cohort, as the log counted them; absent where every attempt is charged. */
  readonly memberships?: number;
  /** Digest of the model that the cohort was offered. */
  readonly modelDigest: string;
}

/** What a participant knows of a round by itself. */
export interface KnownRound {
  readonly attempt: number;
  /** Digest of the model that it was offered; absent where an offer has more in it than the model. */
  readonly modelDigest?: string | undefined;
}

/** A round that a participant was called to, as the log's holder knows it. */
export interface RosterEntry {
  /** Index of the leaf `round-opened`. */
  readonly index: number;
  /** Commitments of the cohort, in order. */
  readonly commitments: readonly string[];
  readonly position: number;
}

/** Makes a receipt under the log's last checkpoint. */
export async function createReceipt({
  participant,
  salt,
  rounds,
  reader,
  checkpoint,
}: {
  readonly participant: string;
  readonly salt: Uint8Array;
  readonly rounds: readonly RosterEntry[];
  readonly reader: LogReader;
  readonly checkpoint: SignedCheckpoint;
}): Promise<Receipt> {
  const decoder = new TextDecoder();
  return {
    sotto: 'receipt/1',
    participant,
    salt: toHex(salt),
    checkpoint: checkpoint.note,
    rounds: await Promise.all(
      rounds.map(async ({ index, commitments, position }) => ({
        index,
        leaf: decoder.decode(await reader.entry(index)),
        proof: (await reader.inclusionProof(index, checkpoint.size)).map(encodeBase64),
        roster: { position, size: commitments.length, proof: rosterProof(commitments, position).map(encodeBase64) },
      })),
    ),
  };
}

/** Writes a receipt in its one canonical form. */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  return utf8(`${canonicalize(receipt) as string}\n`);
}

/** Reads a receipt. @throws {LogError} `log/malformed`. */
export function parseReceipt(bytes: Uint8Array): Receipt {
  let content: string;
  let value: unknown;
  try {
    content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(content);
  } catch (cause) {
    throw new LogError('log/malformed', 'a receipt is not JSON', { cause });
  }
  const receipt = receiptSchema.safeParse(value);
  if (!receipt.success || `${canonicalize(value) as string}\n` !== content) {
    throw new LogError('log/malformed', 'a receipt does not have the form of one');
  }
  return receipt.data;
}

/**
 * Verifies a receipt against the log's key.
 * @returns the rounds it proves, and the checkpoint they stand under.
 * @throws {LogError} `log/malformed`, `log/signature-invalid`, `log/inconsistent`.
 */
export function verifyReceipt(
  receipt: Receipt,
  options: { readonly verifiers: readonly NoteVerifier[]; readonly witnesses?: number },
): { readonly rounds: readonly ReceivedRound[]; readonly checkpoint: SignedCheckpoint } {
  const checkpoint = openCheckpoint(receipt.checkpoint, options);
  const commitment = hashLeaf(utf8(commitTo(receipt.participant, fromHex(receipt.salt))));
  const wrong = (index: number, why: string): LogError =>
    new LogError('log/inconsistent', `the receipt of ${receipt.participant}, leaf ${index}: ${why}`, {
      details: { index },
    });
  const rounds = receipt.rounds.map(({ index, leaf: content, proof, roster }) => {
    const bytes = utf8(content);
    const path = decodeHashes(proof);
    const { size, root } = checkpoint;
    if (path === undefined || !verifyInclusion({ index, size, root, leafHash: hashLeaf(bytes), proof: path })) {
      throw wrong(index, 'the leaf does not stand in the log');
    }
    const leaf = decodeLeaf(bytes);
    if (leaf.kind !== 'round-opened') throw wrong(index, 'the leaf opens no round');
    const members = decodeHashes(roster.proof);
    const claim = { index: roster.position, size: roster.size, root: fromHex(leaf.rosterDigest), leafHash: commitment };
    if (leaf.cohort !== roster.size || members === undefined || !verifyInclusion({ ...claim, proof: members })) {
      throw wrong(index, 'the participant does not stand in the roster');
    }
    const { attempt, round, memberships, modelDigest } = leaf;
    return { attempt, round, index, modelDigest, ...(memberships === undefined ? {} : { memberships }) };
  });
  return { rounds, checkpoint };
}

/**
 * Finds the rounds of a receipt for which the log counted fewer memberships than the receipt proves: whoever was called
 * to n rounds has been charged for n of them, and a log that says fewer has left some out.
 * @returns why, a line for each.
 */
export function findMiscounts(rounds: readonly ReceivedRound[]): readonly string[] {
  const byLeaf = new Map(rounds.map((round) => [round.index, round]));
  return [...byLeaf.values()]
    .toSorted((a, b) => a.index - b.index)
    .flatMap(({ attempt, memberships }, i) =>
      memberships === undefined || i < memberships
        ? []
        : [`${i + 1} memberships are proven at attempt ${attempt}, where the log counted ${memberships}`],
    );
}

/**
 * Finds what the rounds that a participant took part in and those that its receipt proves say differently: rounds that
 * the log leaves out, and cohorts that were offered another model than the log says.
 * @returns why, a line for each.
 */
export function findContradictions(rounds: readonly ReceivedRound[], known: readonly KnownRound[]): readonly string[] {
  const proven = new Map(rounds.map((round) => [round.attempt, round]));
  return known.flatMap(({ attempt, modelDigest }) => {
    const round = proven.get(attempt);
    if (round === undefined) return [`attempt ${attempt} took place, and the receipt leaves it out`];
    return modelDigest === undefined || modelDigest === round.modelDigest
      ? []
      : [`attempt ${attempt} was offered another model than the log says`];
  });
}

/** Returns the proof of one round of a receipt in the common form of transparency logs. */
export function logProofOf(receipt: Receipt, at: number): string {
  const entry = receipt.rounds[at];
  const path = decodeHashes(entry?.proof ?? []);
  if (entry === undefined || path === undefined) throw new RangeError(`"at" must be a round of the receipt, got ${at}`);
  return formatLogProof({ index: entry.index, hashes: path, checkpoint: receipt.checkpoint, extra: utf8(entry.leaf) });
}

function decodeHashes(texts: readonly string[]): Uint8Array[] | undefined {
  const out: Uint8Array[] = [];
  for (const each of texts) {
    const hash = decodeBase64(each);
    if (hash === undefined) return undefined;
    out.push(hash);
  }
  return out;
}

/** Levels of a roster's tree, leaves first: everybody in a round has its proof from the same tree. */
const rosterTrees = new WeakMap<readonly string[], readonly (readonly Uint8Array[])[]>();

function rosterTree(commitments: readonly string[]): readonly (readonly Uint8Array[])[] {
  let levels = rosterTrees.get(commitments);
  if (levels === undefined) {
    levels = computeLevels(commitments.map((commitment) => hashLeaf(utf8(commitment))));
    rosterTrees.set(commitments, levels);
  }
  return levels;
}

function rosterProof(commitments: readonly string[], position: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let at = position;
  for (const level of rosterTree(commitments)) {
    const sibling = level[at ^ 1];
    // A lone last node moves up as it is.
    if (sibling !== undefined) path.push(sibling);
    at >>= 1;
  }
  return path;
}
