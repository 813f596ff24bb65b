/** Sealing of contributions to an attested key. */
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke';
import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../src/foundations/random/index.ts';
import { encodeCbor } from '../../src/trust/attestation/cbor.ts';
import { createSealingKey, SEALED_OVERHEAD_BYTES, sealContribution } from '../../src/trust/attestation/index.ts';
import { flipByte } from './samples.ts';

const policyDigest = new Uint8Array(32).fill(1);
const context = { policyDigest, taskId: 'digits', round: 3, participant: 'p7' };
const contribution = new Uint8Array(1000).map((_, index) => index);
const failed = expect.objectContaining({ code: 'attestation/sealing-failed' }) as Error;

describe('a sealed contribution', () => {
  it('opens under its own policy, task, round and sender only', async () => {
    const key = await createSealingKey(createSeededRng('key'));
    const sealed = await sealContribution(contribution, { ...context, publicKey: key.publicKey });
    expect(sealed).toHaveLength(contribution.length + SEALED_OVERHEAD_BYTES);
    expect(await key.open(sealed, context)).toEqual(contribution);
    for (const other of [
      { ...context, policyDigest: new Uint8Array(32).fill(2) },
      { ...context, taskId: 'digit' },
      { ...context, round: 4 },
      { ...context, participant: 'p8' },
    ]) {
      await expect(key.open(sealed, other)).rejects.toThrow(failed);
    }
  });

  it('opens with its own key only', async () => {
    const key = await createSealingKey(createSeededRng('key'));
    const other = await createSealingKey(createSeededRng('other'));
    const sealed = await sealContribution(contribution, { ...context, publicKey: key.publicKey });
    await expect(other.open(sealed, context)).rejects.toThrow(failed);
  });

  it('is refused when a byte is changed, cut or added', async () => {
    const key = await createSealingKey(createSeededRng('key'));
    const sealed = await sealContribution(contribution.subarray(0, 20), { ...context, publicKey: key.publicKey });
    for (let index = 0; index < sealed.length; index += 1) {
      // The top bit of an X25519 key is ignored by the group; HPKE hashes the encoding, so that it still fails.
      await expect(key.open(flipByte(sealed, index, 0x80), context)).rejects.toThrow(failed);
    }
    for (const changed of [
      sealed.subarray(0, 47),
      sealed.subarray(1),
      Uint8Array.of(...sealed, 0),
      new Uint8Array(0),
    ]) {
      await expect(key.open(changed, context)).rejects.toThrow(failed);
    }
  });

  it('has the policy digest as the info of HPKE and the rest as associated data', async () => {
    const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
    const pair = await suite.GenerateKeyPair();
    const publicKey = await suite.SerializePublicKey(pair.publicKey);
    const sealed = await sealContribution(contribution, { ...context, publicKey });
    const aad = encodeCbor(['sotto/attestation/contribution/v1', 'digits', 3, 'p7']);
    const opened = await suite.Open(pair, sealed.subarray(0, 32), sealed.subarray(32), { info: policyDigest, aad });
    expect(opened).toEqual(contribution);
  });

  it('is not made for a key of small order', async () => {
    await expect(sealContribution(contribution, { ...context, publicKey: new Uint8Array(32) })).rejects.toThrow(failed);
  });

  it('keys differ with their entropy and repeat with their seed', async () => {
    const [one, again, other] = await Promise.all(
      ['a', 'a', 'b'].map((seed) => createSealingKey(createSeededRng(seed))),
    );
    expect(one?.publicKey).toEqual(again?.publicKey);
    expect(one?.publicKey).not.toEqual(other?.publicKey);
  });
});
