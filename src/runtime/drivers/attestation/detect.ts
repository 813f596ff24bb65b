/**
 * Finds out which device this machine has.
 *
 * @module
 */

import { existsSync } from 'node:fs';

import { AttestationError, type EvidenceSource } from '../../../trust/attestation/index.ts';
import { createTsmSource, type TsmOptions } from './configfs-tsm.ts';
import { createNsmSource } from './nsm.ts';
import { createSevGuestSource } from './sev-guest.ts';

/** Where devices are looked for, the preferred first. */
export const EVIDENCE_DEVICES = {
  'configfs-tsm': '/sys/kernel/config/tsm/report',
  nsm: '/dev/nsm',
  'sev-guest': '/dev/sev-guest',
} as const;

export type EvidenceDevice = keyof typeof EVIDENCE_DEVICES;

/** Lists the devices that are there. @param exists - asked for each path. */
export function listEvidenceDevices(exists: (path: string) => boolean = existsSync): readonly EvidenceDevice[] {
  return (Object.keys(EVIDENCE_DEVICES) as EvidenceDevice[]).filter((name) => exists(EVIDENCE_DEVICES[name]));
}

/**
 * Creates a source of evidence on the first device found. Never falls back to simulation.
 * @throws {AttestationError} `attestation/device-failed` when there is none.
 */
export function createEvidenceSource(
  options: Pick<TsmOptions, 'vmpl' | 'certificates' | 'collateral'> = {},
  exists?: (path: string) => boolean,
): EvidenceSource {
  const [device] = listEvidenceDevices(exists);
  if (device === 'configfs-tsm') return createTsmSource(options);
  if (device === 'nsm') return createNsmSource();
  if (device === 'sev-guest') return createSevGuestSource(options);
  throw new AttestationError(
    'attestation/device-failed',
    `this machine has none of ${Object.values(EVIDENCE_DEVICES).join(', ')}; it cannot prove what it runs`,
  );
}
