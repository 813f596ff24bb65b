/** Reference values: both formats, signed, logged, in force; and what matches them. */
import { createHash } from 'node:crypto';

import { beforeAll, describe, expect, it } from 'vitest';

import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { encodeCbor, Tagged } from '../../src/trust/attestation/cbor.ts';
import { coseSigStructure } from '../../src/trust/attestation/cose.ts';
import {
  type AttestationResult,
  decodeCorim,
  dssePreAuthentication,
  matchesReference,
  parseReferenceValues,
  REFERENCE_PAYLOAD_TYPE,
  type ReferenceLog,
  referenceValuesOfCorim,
  type SignedReferences,
  signReferenceValues,
  verifyReferences,
} from '../../src/trust/attestation/index.ts';
import { generateKeys, NOW, signRaw } from './generate/authority.ts';
import { sampleBytes, samplesPresent } from './samples.ts';

const measurement = 'a5'.repeat(48);
const file = {
  sotto: 'reference-values/1',
  id: 'aggregator 1.0',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-12-31T00:00:00Z',
  values: [
    {
      tee: 'sev-snp',
      description: '1.0.3',
      measurements: { measurement: [measurement, 'b6'.repeat(48)] },
      codeDigest: '01'.repeat(32),
    },
    { tee: 'nitro', measurements: { pcr0: 'aa'.repeat(48), pcr2: 'bb'.repeat(48) } },
  ],
};
const result = (tee: AttestationResult['tee'], measurements: Record<string, string>) =>
  ({ tee, measurements }) as unknown as AttestationResult;

const publisher = createSigningKey(new Uint8Array(32).fill(9));
const stranger = createSigningKey(new Uint8Array(32).fill(8));
const signers = [{ kind: 'ed25519', name: 'Sotto releases', publicKey: publisher.publicKey }] as const;
const at = NOW;

function seal(content: object | string, key = publisher, changes: object = {}): SignedReferences {
  const payload = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
  const sig = key.sign(dssePreAuthentication(REFERENCE_PAYLOAD_TYPE, payload));
  const envelope = {
    payloadType: REFERENCE_PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ sig: Buffer.from(sig).toString('base64') }],
    ...changes,
  };
  return { kind: 'dsse', bytes: new Uint8Array(Buffer.from(JSON.stringify(envelope))) };
}
const codeOf = (code: string) => expect.objectContaining({ code }) as Error;

describe('reference values in JSON', () => {
  it('verify under an accepted publisher', async () => {
    const sealed = seal(file);
    const set = await verifyReferences(sealed, { signers, at });
    expect(set).toMatchObject({ id: 'aggregator 1.0', publisher: 'Sotto releases', logged: false });
    expect(set.digest).toBe(createHash('sha256').update(sealed.bytes).digest('hex'));
    expect(set.entries).toHaveLength(2);
  });

  it('of another publisher, edited, or of another type are refused', async () => {
    await expect(verifyReferences(seal(file, stranger), { signers, at })).rejects.toThrow(
      codeOf('attestation/reference-invalid'),
    );
    const other = seal({ ...file, id: 'another' });
    const { payload } = JSON.parse(Buffer.from(other.bytes).toString()) as { payload: string };
    await expect(verifyReferences(seal(file, publisher, { payload }), { signers, at })).rejects.toThrow(
      codeOf('attestation/reference-invalid'),
    );
    await expect(
      verifyReferences(seal(file, publisher, { payloadType: 'text/plain' }), { signers, at }),
    ).rejects.toThrow(codeOf('attestation/malformed'));
    await expect(verifyReferences(seal(file), { signers: [], at })).rejects.toThrow(
      codeOf('attestation/reference-invalid'),
    );
  });

  it('out of their time are refused', async () => {
    for (const time of ['2025-12-31T23:59:59Z', '2027-01-01T00:00:00Z']) {
      await expect(verifyReferences(seal(file), { signers, at: new Date(time) })).rejects.toThrow(
        codeOf('attestation/reference-invalid'),
      );
    }
  });

  it('are signed as they are opened', async () => {
    const bytes = signReferenceValues(new Uint8Array(Buffer.from(JSON.stringify(file))), publisher);
    const set = await verifyReferences({ kind: 'dsse', bytes }, { signers, at });
    expect(set).toMatchObject({ id: 'aggregator 1.0', publisher: 'Sotto releases', logged: false });
  });

  it('must stand in the log when a log is asked', async () => {
    const seen: Uint8Array[] = [];
    const log: ReferenceLog = {
      name: 'test log',
      verifyInclusion: (entry, receipt) => {
        seen.push(entry);
        return receipt[0] === 1;
      },
    };
    const sealed = seal(file);
    const set = await verifyReferences({ ...sealed, receipt: Uint8Array.of(1) }, { signers, at, log });
    expect(set.logged).toBe(true);
    expect(seen).toEqual([sealed.bytes]);
    for (const receipt of [undefined, Uint8Array.of(0)]) {
      await expect(
        verifyReferences({ ...sealed, ...(receipt ? { receipt } : {}) }, { signers, at, log }),
      ).rejects.toThrow(codeOf('attestation/reference-not-logged'));
    }
  });

  it('of another shape are malformed', () => {
    for (const changed of [
      '',
      '[]',
      JSON.stringify({ ...file, sotto: 'reference-values/2' }),
      JSON.stringify({ ...file, values: [] }),
      JSON.stringify({ ...file, values: [{ tee: 'sev-snp', measurements: {} }] }),
      JSON.stringify({ ...file, values: [{ tee: 'sev', measurements: { measurement } }] }),
      JSON.stringify({ ...file, extra: 1 }),
    ]) {
      expect(() => parseReferenceValues(changed)).toThrow(codeOf('attestation/malformed'));
    }
  });

  it('match when every named register has one of its values, in the right environment', () => {
    const [snp, nitro] = parseReferenceValues(JSON.stringify(file)).entries;
    if (snp === undefined || nitro === undefined) throw new Error('two entries expected');
    expect(matchesReference(result('sev-snp', { measurement, hostData: '00' }), snp)).toBe(true);
    expect(matchesReference(result('sev-snp', { measurement: 'b6'.repeat(48) }), snp)).toBe(true);
    expect(matchesReference(result('sev-snp', { measurement: 'b7'.repeat(48) }), snp)).toBe(false);
    expect(matchesReference(result('tdx', { measurement }), snp)).toBe(false);
    expect(matchesReference(result('nitro', { pcr0: 'aa'.repeat(48), pcr2: 'bb'.repeat(48) }), nitro)).toBe(true);
    expect(matchesReference(result('nitro', { pcr0: 'aa'.repeat(48) }), nitro)).toBe(false);
    expect(matchesReference(result('nitro', {}), { description: '', measurements: {} })).toBe(false);
    expect(matchesReference(result('nitro', {}), { description: '', measurements: { toString: ['x'] } })).toBe(false);
  });
});

