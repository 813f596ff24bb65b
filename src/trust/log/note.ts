/**
 * Signed notes: text with lines of signatures, by the log (Ed25519) and by witnesses (timestamped cosignatures).
 * [C2SP-note], [C2SP-cosignature]
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
import { decodeBase64, encodeBase64 } from './base64.ts';
import { LogError } from './errors.ts';

/** Kind of a key: the log's own signature over the text, or a witness's over the text and a time. */
export type NoteKeyKind = 'ed25519' | 'cosignature';

const KIND_BYTES: Readonly<Record<NoteKeyKind, number>> = { ed25519: 0x01, cosignature: 0x04 };

/** A key that may sign notes, as verifiers know it. */
export interface NoteVerifier {
  readonly kind: NoteKeyKind;
  readonly name: string;
  /** First four bytes of a hash over name, kind and key. */
  readonly keyId: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** One signature line. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: Uint8Array;
  /** What follows the key's id. */
  readonly signature: Uint8Array;
}

/** A note taken apart; nothing is verified yet. */
export interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** A signature that was verified. */
export interface VerifiedSignature {
  readonly verifier: NoteVerifier;
  /** Seconds since 1970, for cosignatures. */
  readonly time?: number;
}

const MAX_NOTE_BYTES = 1 << 20;
const MAX_SIGNATURES = 64;
const NAME = /^[^\s+\p{Z}]+$/u;

/** Makes the verifier of a key. @throws {LogError} `log/malformed` for a name that notes cannot carry. */
export function createNoteVerifier(kind: NoteKeyKind, name: string, publicKey: Uint8Array): NoteVerifier {
  if (!NAME.test(name)) throw new LogError('log/malformed', `a key's name has no spaces and no "+", got "${name}"`);
  if (publicKey.length !== 32) throw new LogError('log/malformed', `the key of ${name} is not 32 bytes`);
  const keyId = sha256(utf8(`${name}\n`), Uint8Array.of(KIND_BYTES[kind]), publicKey).slice(0, 4);
  return { kind, name, keyId, publicKey: publicKey.slice() };
}

/** Writes a verifier as one line: name, key id and key, joined by `+`. */
export function formatVerifierKey({ kind, name, keyId, publicKey }: NoteVerifier): string {
  const id = [...keyId].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${name}+${id}+${encodeBase64(concatBytes(Uint8Array.of(KIND_BYTES[kind]), publicKey))}`;
}

/** Reads a verifier's line. @throws {LogError} `log/malformed`. */
export function parseVerifierKey(text: string): NoteVerifier {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text);
  const key = decodeBase64(match?.[3] ?? '=');
  const kind = (Object.keys(KIND_BYTES) as NoteKeyKind[]).find((each) => KIND_BYTES[each] === key?.[0]);
  if (match === null || key === undefined || kind === undefined) {
    throw new LogError('log/malformed', 'a verifier key is NAME+ID+KEY with an Ed25519 key');
  }
  const verifier = createNoteVerifier(kind, match[1] as string, key.subarray(1));
  if (formatVerifierKey(verifier) !== text)
    throw new LogError('log/malformed', 'a verifier key’s id is not that of its key');
  return verifier;
}

function cosignedBytes(text: string, time: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`);
}

function timeBytes(time: number): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(time));
  return out;
}

/** Writes a signature's line. */
export function formatSignature({ name, keyId, signature }: NoteSignature): string {
  return `— ${name} ${encodeBase64(concatBytes(keyId, signature))}\n`;
}

/** Signs a note's text as a log. Returns the signature's line. */
export function signNote(text: string, { name, key }: { readonly name: string; readonly key: SigningKey }): string {
  const { keyId } = createNoteVerifier('ed25519', name, key.publicKey);
  return formatSignature({ name, keyId, signature: key.sign(utf8(text)) });
}

