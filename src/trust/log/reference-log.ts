/**
 * Reference values in the log: the leaf that records them, the receipt that proves it, and the check behind the
 * attestation room's `ReferenceLog`, so that a publisher cannot show one participant other values than the rest.
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { LogError } from './errors.ts';
import { decodeLeaf, encodeLeaf } from './leaf.ts';
import type { NoteVerifier } from './note.ts';
import { formatLogProof, parseLogProof, verifyLogProof } from './proof.ts';
import type { LogWriter } from './writer.ts';

/** Appends signed reference values to a log. Returns their receipt, a log proof with the leaf as extra data. */
export async function logReferences(
  entry: Uint8Array,
  { log, time }: { readonly log: LogWriter; readonly time: Date },
): Promise<Uint8Array> {
  const leaf = encodeLeaf({ kind: 'reference', time: time.toISOString(), digest: toHex(sha256(entry)) });
  const index = await log.append([leaf]);
  const { note, size } = log.checkpoint();
  const hashes = await log.reader().inclusionProof(index, size);
  return new TextEncoder().encode(formatLogProof({ index, hashes, checkpoint: note, extra: leaf }));
}

/**
 * Creates the check of receipts for reference values.
 * @param options - `verifiers`: the log's key, and those of its witnesses, of whom `witnesses` must have signed.
 */
export function createReferenceLog({
  name,
  verifiers,
  witnesses = 0,
}: {
  readonly name: string;
  readonly verifiers: readonly NoteVerifier[];
  readonly witnesses?: number;
}): { readonly name: string; verifyInclusion(entry: Uint8Array, receipt: Uint8Array): boolean } {
  return {
    name,
    verifyInclusion(entry, receipt) {
      try {
        const proof = parseLogProof(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(receipt));
        if (proof.extra === undefined) return false;
        const leaf = decodeLeaf(proof.extra);
        if (leaf.kind !== 'reference' || leaf.digest !== toHex(sha256(entry))) return false;
        verifyLogProof(proof, proof.extra, { verifiers, witnesses });
        return true;
      } catch (error) {
        if (error instanceof LogError || error instanceof TypeError) return false;
        throw error;
      }
    },
  };
}
