/** A participant's check of its coordinator over time: asked again when it grew old, and never sealing without one. */
import { describe, expect, it } from 'vitest';

import { encodeMessage } from '../../src/federation/wire/index.ts';
import { toHex } from '../../src/foundations/crypto/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';
import { createAttestationCheck } from '../../src/runtime/client/attestation.ts';
import { createCoordinatorAttestation } from '../../src/runtime/coordinator/index.ts';
import { createInsecureSimulatedSource } from '../../src/runtime/drivers/index.ts';
import { type AttestationRecord, parseAttestationPolicy } from '../../src/trust/attestation/index.ts';
import { NOW } from './generate/authority.ts';

const measurement = 'a5'.repeat(48);
const taskPolicyDigest = new Uint8Array(32).fill(1);
const codeDigest = new Uint8Array(32).fill(2);
const address = { taskId: 't', round: 1, attempt: 1 };

async function createPair() {
  const clock = { nowMs: NOW.getTime(), measurement };
  const source = async (request: Parameters<ReturnType<typeof createInsecureSimulatedSource>>[0]) =>
    createInsecureSimulatedSource(
      { measurement: clock.measurement },
      { warn: () => {}, clock: () => new Date(clock.nowMs) },
    )(request);
  const attestation = await createCoordinatorAttestation(
    { source, codeDigest, simulated: true },
    createSeededRng('coordinator'),
  );
  const records: AttestationRecord[] = [];
  const check = createAttestationCheck(
    {
      policy: parseAttestationPolicy(
        { tees: ['simulated'], measurements: [{ measurement }], codeDigests: [toHex(codeDigest)], recheckSeconds: 600 },
        { insecureSimulated: true },
      ),
      coordinator: 'c',
      task: 't',
      participant: 'p',
      taskPolicyDigest,
      insecureSimulated: true,
      ask: async (nonce) => (await attestation.answer(nonce, taskPolicyDigest)).frame,
      onRecord: (record) => records.push(record),
      now: () => clock.nowMs,
    },
    createSeededRng('participant'),
  );
  return { clock, attestation, check, records };
}
const message = encodeMessage({ kind: 'sealed', ...address, payload: new Uint8Array(40).fill(3) });

describe('the check of a coordinator', () => {
  it('is made again before a contribution is sealed, when training took longer than it stands', async () => {
    const { clock, attestation, check, records } = await createPair();
    await check.ensure();
    await check.ensure();
    expect(records).toHaveLength(1);
    clock.nowMs += 700_000;
    expect(() => check.assertOpen()).toThrow('too old');
    const sealed = await check.seal(message, address);
    expect(records.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted']);
    expect(await attestation.open(sealed, { participant: 'p', taskPolicyDigest })).toEqual(message);
    check.assertOpen();
  });

  it('seals nothing when it is made again and fails, and stays shut', async () => {
    const { clock, check, records } = await createPair();
    await check.ensure();
    clock.nowMs += 700_000;
    clock.measurement = 'b6'.repeat(48);
    await expect(check.seal(message, address)).rejects.toMatchObject({ code: 'client/attestation-refused' });
    expect(records.map(({ outcome }) => outcome)).toEqual(['accepted', 'refused']);
    expect(() => check.assertOpen()).toThrow('measurements');
    expect(check.transcribe(1, new Uint8Array(32))).toBeUndefined();
  });
});
