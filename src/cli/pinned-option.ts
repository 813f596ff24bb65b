/**
 * `--fingerprint`: the certificate that a coordinator must show.
 *
 * @module
 */

import { createPinnedFetch, parseFingerprint, type PinnedFetchOptions } from '../runtime/drivers/index.ts';
import { UsageError } from './exit-codes.ts';

/** Name of the certificate that a coordinator made for itself, in its folder. */
export const OWN_CERTIFICATE = 'tls.crt';

/** A fetch that speaks to the holder of this certificate alone. @throws {UsageError} when the text is no fingerprint. */
export function pinnedFetchOf(
  fingerprint: string,
  more: Pick<PinnedFetchOptions, 'authorities' | 'identity'> = {},
): typeof fetch {
  let parsed: string;
  try {
    parsed = parseFingerprint(fingerprint);
  } catch (error) {
    throw new UsageError(`--fingerprint: ${(error as Error).message}`);
  }
  return createPinnedFetch({ fingerprint: parsed, ...more });
}
