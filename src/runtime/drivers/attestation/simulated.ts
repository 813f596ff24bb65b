/**
 * Simulated evidence as a driver: what `--insecure-simulated-attestation` puts in the place of a device.
 *
 * @module
 */

import { createSystemRng } from '../../../foundations/random/index.ts';
import {
  createSimulatedTee,
  type EvidenceSource,
  SIMULATED_BANNER,
  type SimulatedClaims,
} from '../../../trust/attestation/index.ts';

/**
 * Creates a source of simulated evidence.
 * @param claims - what it says that it runs.
 * @param options - `warn` is told at once and with every piece of evidence that nothing is protected.
 */
export function createInsecureSimulatedSource(
  claims: SimulatedClaims,
  { warn, clock = () => new Date() }: { readonly warn: (message: string) => void; readonly clock?: () => Date },
): EvidenceSource {
  const tee = createSimulatedTee(claims, { seed: createSystemRng().bytes(32) });
  warn(SIMULATED_BANNER);
  return async ({ reportData }) => {
    warn(SIMULATED_BANNER);
    return { kind: 'simulated', evidence: tee.attest({ reportData, at: clock() }) };
  };
}
