/**
 * A transport that sends nothing while the gate is closed, and seals contributions to the attested key.
 *
 * @module
 */

import { sealContribution } from '../sealing.ts';
import type { Admission, AttestationGate } from './gate.ts';

/** Whatever moves bytes to the coordinator. */
export interface Transport<T> {
  send(bytes: Uint8Array): T;
}

/** A transport behind the gate. */
export interface GuardedTransport<T> {
  /**
   * Sends a message of the protocol (key advertisement and all that follows).
   * @throws {AttestationError} `attestation/gate-closed` before a byte is offered.
   */
  send(bytes: Uint8Array): T;
  /**
   * Seals a contribution to the attested key and sends it; gate and key are looked at again after sealing.
   * @throws {AttestationError} `attestation/gate-closed` before a byte is offered.
   */
  sendContribution(
    contribution: Uint8Array,
    context: { readonly taskId: string; readonly round: number; readonly participant: string },
  ): Promise<T>;
}

/** Puts a gate in front of a transport. */
export function guardTransport<T>(
  transport: Transport<T>,
  gate: AttestationGate,
  clock: () => Date,
): GuardedTransport<T> {
  return {
    send(bytes) {
      gate.assertOpen(clock());
      return transport.send(bytes);
    },
    async sendContribution(contribution, context) {
      const { publicKey, taskPolicyDigest }: Admission = gate.assertOpen(clock());
      const sealed = await sealContribution(contribution, { ...context, publicKey, policyDigest: taskPolicyDigest });
      // A check that failed in the meantime closes the gate for this contribution too.
      gate.assertOpen(clock());
      return transport.send(sealed);
    },
  };
}
