/**
 * The negative cases of expected.json as data: evidence, time, policy and the refusals that must come of them, so that Node,
 * Chromium and the benchmark judge the very same.
 */
import { decodeCbor, encodeCbor } from '../../src/trust/attestation/cbor.ts';
import { decodeIntelQuote, decodePemCertificates, type Evidence } from '../../src/trust/attestation/index.ts';
import type { JudgedCase } from './judge-case.ts';
import { flipByte, sampleBytes, sampleEvidence, sampleText } from './samples.ts';

/** One piece of evidence that must be refused. */
export interface NegativeCase extends JudgedCase {
  /** Index in `negative` of expected.json. */
  readonly row: number;
  /** Lists of codes: the refusals must be one of them. */
  readonly refusals: readonly (readonly string[])[];
}

type Of<K extends Evidence['kind']> = Extract<Evidence, { kind: K }>;

const SNP = ['milan-v2', 'gcp-x25519'];
const TDX = ['phala-v4', 'google-v5'];
const NITRO = ['blocky-prod', 'evervault-debug'];
const code = (...names: readonly string[]): readonly string[] => names.map((name) => `attestation/${name}`);

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

function snpCases(): readonly Omit<NegativeCase, 'at'>[] {
  const change = (name: string, changes: Partial<Of<'sev-snp'>>): Evidence => ({
    ...(sampleEvidence(name).evidence as Of<'sev-snp'>),
    ...changes,
  });
  const report = (name: string): Uint8Array => (sampleEvidence(name).evidence as Of<'sev-snp'>).report;
  const flips = SNP.flatMap((name) => [
    // Bytes with a fixed value are refused before the signature is looked at.
    ...[0, 0x0c, 0x50, 0x90, 0x1a0, 0x29f].map((at) => ({
      row: 0,
      name: `${name}, byte ${at}`,
      evidence: change(name, { report: flipByte(report(name), at, 0x40) }),
      refusals: [code('signature-invalid'), code('malformed'), code('unsupported')],
    })),
    {
      row: 0,
      name: `${name}, measurement`,
      evidence: change(name, { report: flipByte(report(name), 0x90) }),
      refusals: [code('signature-invalid')],
    },
    ...[0x2a0, 0x2cf, 0x2e8, 0x317].map((at) => ({
      row: 1,
      name: `${name}, byte ${at}`,
      evidence: change(name, { report: flipByte(report(name), at) }),
      refusals: [code('signature-invalid')],
    })),
  ]);
  const [, nonce = '', , publicKey = ''] = sampleText('snp/gcp-x25519-nonce-and-key.txt').trim().split(/[=\n]/);
  const bound = { tees: ['sev-snp'], binding: 'nonce-key', maximumVmpl: 1, requireRevocationCheck: false };
  const flipHex = (text: string, at: number): string =>
    Buffer.from(flipByte(new Uint8Array(Buffer.from(text, 'hex')), at)).toString('hex');
  const wrongKeys = [
    { name: 'other key', nonce, publicKey: flipHex(publicKey, 0) },
    { name: 'other nonce', nonce: flipHex(nonce, 31), publicKey },
    { name: 'key ‖ nonce', nonce: publicKey, publicKey: nonce },
  ];
  return [
    ...flips,
    {
      row: 2,
      name: 'gcp-x25519 with the key of milan-v2',
      evidence: change('gcp-x25519', { endorsement: sampleBytes('snp/milan-v2-vcek.der') }),
      refusals: [code('signature-invalid')],
    },
    {
      row: 3,
      name: 'milan-v2 under Genoa',
      evidence: change('milan-v2', { chain: decodePemCertificates(sampleText('snp/ask_ark_genoa.pem'), 'chain') }),
      refusals: [code('chain-invalid')],
    },
    {
      row: 4,
      name: 'milan-v2, no debug',
      evidence: change('milan-v2', {}),
      policy: { tees: ['sev-snp'], binding: 'none', requireRevocationCheck: false },
      refusals: [code('debug-forbidden')],
    },
    ...wrongKeys.map((wrong) => ({
      ...wrong,
      row: 5,
      evidence: change('gcp-x25519', {}),
      policy: bound,
      refusals: [code('binding-mismatch')],
    })),
  ];
}

