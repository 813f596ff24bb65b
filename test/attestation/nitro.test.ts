/** Nitro documents with a root of our own: what has no public sample. */
import { beforeAll, describe, expect, it } from 'vitest';

import {
  createRecord,
  describeRecord,
  evaluatePolicy,
  parseAttestationPolicy,
  printable,
  verifyNitroDocument,
} from '../../src/trust/attestation/index.ts';
import { issue, NOW, rootOf } from './generate/authority.ts';
import { createNitroWorld, type NitroWorld, PCRS } from './generate/nitro.ts';

let world: NitroWorld;
beforeAll(async () => {
  world = await createNitroWorld();
});

const verify = (document: Uint8Array, { roots = world.roots, at = NOW } = {}) =>
  verifyNitroDocument(document, { roots, at });
const codes = async (...call: Parameters<typeof verify>) => (await verify(...call)).refusals.map(({ code }) => code);

describe('Nitro evidence', () => {
  it('verifies, with what it binds', async () => {
    const userData = new Uint8Array(64).fill(3);
    const verdict = await verify(await world.attest({ userData, nonce: new Uint8Array(32).fill(4) }));
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result).toMatchObject({
      tee: 'nitro',
      vendorChainOk: true,
      debug: false,
      reportData: '03'.repeat(64),
      nonce: '04'.repeat(32),
      publicKey: '',
      measurements: { pcr0: '01'.repeat(48), pcr2: '03'.repeat(48) },
    });
  });

  it('whose PCR0 is zero says debug', async () => {
    const pcrs = new Map([...PCRS, [0, new Uint8Array(48)] as const]);
    expect((await verify(await world.attest({ pcrs }))).result?.debug).toBe(true);
  });

  it('with a document that has no PCR0 at all counts as debug', async () => {
    const pcrs = new Map([...PCRS].slice(1));
    expect((await verify(await world.attest({ pcrs }))).result?.debug).toBe(true);
  });

  it('with an expired leaf is refused', async () => {
    const later = new Date(NOW.getTime() + 31 * 86_400_000);
    expect(await codes(await world.attest(), { roots: world.roots, at: later })).toEqual([
      'attestation/certificate-expired',
    ]);
  });

  it('under another root is refused', async () => {
    const other = await createNitroWorld();
    expect(await codes(await world.attest(), { roots: { aws: [rootOf(other.root)] }, at: NOW })).toEqual([
      'attestation/untrusted-root',
    ]);
  });

  it('below an authority that may not sign certificates is refused', async () => {
    const weak = await createNitroWorld({ zonal: { authority: false } });
    expect(await codes(await weak.attest(), { roots: weak.roots, at: NOW })).toEqual(['attestation/chain-invalid']);
    const mute = await createNitroWorld({ zonal: { keyUsage: 1 } });
    expect(await codes(await mute.attest(), { roots: mute.roots, at: NOW })).toEqual(['attestation/chain-invalid']);
  });

  it('with the bundle exchanged, reordered or empty is refused on the chain', async () => {
    const other = await createNitroWorld();
    const stranger = await issue({ name: 'aws.nitro-enclaves', kind: 'P-384', authority: true });
    for (const cabundle of [[], [other.root.der], [stranger.der, world.root.der], [world.leaf.der]]) {
      const [code] = await codes(await world.attest({ cabundle }));
      expect(['attestation/untrusted-root', 'attestation/chain-invalid']).toContain(code);
    }
  });

  it('with another algorithm, critical headers or extra headers is refused', async () => {
    for (const [protectedHeader, code] of [
      [new Map([[1, -7]]), 'attestation/unsupported'],
      [new Map([[1, -36]]), 'attestation/unsupported'],
      [new Map([[1, -257]]), 'attestation/unsupported'],
      [new Map(), 'attestation/unsupported'],
      [
        new Map<number, unknown>([
          [1, -35],
          [2, [99]],
        ]),
        'attestation/unsupported',
      ],
      [
        new Map<number, unknown>([
          [1, -35],
          [4, new Uint8Array(1)],
        ]),
        'attestation/malformed',
      ],
    ] as const) {
      expect(await codes(await world.attest({ protectedHeader }))).toEqual([code]);
    }
    expect(await codes(await world.attest({ unprotectedHeader: new Map([[4, 'kid']]) }))).toEqual([
      'attestation/malformed',
    ]);
    expect(await codes(await world.attest({ unprotectedHeader: null }))).toEqual(['attestation/malformed']);
  });

  it('with fields of another type, unknown ones, or out of bounds is malformed', async () => {
    for (const extra of [
      { digest: 'SHA256' },
      { module_id: '' },
      { timestamp: -1 },
      { timestamp: 'now' },
      { pcrs: new Map() },
      { pcrs: new Map([[32, new Uint8Array(48)]]) },
      { pcrs: new Map([[0, new Uint8Array(47)]]) },
      { certificate: 'leaf' },
      { cabundle: 'none' },
      { user_data: new Uint8Array(1025) },
      { surprise: 1 },
    ]) {
      expect(await codes(await world.attest({ extra }))).toEqual(['attestation/malformed']);
    }
  });

  it('cannot write to the reader’s terminal by the names in its certificates', async () => {
    const hostile = 'i-0\u001B[2J\u202Egood';
    const sly = await createNitroWorld({ leaf: { name: hostile } });
    const { result } = await verify(await sly.attest(), { roots: sly.roots, at: NOW });
    expect(result?.chain[0]?.commonName).toBe(hostile);
    expect(printable(hostile)).toBe('i-0\uFFFD[2J\uFFFDgood');
    const policy = parseAttestationPolicy({ tees: ['nitro'], binding: 'none' });
    const verdict = await verify(await sly.attest(), { roots: sly.roots, at: NOW });
    const digest = new Uint8Array(32);
    const record = createRecord({
      verdict,
      decision: evaluatePolicy(verdict, policy, { at: NOW }),
      policy,
      at: NOW,
      coordinator: hostile,
      task: 't',
      evidenceDigest: digest,
      taskPolicyDigest: digest,
      codeDigest: digest,
      publicKey: digest,
    });
    const text = describeRecord(record);
    expect(text).not.toContain('\u001B');
    expect(text).not.toContain('\u202E');
  });

  it('truncated or with trailing bytes is malformed at every length', async () => {
    const document = await world.attest();
    for (let kept = 0; kept < document.length; kept += 41) {
      expect(await codes(document.subarray(0, kept))).toEqual(['attestation/malformed']);
    }
    expect(await codes(Uint8Array.of(...document, 0))).toEqual(['attestation/malformed']);
  });
});
