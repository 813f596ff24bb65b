/**
 * Who simulated participants are, where their sums are to hold against a malicious coordinator: each has an identity that
 * an authority of the simulation has certified. The authority is no part of the coordinator's machine, which never sees
 * its key.
 *
 * @module
 */

import type { TaskPlan } from '../../federation/rounds/index.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { issueCertificate, type SecAggAdmission } from '../../secure/secagg/index.ts';

/** The identities of a simulated task. */
export interface SimulatedIdentities {
  /** Whose word everybody takes for who the others are. */
  readonly admission: SecAggAdmission;
  /** By participant: the seed of its key, and what the authority says of it. */
  readonly of: ReadonlyMap<string, { readonly seed: Uint8Array; readonly certificate: Uint8Array }>;
}

/** Certifies participants; undefined where nobody asks who they are. */
export function certifyParticipants(
  { plan, taskId, ids }: { readonly plan: TaskPlan; readonly taskId: string; readonly ids: readonly string[] },
  rng: Rng,
): SimulatedIdentities | undefined {
  const { aggregation } = plan;
  if (aggregation.kind !== 'secagg' || aggregation.adversary !== 'malicious-coordinator') return undefined;
  const authority = createSigningKey(rng.bytes(32));
  const certify = (id: string): { seed: Uint8Array; certificate: Uint8Array } => {
    const seed = rng.bytes(32);
    const identityKey = createSigningKey(seed).publicKey;
    return { seed, certificate: issueCertificate(authority, { scope: taskId, id, identityKey }) };
  };
  return {
    admission: { kind: 'authority', authorityKey: authority.publicKey, scope: taskId },
    of: new Map(ids.map((id) => [id, certify(id)])),
  };
}
