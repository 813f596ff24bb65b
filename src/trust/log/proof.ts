/**
 * A proof that travels alone: index, inclusion proof and signed checkpoint as text, checked offline against keys that
 * were known before. [C2SP-proof]
 *
 * @module
 */

import { decodeBase64, encodeBase64 } from './base64.ts';
import { openCheckpoint, type SignedCheckpoint } from './checkpoint.ts';
import { LogError } from './errors.ts';
import { HASH_BYTES, hashLeaf, verifyInclusion } from './merkle.ts';
import type { NoteVerifier } from './note.ts';

/** A proof taken apart. */
export interface LogProof {
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Not authenticated; for Sotto's receipts, the leaf's bytes. */
  readonly extra?: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const MAX_HASHES = 63;

/** Writes a proof. */
export function formatLogProof({ index, hashes, checkpoint, extra }: LogProof): string {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map((hash) => encodeBase64(hash)),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Reads a proof. @throws {LogError} `log/malformed`. */
export function parseLogProof(text: string): LogProof {
  const malformed = (why: string): LogError => new LogError('log/malformed', `a log proof ${why}`);
  const cut = text.indexOf('\n\n');
  if (cut < 0) throw malformed('has no empty line before its checkpoint');
  const lines = text.slice(0, cut).split('\n');
  if (lines.shift() !== HEADER) throw malformed(`does not begin with ${HEADER}`);
  let extra: Uint8Array | undefined;
  if (lines[0]?.startsWith('extra ') === true) {
    extra = decodeBase64((lines.shift() as string).slice(6));
    if (extra === undefined) throw malformed('has extra data that is not base64');
  }
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? '')?.[1];
  if (index === undefined || !Number.isSafeInteger(Number(index))) throw malformed('has no index');
  if (lines.length > MAX_HASHES) throw malformed(`has more than ${MAX_HASHES} hashes`);
  const hashes = lines.map((line) => {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) throw malformed('has a line that is no hash');
    return hash;
  });
  return { index: Number(index), hashes, checkpoint: text.slice(cut + 2), ...(extra === undefined ? {} : { extra }) };
}

/**
 * Verifies that a leaf stands in a log.
 * @returns the checkpoint it stands under.
 * @throws {LogError} `log/malformed`, `log/signature-invalid`; `log/inconsistent` when the proof does not lead to the root.
 */
export function verifyLogProof(
  proof: LogProof,
  leaf: Uint8Array,
  options: { readonly verifiers: readonly NoteVerifier[]; readonly witnesses?: number },
): SignedCheckpoint {
  const checkpoint = openCheckpoint(proof.checkpoint, options);
  const { index, hashes } = proof;
  const { size, root } = checkpoint;
  if (!verifyInclusion({ index, size, root, leafHash: hashLeaf(leaf), proof: hashes })) {
    throw new LogError('log/inconsistent', `the proof does not show that the leaf stands at ${index} of ${size}`);
  }
  return checkpoint;
}