/** A manifest with one triple. */
function writeCorim(measurements: readonly unknown[], validity?: readonly [number, number]): Uint8Array {
  const comid = encodeCbor(
    new Map<number, unknown>([
      [1, new Map([[0, 'tag']])],
      [
        4,
        new Map([
          [
            0,
            [
              [
                new Map([
                  [
                    0,
                    new Map([
                      [1, 'ACME'],
                      [2, 'CVM'],
                    ]),
                  ],
                ]),
                measurements,
              ],
            ],
          ],
        ]),
      ],
    ]),
  );
  const manifest = new Map<number, unknown>([
    [0, 'corim'],
    [1, [new Tagged(506, comid)]],
    ...(validity ? [[4, new Map(validity.map((time, index) => [index, new Tagged(1, time)]))] as const] : []),
  ]);
  return encodeCbor(new Tagged(501, manifest));
}
const measured = (key: unknown, digest: Uint8Array) =>
  new Map<number, unknown>([...(key === undefined ? [] : [[0, key] as const]), [1, new Map([[2, [[7, digest]]]])]]);

describe('reference values in CoRIM', () => {
  let keys: CryptoKeyPair;
  let spki: Uint8Array;
  beforeAll(async () => {
    keys = await generateKeys('P-384');
    spki = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey));
  });
  async function signCorim(
    payload: Uint8Array,
    contentType = 'application/rim+cbor',
    meta?: unknown,
  ): Promise<SignedReferences> {
    const header = encodeCbor(
      new Map<number, unknown>([[1, -35], [3, contentType], ...(meta === undefined ? [] : [[8, meta] as const])]),
    );
    const signature = await signRaw({ kind: 'P-384', keys }, coseSigStructure(header, payload));
    return { kind: 'corim', bytes: encodeCbor(new Tagged(18, [header, new Map(), payload, signature])) };
  }
  const digest = new Uint8Array(48).fill(0xa5);

  it('name registers by our names, by index of Nitro, and by the keys of AMD', () => {
    const { entries } = referenceValuesOfCorim(
      decodeCorim(writeCorim([measured('mrTd', digest), measured(0, digest), measured(641, digest)])),
    );
    expect(entries).toEqual([
      {
        description: 'ACME CVM',
        measurements: { mrTd: [measurement], pcr0: [measurement], measurement: [measurement] },
      },
    ]);
    expect(
      referenceValuesOfCorim(decodeCorim(writeCorim([measured(undefined, digest)]))).entries[0]?.measurements,
    ).toEqual({
      measurement: [measurement],
    });
  });

  it('verify when signed, and match what was measured', async () => {
    const ecdsa = [{ kind: 'ecdsa', name: 'ACME', spki }] as const;
    const sealed = await signCorim(writeCorim([measured('measurement', digest)]));
    const set = await verifyReferences(sealed, { signers: ecdsa, at });
    expect(set).toMatchObject({ id: 'corim', publisher: 'ACME' });
    expect(set.entries.some((entry) => matchesReference(result('sev-snp', { measurement }), entry))).toBe(true);
    const flipped = sealed.bytes.slice();
    flipped[80] = (flipped[80] as number) ^ 1;
    await expect(verifyReferences({ ...sealed, bytes: flipped }, { signers: ecdsa, at })).rejects.toThrow(
      codeOf('attestation/reference-invalid'),
    );
    await expect(verifyReferences(sealed, { signers, at })).rejects.toThrow(codeOf('attestation/reference-invalid'));
    const other = await signCorim(writeCorim([measured('measurement', digest)]), 'text/plain');
    await expect(verifyReferences(other, { signers: ecdsa, at })).rejects.toThrow(
      codeOf('attestation/reference-invalid'),
    );
  });

  it('out of their validity are refused', async () => {
    const ecdsa = [{ kind: 'ecdsa', name: 'ACME', spki }] as const;
    const sealed = await signCorim(writeCorim([measured('measurement', digest)], [1_000_000_000, 1_100_000_000]));
    await expect(verifyReferences(sealed, { signers: ecdsa, at })).rejects.toThrow(
      codeOf('attestation/reference-invalid'),
    );
  });

  it('under a signature that is out of its time, or says so in a broken way, are refused', async () => {
    const ecdsa = [{ kind: 'ecdsa', name: 'ACME', spki }] as const;
    const payload = writeCorim([measured('measurement', digest)]);
    const seconds = Math.floor(at.getTime() / 1000);
    const meta = (from: number, to: number) => {
      const validity = new Map([from, to].map((offset, index) => [index, new Tagged(1, seconds + offset)]));
      return encodeCbor(
        new Map<number, unknown>([
          [0, new Map([[0, 'ACME']])],
          [1, validity],
        ]),
      );
    };
    const verify = async (statement: unknown) =>
      verifyReferences(await signCorim(payload, undefined, statement), { signers: ecdsa, at });
    expect((await verify(meta(-100, 100))).publisher).toBe('ACME');
    await expect(verify(meta(-100, -50))).rejects.toThrow(codeOf('attestation/reference-invalid'));
    await expect(verify(meta(50, 100))).rejects.toThrow(codeOf('attestation/reference-invalid'));
    await expect(verify(7)).rejects.toThrow(codeOf('attestation/malformed'));
    await expect(verify(Uint8Array.of(1))).rejects.toThrow(codeOf('attestation/malformed'));
  });

  it('that demand more than registers are shown and never match', () => {
    const values = (extra: readonly (readonly [number, unknown])[]) =>
      new Map<number, unknown>([
        [0, 'measurement'],
        [1, new Map<number, unknown>([[2, [[7, digest]]], ...extra])],
      ]);
    const matching = (measured: unknown) => {
      const [entry] = referenceValuesOfCorim(decodeCorim(writeCorim([measured]))).entries;
      if (entry === undefined) throw new Error('one entry expected');
      expect(entry.measurements['measurement']).toEqual([measurement]);
      return matchesReference(result('sev-snp', { measurement }), entry);
    };
    expect(matching(values([]))).toBe(true);
    expect(matching(values([[11, 'launch digest']]))).toBe(true);
    // A version, flags, and a raw value's mask.
    expect(matching(values([[1, new Tagged(552, 3)]]))).toBe(false);
    expect(matching(values([[3, new Map([[0, true]])]]))).toBe(false);
    expect(matching(values([[5, Uint8Array.of(1)]]))).toBe(false);
  });

  it('that are unsigned do not pass for signed', async () => {
    const bytes = writeCorim([measured('measurement', digest)]);
    await expect(
      verifyReferences({ kind: 'corim', bytes }, { signers: [{ kind: 'ecdsa', name: 'ACME', spki }], at }),
    ).rejects.toThrow(codeOf('attestation/malformed'));
  });

  it.skipIf(!samplesPresent)('of firmware that we do not measure match nothing', () => {
    const { entries } = referenceValuesOfCorim(decodeCorim(sampleBytes('corim/unsigned-good-corim.cbor')));
    expect(entries).toHaveLength(1);
    const [entry] = entries;
    if (entry === undefined) throw new Error('one entry expected');
    expect(Object.values(entry.measurements).flat()).toHaveLength(3);
    expect(matchesReference(result('sev-snp', { measurement }), entry)).toBe(false);
  });

  it('of another shape are malformed, whatever it is', () => {
    for (const value of [
      1,
      new Tagged(502, new Map()),
      new Tagged(501, 1),
      new Tagged(501, new Map()),
      new Tagged(
        501,
        new Map<number, unknown>([
          [0, 'x'],
          [1, [1]],
        ]),
      ),
      new Tagged(
        501,
        new Map<number, unknown>([
          [0, 'x'],
          [1, [new Tagged(506, 1)]],
        ]),
      ),
      new Tagged(
        501,
        new Map<number, unknown>([
          [0, 1.5],
          [1, []],
        ]),
      ),
    ]) {
      expect(() => decodeCorim(encodeCbor(value))).toThrow(codeOf('attestation/malformed'));
    }
    const minimum = new Map<number, unknown>([[1, new Map([[1, new Tagged(553, 3)]])]]);
    expect(() => decodeCorim(writeCorim([minimum]))).toThrow(codeOf('attestation/malformed'));
  });
});
