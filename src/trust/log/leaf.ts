/**
 * What the log records, as canonical JSON (RFC 8785), one object a leaf. Nothing in a leaf is data of anybody: names are
 * salted commitments, contents are digests, numbers are what the task makes public anyway.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import * as z from 'zod';

import { utf8 } from '../../foundations/crypto/index.ts';
import { LogError } from './errors.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();
const text = z.string().max(2000);
const name = z.string().min(1).max(500);
const base = { time: z.iso.datetime() };

const privacy = z.strictObject({
  privacyUnit: z.string(),
  trust: z.string(),
  epsilon: z.number(),
  delta: z.number(),
  relation: z.string(),
  accountant: z.string(),
});

const leafSchema = z.discriminatedUnion('kind', [
  /** The task as it was agreed: its file by digest, its promises in words. */
  z.strictObject({
    kind: z.literal('task'),
    ...base,
    task: name,
    taskDigest: digest,
    mode: z.enum(['federated', 'single-party', 'served']),
    participants: count,
    rounds: count,
    aggregation: z.string(),
    /** Null: no privacy at all. */
    privacy: privacy.nullable(),
    /** A seeded run protects nobody. */
    seeded: z.boolean(),
    version: z.string(),
  }),
  /** The policy of the rounds: everything that parties derive alike, by digest, with the numbers a reader asks for. */
  z.strictObject({
    kind: z.literal('plan'),
    ...base,
    planDigest: digest,
    attempts: count,
    dimension: count,
    inputShape: z.array(count),
    samplingRate: z.number(),
    /** Of a gradient or an update; null where neither is clipped. */
    clipNorm: z.number().nullable(),
    noiseMultiplier: z.number().nullable(),
    threshold: count.nullable(),
    maxCorrupt: count.nullable(),
    /** The event that one attempt is charged. */
    event: z.record(z.string(), z.json()).nullable(),
    /** Cohorts that may be open at once; one when it is left out. */
    concurrency: count.optional(),
    /** What the event pays for where one party trains: a step, or the whole run. */
    charged: z.enum(['step', 'run']).optional(),
    modelDigest: digest,
  }),
  /** A data set that took part: its content by commitment. */
  z.strictObject({
    kind: z.literal('data'),
    ...base,
    dataset: name,
    part: name,
    examples: count,
    commitment: digest,
  }),
  /** A preparation whose lineage file is kept elsewhere. */
  z.strictObject({ kind: z.literal('preparation'), ...base, job: name, lineageDigest: digest }),
  /** A record of a budget ledger, whole: epsilon can be recomputed from these alone. */
  z.strictObject({ kind: z.literal('ledger'), ...base, ledger: name, record: z.record(z.string(), z.json()) }),
  z.strictObject({
    kind: z.literal('round-opened'),
    ...base,
    attempt: count,
    round: count,
    /** Merkle root over the commitments of the cohort; of a private draw, of everybody it is drawn from. */
    rosterDigest: digest,
    cohort: count,
    /**
     * Memberships, this one included, of the member that has the most: what must have been charged by now. Where it is
     * left out every attempt is charged.
     */
    memberships: count.optional(),
    modelDigest: digest,
  }),
  z.strictObject({
    kind: z.literal('round-closed'),
    ...base,
    attempt: count,
    /** The round that was committed; of an aborted attempt the round it was opened for. */
    round: count,
    /** Rounds that were committed while the attempt was open, where several may be. */
    staleness: count.optional(),
    outcome: z.enum(['committed', 'aborted']),
    contributors: count,
    dropouts: count,
    modelDigest: digest,
    checkpointDigest: digest.nullable(),
  }),
  /** Steps of one party's training that ran under charges made before, from one model to the next. */
  z.strictObject({
    kind: z.literal('steps'),
    ...base,
    first: count,
    last: count,
    startDigest: digest,
    modelDigest: digest,
    checkpointDigest: digest.nullable(),
  }),
  /** The model of a process that took up the task after another one. */
  z.strictObject({
    kind: z.literal('resumed'),
    ...base,
    round: count,
    modelDigest: digest,
    checkpointDigest: digest.nullable(),
  }),
  z.strictObject({
    kind: z.literal('evaluation'),
    ...base,
    attempt: count,
    round: count,
    /** SHA-256 of the attempt's line of metrics. */
    reportDigest: digest,
    accuracy: z.number().nullable(),
    loss: z.number().nullable(),
  }),
  z.strictObject({
    kind: z.literal('release'),
    ...base,
    round: count,
    modelDigest: digest,
    /** SHA-256 by file name. */
    files: z.record(z.string(), digest),
  }),
  /** An answer that was given: a prediction, a statistic. */
  z.strictObject({
    kind: z.literal('answer'),
    ...base,
    modelDigest: digest,
    request: digest,
    purpose: name,
    /** The charge it was given under; null: a private model answers for nothing more. */
    reservation: z.string().nullable(),
  }),
  z.strictObject({
    kind: z.literal('access'),
    ...base,
    actor: digest,
    action: name,
    subject: text,
    decision: z.enum(['allowed', 'denied']),
    reason: text,
    /** Number of the record in the installation's tables; absent in the log of a task. */
    sequence: count.optional(),
  }),
  z.strictObject({
    kind: z.literal('administrative'),
    ...base,
    actor: digest,
    action: name,
    subject: text,
    detail: text,
    sequence: count.optional(),
  }),
  /** A key was made, replaced, handed to another keeper or destroyed: written before it happens, and once it has. */
  z.strictObject({
    kind: z.literal('key'),
    ...base,
    act: z.enum(['made', 'replaced', 'handed-over', 'destroyed', 'found-changed']),
    phase: z.enum(['intended', 'done', 'undone']),
    /** `root`, the identifier of a data key, or `sha256:` and the fingerprint of a public key. */
    key: name,
    detail: text,
    /** SHA-256 of the key store as it is at that time; null where there is none. */
    state: digest.nullable(),
  }),
  /** Begins the log of an installation, which tells of access and administration and of no run. */
  z.strictObject({ kind: z.literal('installation'), ...base, version: z.string() }),
  /** Evidence of a trusted execution environment that was shown to a participant on its challenge. */
  z.strictObject({
    kind: z.literal('attestation'),
    ...base,
    /** The participant, by commitment. */
    subject: digest,
    evidenceDigest: digest,
    taskPolicyDigest: digest,
    codeDigest: digest,
    simulated: z.boolean(),
  }),
  /** Reference values of trusted execution environments, as they were signed. */
  z.strictObject({ kind: z.literal('reference'), ...base, digest }),
  /** A subject's salts and keys were destroyed: what the log says of it can no longer be linked to it. */
  z.strictObject({ kind: z.literal('erasure'), ...base, subject: digest, method: name, destroyed: z.array(name) }),
]);

