/**
 * Agreement on a protocol version: the participant says which it speaks, the coordinator takes the newest that both do.
 *
 * @module
 */

import { WireError } from './errors.ts';
import { PROTOCOL_VERSION } from './messages.ts';

/** Versions that this side speaks, the newest last. */
export const SUPPORTED_VERSIONS: readonly number[] = [PROTOCOL_VERSION];

/**
 * Chooses the newest version that both sides speak.
 * @throws {@link WireError} `wire/unsupported-version`; `details.supported` has what this side speaks.
 */
export function negotiateVersion(offered: readonly number[]): number {
  const common = SUPPORTED_VERSIONS.filter((version) => offered.includes(version));
  const newest = common.at(-1);
  if (newest !== undefined) return newest;
  const theirs = offered.length === 0 ? 'none' : [...offered].slice(0, 8).join(', ');
  throw new WireError(
    'wire/unsupported-version',
    `this side speaks protocol version ${SUPPORTED_VERSIONS.join(', ')}, the other ${theirs}: update the older side`,
    { details: { supported: [...SUPPORTED_VERSIONS] } },
  );
}
