/**
 * Checkpoints: a log's name, size and root as the text of a signed note. [C2SP-checkpoint]
 *
 * @module
 */

import { equalBytes, toHex } from '../../foundations/crypto/index.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { LogError } from './errors.ts';
import { HASH_BYTES, verifyConsistency } from './merkle.ts';
import { type NoteVerifier, parseNote, type VerifiedSignature, verifyNote } from './note.ts';

/** A tree head. */
export interface Checkpoint {
  readonly origin: string;
  /** Leaves. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** A tree head whose signatures were verified. */
export interface SignedCheckpoint extends Checkpoint {
  readonly signatures: readonly VerifiedSignature[];
  /** The note, as it was read. */
  readonly note: string;
}

/** Writes a checkpoint's text, without signatures. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/** Reads a checkpoint's text. Extension lines are allowed and ignored. @throws {LogError} `log/malformed`. */
export function parseCheckpoint(text: string): Checkpoint {
  const malformed = (why: string): LogError => new LogError('log/malformed', `a checkpoint ${why}`);
  if (!text.endsWith('\n')) throw malformed('does not end in a newline');
  const [origin = '', sizeText = '', rootText = '', ...extensions] = text.slice(0, -1).split('\n');
  if (origin === '' || extensions.includes('')) throw malformed('has an empty line');
  const size = Number(sizeText);
  if (!/^(0|[1-9]\d{0,15})$/.test(sizeText) || !Number.isSafeInteger(size)) throw malformed('has no size');
  const root = decodeBase64(rootText);
  if (root?.length !== HASH_BYTES) throw malformed('has no root');
  return { origin, size, root };
}

/**
 * Reads and verifies a signed checkpoint.
 * @param options - `verifiers`: keys of the log and of witnesses; a log's key must carry the checkpoint's origin as its
 * name. `witnesses`: how many different witnesses must have cosigned.
 * @throws {LogError} `log/malformed`, `log/signature-invalid`.
 */
export function openCheckpoint(
  note: string | Uint8Array,
  { verifiers, witnesses = 0 }: { readonly verifiers: readonly NoteVerifier[]; readonly witnesses?: number },
): SignedCheckpoint {
  const parsed = parseNote(note);
  const checkpoint = parseCheckpoint(parsed.text);
  const signatures = verifyNote(parsed, verifiers);
  if (!signatures.some(({ verifier }) => verifier.kind === 'ed25519' && verifier.name === checkpoint.origin)) {
    throw new LogError('log/signature-invalid', `the checkpoint is not signed by the key of ${checkpoint.origin}`);
  }
  const cosigners = countWitnesses(signatures);
  if (cosigners < witnesses) {
    throw new LogError('log/signature-invalid', `the checkpoint has ${cosigners} of ${witnesses} witnesses`);
  }
  return { ...checkpoint, signatures, note: typeof note === 'string' ? note : new TextDecoder().decode(note) };
}

/** Counts witnesses by their keys: one key under two names is one witness. [C2SP-cosignature] */
export function countWitnesses(signatures: readonly VerifiedSignature[]): number {
  const keys = signatures.flatMap(({ verifier }) =>
    verifier.kind === 'cosignature' ? [toHex(verifier.publicKey)] : [],
  );
  return new Set(keys).size;
}

/**
 * Checks that a log only grew between two of its checkpoints.
 * @throws {LogError} `log/forked` when no append-only tree has both, `log/rolled-back` when the newer one is smaller,
 * `log/key-mismatch` when they are of different logs.
 */
export function assertConsistent(older: Checkpoint, newer: Checkpoint, proof: readonly Uint8Array[]): void {
  if (older.origin !== newer.origin) {
    throw new LogError('log/key-mismatch', `checkpoints of two logs: ${older.origin} and ${newer.origin}`);
  }
  const details = { origin: older.origin, older: older.size, newer: newer.size };
  if (newer.size < older.size) {
    throw new LogError('log/rolled-back', `${older.origin} had ${older.size} leaves and now has ${newer.size}`, {
      details,
    });
  }
  const forked = (why: string): LogError =>
    new LogError('log/forked', `${older.origin} forked: ${why}. Keep both checkpoints, they are the evidence`, {
      details,
    });
  if (newer.size === older.size && !equalBytes(older.root, newer.root)) {
    throw forked(`two roots are signed for ${older.size} leaves`);
  }
  const claim = { size1: older.size, size2: newer.size, root1: older.root, root2: newer.root, proof };
  if (!verifyConsistency(claim))
    throw forked(`the tree of ${newer.size} leaves does not begin with that of ${older.size}`);
}
