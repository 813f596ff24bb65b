/**
 * The roots that ship with the package, decoded once.
 *
 * @module
 */

import { createAmdRoots } from './amd.ts';
import { createAwsRoots } from './aws.ts';
import { createIntelRoots } from './intel.ts';
import type { TrustRoots } from './trust-root.ts';

let shipped: TrustRoots | undefined;

/** Returns the vendors' roots. Simulated evidence has none here. */
export function vendorRoots(): TrustRoots {
  shipped ??= { amd: createAmdRoots(), intel: createIntelRoots(), aws: createAwsRoots(), simulated: [] };
  return shipped;
}