/** Any leaf. */
export type LogLeaf = z.infer<typeof leafSchema>;
export type LogLeafKind = LogLeaf['kind'];
/** A leaf of one kind. */
export type LeafOf<Kind extends LogLeafKind> = Extract<LogLeaf, { readonly kind: Kind }>;
/** A leaf before its time is put in. */
export type LeafContent = LogLeaf extends infer Leaf ? (Leaf extends LogLeaf ? Omit<Leaf, 'time'> : never) : never;

/** Writes a leaf. @throws {LogError} `log/invalid-leaf` when it is not one that the log records. */
export function encodeLeaf(leaf: LogLeaf): Uint8Array {
  const checked = leafSchema.safeParse(leaf);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new LogError(
      'log/invalid-leaf',
      `a leaf "${leaf.kind}": ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    );
  }
  return utf8(canonicalize(leaf) as string);
}

/** Reads a leaf. @throws {LogError} `log/malformed` when it is not canonical or not of a known kind. */
export function decodeLeaf(bytes: Uint8Array): LogLeaf {
  let value: unknown;
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(content);
  } catch (cause) {
    throw new LogError('log/malformed', 'a leaf is not JSON', { cause });
  }
  const leaf = leafSchema.safeParse(value);
  if (!leaf.success)
    throw new LogError('log/malformed', 'a leaf is of no known kind, or has other fields than its kind');
  if (canonicalize(value) !== content) throw new LogError('log/malformed', 'a leaf is not in canonical form');
  return leaf.data;
}
