/**
 * The roots that ship with the package. They are decoded with this module: one that does not decode shows at once, and no
 * verification waits for them.
 *
 * @module
 */

import { parseCertificate } from '../x509/certificate.ts';
import { createAmdRoots } from './amd.ts';
import { createAwsRoots } from './aws.ts';
import { createIntelRoots } from './intel.ts';
import type { TrustRoots } from './trust-root.ts';

const shipped: TrustRoots = {
  amd: createAmdRoots(),
  intel: createIntelRoots(),
  aws: createAwsRoots(),
  simulated: [],
};
for (const { name, der } of [...shipped.amd, ...shipped.intel, ...shipped.aws]) parseCertificate(der, name);

/** Returns the vendors' roots. Simulated evidence has none here. */
export function vendorRoots(): TrustRoots {
  return shipped;
}