async function tdxCases(): Promise<readonly Omit<NegativeCase, 'at'>[]> {
  const all = await Promise.all(
    TDX.map(async (name) => {
      const evidence = sampleEvidence(name).evidence as Of<'intel'>;
      const { quote } = evidence;
      const { end, qeReportBytes } = decodeIntelQuote(quote);
      return [
        // User data of the header, and MRTD in the body.
        ...[30, 48 + 136 + (name === 'google-v5' ? 6 : 0)].map((at) => ({
          row: 6,
          name: `${name}, byte ${at}`,
          evidence: { ...evidence, quote: flipByte(quote, at) },
          refusals: [code('signature-invalid')],
        })),
        {
          row: 7,
          name: `${name}, QE report`,
          evidence: { ...evidence, quote: flipByte(quote, indexOfBytes(quote, qeReportBytes) + 20) },
          refusals: [code('qe-signature-invalid')],
        },
        {
          row: 8,
          name: `${name}, own attestation key`,
          evidence: { ...evidence, quote: await resignQuote(quote) },
          refusals: [code('key-not-bound')],
        },
        ...[end - 1, end - 100, 700, 47, 1, 0].map((kept) => ({
          row: 9,
          name: `${name}, first ${kept} bytes`,
          evidence: { ...evidence, quote: quote.slice(0, kept) },
          refusals: [code('malformed')],
        })),
      ];
    }),
  );
  return all.flat();
}

/** A document with one authority of its bundle left out. */
function dropAuthority(document: Uint8Array, index: number): Uint8Array {
  const message = decodeCbor(document, 'sample') as unknown[];
  const payload = decodeCbor(message[2] as Uint8Array, 'sample') as Map<string, unknown>;
  payload.set('cabundle', (payload.get('cabundle') as unknown[]).toSpliced(index, 1));
  return encodeCbor([message[0], message[1], encodeCbor(payload), message[3]]);
}

function nitroCases(): readonly (Omit<NegativeCase, 'at'> & { readonly at?: string })[] {
  const documentOf = (name: string): Uint8Array => (sampleEvidence(name).evidence as Of<'nitro'>).document;
  const nitro = (document: Uint8Array): Evidence => ({ kind: 'nitro', document });
  return [
    {
      row: 10,
      name: 'blocky-prod, later',
      evidence: nitro(documentOf('blocky-prod')),
      at: '2026-01-01T00:00:00Z',
      refusals: [code('certificate-expired')],
    },
    {
      row: 11,
      name: 'evervault-debug, no debug',
      evidence: nitro(documentOf('evervault-debug')),
      policy: { tees: ['nitro'], binding: 'none' },
      refusals: [code('debug-forbidden')],
    },
    {
      row: 12,
      name: 'selfsigned-must-fail',
      evidence: nitro(documentOf('selfsigned-must-fail')),
      refusals: [code('untrusted-root')],
    },
    ...NITRO.flatMap((name) => {
      const document = documentOf(name);
      return [
        // Inside the payload: the time, a register. In the signature: its end.
        ...[0x5c, 0x70, document.length - 1].map((at) => ({
          row: 13,
          name: `${name}, byte ${at}`,
          evidence: nitro(flipByte(document, at)),
          refusals: [code('signature-invalid')],
        })),
        // The protected header names the algorithm: another one is not known, or not that of AWS.
        ...[3, 4, 5].map((at) => ({
          row: 13,
          name: `${name}, byte ${at}`,
          evidence: nitro(flipByte(document, at)),
          refusals: [code('unsupported'), code('malformed')],
        })),
        // The bundle is signed with the rest, so that both are broken.
        ...[0, 1, 2, 3].map((index) => ({
          row: 14,
          name: `${name} without authority ${index}`,
          evidence: nitro(dropAuthority(document, index)),
          refusals: [code('signature-invalid', 'chain-invalid')],
        })),
      ];
    }),
  ];
}

/** The sample that a case was made of: the one its name begins with. */
function timeOf(name: string): string {
  const names = [...SNP, ...TDX, ...NITRO, 'selfsigned-must-fail'];
  return sampleEvidence(names.find((each) => name.startsWith(each)) ?? 'gcp-x25519').at.toISOString();
}

/** All cases, in the order of the file's rows. */
export async function createNegativeCases(): Promise<readonly NegativeCase[]> {
  return [...snpCases(), ...(await tdxCases()), ...nitroCases()].map((each) => ({ at: timeOf(each.name), ...each }));
}