/**
 * Signs a checkpoint's text as a witness. Returns the signature's line.
 * @param options - `time` in seconds since 1970.
 */
export function cosignNote(
  text: string,
  { name, key, time }: { readonly name: string; readonly key: SigningKey; readonly time: number },
): string {
  const { keyId } = createNoteVerifier('cosignature', name, key.publicKey);
  return formatSignature({ name, keyId, signature: concatBytes(timeBytes(time), key.sign(cosignedBytes(text, time))) });
}

/** Joins a text and signature lines to a note. */
export function formatNote(text: string, lines: readonly string[]): string {
  return `${text}\n${lines.join('')}`;
}

/** Takes a note apart. @throws {LogError} `log/malformed`. */
export function parseNote(note: string | Uint8Array): Note {
  const malformed = (why: string): LogError => new LogError('log/malformed', `a signed note ${why}`);
  let content: string;
  try {
    content = typeof note === 'string' ? note : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(note);
  } catch (cause) {
    throw new LogError('log/malformed', 'a signed note is not UTF-8', { cause });
  }
  if (content.length > MAX_NOTE_BYTES) throw malformed(`has more than ${MAX_NOTE_BYTES} characters`);
  // oxlint-disable-next-line no-control-regex -- the format forbids exactly these
  if (/[\u0000-\u0009\u000b-\u001f]/.test(content)) throw malformed('holds a control character');
  const cut = content.lastIndexOf('\n\n');
  if (cut < 0) throw malformed('has no empty line before its signatures');
  const text = content.slice(0, cut + 1);
  const lines = content.slice(cut + 2).split('\n');
  if (lines.pop() !== '' || lines.length === 0) throw malformed('does not end in signature lines');
  if (lines.length > MAX_SIGNATURES) throw malformed(`has more than ${MAX_SIGNATURES} signatures`);
  const signatures = lines.map((line): NoteSignature => {
    const match = /^— (\S+) (\S+)$/.exec(line);
    const bytes = decodeBase64(match?.[2] ?? '=');
    if (match === null || bytes === undefined || bytes.length < 5 || !NAME.test(match[1] as string)) {
      throw malformed('has a line that is no signature');
    }
    return { name: match[1] as string, keyId: bytes.subarray(0, 4), signature: bytes.subarray(4) };
  });
  return { text, signatures };
}

/**
 * Verifies a note against the keys a caller trusts. Lines of other keys are ignored.
 * @returns the signatures that verify, each key once, at least one of them.
 * @throws {LogError} `log/malformed`; `log/signature-invalid` when none verifies or one of a known key does not.
 */
export function verifyNote(note: Note, verifiers: readonly NoteVerifier[]): readonly VerifiedSignature[] {
  const found = new Map<NoteVerifier, VerifiedSignature>();
  for (const { name, keyId, signature } of note.signatures) {
    const verifier = verifiers.find((each) => each.name === name && equalBytes(each.keyId, keyId));
    if (verifier === undefined) continue;
    const verified = verifyLine(note.text, signature, verifier);
    if (verified === undefined) {
      throw new LogError('log/signature-invalid', `the signature of ${name} does not verify`, { details: { name } });
    }
    found.set(verifier, verified);
  }
  if (found.size === 0) throw new LogError('log/signature-invalid', 'the note is signed by no known key');
  return [...found.values()];
}

function verifyLine(text: string, signature: Uint8Array, verifier: NoteVerifier): VerifiedSignature | undefined {
  if (verifier.kind === 'ed25519') {
    return verifySignature(verifier.publicKey, utf8(text), signature) ? { verifier } : undefined;
  }
  if (signature.length !== 72) return undefined;
  const time = new DataView(signature.buffer, signature.byteOffset, 8).getBigUint64(0);
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const seconds = Number(time);
  return verifySignature(verifier.publicKey, cosignedBytes(text, seconds), signature.subarray(8))
    ? { verifier, time: seconds }
    : undefined;
}
