/**
 * How commands name witnesses: address and key in one word, since neither is worth anything without the other.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';

import { createHttpWitness } from '../runtime/drivers/index.ts';
import { LogError, type NoteVerifier, parseVerifierKey, type WitnessClient } from '../trust/log/index.ts';
import { UsageError } from './exit-codes.ts';

/** Reads the key of a log or a witness: NAME+ID+KEY, or a file with it. */
export function readVerifierKey(text: string): NoteVerifier {
  return parseVerifierKey((existsSync(text) ? readFileSync(text, 'utf8') : text).trim());
}

/** Makes the clients of witnesses given as `URL,KEY`. */
export function witnessesOf(words: readonly string[]): readonly WitnessClient[] {
  return words.map((word) => {
    const cut = word.indexOf(',');
    if (cut < 0) throw new UsageError(`a witness is URL,KEY with KEY as NAME+ID+KEY or a file, got "${word}"`);
    try {
      return createHttpWitness({ url: word.slice(0, cut), verifier: readVerifierKey(word.slice(cut + 1)) });
    } catch (error) {
      if (error instanceof RangeError || error instanceof LogError) throw new UsageError(error.message);
      throw error;
    }
  });
}
