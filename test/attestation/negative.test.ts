/** The fifteen negative cases of expected.json. */
import { describe, expect, it } from 'vitest';

import { encodeCbor, decodeCbor } from '../../src/trust/attestation/cbor.ts';
import {
  computeNonceKeyReportData,
  decodeIntelQuote,
  decodePemCertificates,
  type Evidence,
  evaluatePolicy,
  parseAttestationPolicy,
} from '../../src/trust/attestation/index.ts';
import { flipByte, sampleBytes, samplesPresent, sampleText, skipNote, verifySample } from './samples.ts';

const expected = samplesPresent
  ? (JSON.parse(sampleText('expected.json')) as { negative: { from: string; mutate: string; expect: string }[] })
  : { negative: [] };

type Of<K extends Evidence['kind']> = Extract<Evidence, { kind: K }>;
const snp = (change: (evidence: Of<'sev-snp'>) => Of<'sev-snp'>) => (evidence: Evidence) =>
  change(evidence as Of<'sev-snp'>);
const intel = (change: (evidence: Of<'intel'>) => Of<'intel'>) => (evidence: Evidence) =>
  change(evidence as Of<'intel'>);
const nitro = (change: (document: Uint8Array) => Uint8Array) => (evidence: Evidence) => ({
  kind: 'nitro' as const,
  document: change((evidence as Of<'nitro'>).document),
});

const refusal = async (...call: Parameters<typeof verifySample>) => {
  const { ok, refusals } = await verifySample(...call);
  expect(ok).toBe(false);
  return refusals.map(({ code }) => code);
};
const bothSnp = ['milan-v2', 'gcp-x25519'];
const bothTdx = ['phala-v4', 'google-v5'];
const bothNitro = ['blocky-prod', 'evervault-debug'];

/** Finds a byte string inside another. */
function indexOfBytes(whole: Uint8Array, part: Uint8Array): number {
  const at = Buffer.from(whole).indexOf(Buffer.from(part));
  if (at < 0) throw new Error('part not found');
  return at;
}

/** Signs header and body anew with a key of one's own and puts that key in. */
async function resignQuote(bytes: Uint8Array): Promise<Uint8Array> {
  const quote = decodeIntelQuote(bytes);
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)).subarray(1);
  const data = quote.signed as Uint8Array<ArrayBuffer>;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, data);
  const copy = bytes.slice();
  copy.set(new Uint8Array(signature), indexOfBytes(bytes, quote.signature));
  copy.set(point, indexOfBytes(bytes, quote.attestationKey));
  return copy;
}

/** One test per case of the file, in its order. */
const cases: readonly (() => Promise<void>)[] = [
  async () => {
    for (const name of bothSnp) {
      for (const at of [0, 0x0c, 0x50, 0x90, 0x1a0, 0x29f]) {
        const codes = await refusal(name, { change: snp((e) => ({ ...e, report: flipByte(e.report, at, 0x40) })) });
        // Bytes with a fixed value are refused before the signature is looked at.
        expect(['attestation/signature-invalid', 'attestation/malformed', 'attestation/unsupported']).toContain(
          codes[0],
        );
      }
      const codes = await refusal(name, { change: snp((e) => ({ ...e, report: flipByte(e.report, 0x90) })) });
      expect(codes).toEqual(['attestation/signature-invalid']);
    }
  },
  async () => {
    for (const name of bothSnp) {
      for (const at of [0x2a0, 0x2cf, 0x2e8, 0x317]) {
        const codes = await refusal(name, { change: snp((e) => ({ ...e, report: flipByte(e.report, at) })) });
        expect(codes).toEqual(['attestation/signature-invalid']);
      }
    }
  },
  async () => {
    const endorsement = sampleBytes('snp/milan-v2-vcek.der');
    const codes = await refusal('gcp-x25519', { change: snp((e) => ({ ...e, endorsement })) });
    expect(codes).toEqual(['attestation/signature-invalid']);
  },
  async () => {
    const chain = decodePemCertificates(sampleText('snp/ask_ark_genoa.pem'), 'chain');
    expect(await refusal('milan-v2', { change: snp((e) => ({ ...e, chain })) })).toEqual(['attestation/chain-invalid']);
  },
  async () => {
    const verdict = await verifySample('milan-v2');
    const policy = parseAttestationPolicy({ tees: ['sev-snp'], binding: 'none', requireRevocationCheck: false });
    const decision = evaluatePolicy(verdict, policy, { at: new Date('2025-06-30') });
    expect(decision.accepted).toBe(false);
    expect(decision.refusals).toEqual([
      { code: 'attestation/debug-forbidden', message: 'debug allowed: policy bit 19 is set' },
    ]);
  },
  async () => {
    const [, nonceText, , keyText] = sampleText('snp/gcp-x25519-nonce-and-key.txt').split(/[=\n]/);
    const [nonce, publicKey] = [nonceText, keyText].map((text) => new Uint8Array(Buffer.from(text as string, 'hex')));
    const verdict = await verifySample('gcp-x25519');
    const policy = parseAttestationPolicy({
      tees: ['sev-snp'],
      binding: 'nonce-key',
      maximumVmpl: 1,
      requireRevocationCheck: false,
    });
    const judge = (context: { nonce: Uint8Array; publicKey: Uint8Array }) =>
      evaluatePolicy(verdict, policy, { at: new Date('2026-06-30'), ...context });
    const right = { nonce: nonce as Uint8Array, publicKey: publicKey as Uint8Array };
    expect(judge(right).refusals).toEqual([]);
    expect(judge(right).accepted).toBe(true);
    for (const wrong of [
      { ...right, publicKey: flipByte(right.publicKey, 0) },
      { ...right, nonce: flipByte(right.nonce, 31) },
      { nonce: right.publicKey, publicKey: right.nonce },
    ]) {
      expect(judge(wrong).refusals.map(({ code }) => code)).toEqual(['attestation/binding-mismatch']);
    }
    expect(verdict.result?.reportData).not.toBe(
      Buffer.from(computeNonceKeyReportData(right.publicKey, right.nonce)).toString('hex'),
    );
  },
  async () => {
    for (const name of bothTdx) {
      // User data of the header, and MRTD in the body.
      for (const at of [30, 48 + 136 + (name === 'google-v5' ? 6 : 0)]) {
        const codes = await refusal(name, { change: intel((e) => ({ ...e, quote: flipByte(e.quote, at) })) });
        expect(codes).toEqual(['attestation/signature-invalid']);
      }
    }
  },
  async () => {
    for (const name of bothTdx) {
      const change = intel((e) => {
        const { qeReportBytes } = decodeIntelQuote(e.quote);
        return { ...e, quote: flipByte(e.quote, indexOfBytes(e.quote, qeReportBytes) + 20) };
      });
      expect(await refusal(name, { change })).toEqual(['attestation/qe-signature-invalid']);
    }
  },
  async () => {
    for (const name of bothTdx) {
      const quote = await resignQuote(sampleBytes(`tdx/${name}-quote.bin`));
      expect(await refusal(name, { change: intel((e) => ({ ...e, quote })) })).toEqual(['attestation/key-not-bound']);
    }
  },
  async () => {
    for (const name of bothTdx) {
      const bytes = sampleBytes(`tdx/${name}-quote.bin`);
      const { end } = decodeIntelQuote(bytes);
      for (const kept of [end - 1, end - 100, 700, 47, 1, 0]) {
        const quote = bytes.subarray(0, kept);
        expect(await refusal(name, { change: intel((e) => ({ ...e, quote })) })).toEqual(['attestation/malformed']);
      }
    }
  },
  async () => {
    expect(await refusal('blocky-prod', { at: new Date('2026-01-01') })).toEqual(['attestation/certificate-expired']);
  },
  async () => {
    const verdict = await verifySample('evervault-debug');
    const policy = parseAttestationPolicy({ tees: ['nitro'], binding: 'none' });
    const decision = evaluatePolicy(verdict, policy, { at: new Date(1665582606081) });
    expect(decision.refusals).toEqual([
      { code: 'attestation/debug-forbidden', message: 'debug allowed: PCR0 is all zero' },
    ]);
  },
  async () => {
    const verdict = await verifySample('selfsigned-must-fail');
    expect(verdict.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['document decodes', true],
      ['leaf certificate decodes', true],
      ['document is signed by the leaf (COSE, ECDSA P-384)', true],
      ['leaf leads to the pinned root of AWS', false],
    ]);
    expect(verdict.refusals.map(({ code }) => code)).toEqual(['attestation/untrusted-root']);
  },
  async () => {
    for (const name of bothNitro) {
      // Inside the payload: the time, a register. In the signature: its end.
      for (const at of [0x5c, 0x70]) {
        expect(await refusal(name, { change: nitro((d) => flipByte(d, at)) })).toEqual([
          'attestation/signature-invalid',
        ]);
      }
      expect(await refusal(name, { change: nitro((d) => flipByte(d, d.length - 1)) })).toEqual([
        'attestation/signature-invalid',
      ]);
      // The protected header names the algorithm: another one is not known, or not that of AWS.
      for (const at of [3, 4, 5]) {
        const [code] = await refusal(name, { change: nitro((d) => flipByte(d, at)) });
        expect(['attestation/unsupported', 'attestation/malformed']).toContain(code);
      }
    }
  },
  async () => {
    for (const name of bothNitro) {
      const drop = (index: number) =>
        nitro((document) => {
          const message = decodeCbor(document, 'sample') as unknown[];
          const payload = decodeCbor(message[2] as Uint8Array, 'sample') as Map<string, unknown>;
          payload.set('cabundle', (payload.get('cabundle') as unknown[]).toSpliced(index, 1));
          return encodeCbor([message[0], message[1], encodeCbor(payload), message[3]]);
        });
      const authorities = 4;
      for (let index = 0; index < authorities; index += 1) {
        // The bundle is signed with the rest, so that both are broken.
        const codes = await refusal(name, { change: drop(index) });
        expect(codes).toEqual(['attestation/signature-invalid', 'attestation/chain-invalid']);
      }
    }
  },
];

describe.skipIf(!samplesPresent)(`negative cases of real evidence${skipNote}`, () => {
  it('covers every case of the file', () => expect(expected.negative).toHaveLength(cases.length));
  it.each(expected.negative.map((row, index) => ({ ...row, index })))('$from, $mutate: $expect', async ({ index }) => {
    const run = cases[index];
    expect(run).toBeDefined();
    await run?.();
  });
});
