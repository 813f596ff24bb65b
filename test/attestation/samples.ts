/** The samples of real hardware, which are not part of the repository: tests over them are skipped where they lie not. */
import { existsSync, readFileSync } from 'node:fs';

import {
  decodeBase64,
  decodePemCertificates,
  type Evidence,
  type TrustRoots,
  vendorRoots,
  type Verdict,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';

const folder = new URL('../../../shared/vectors/attestation/', import.meta.url);

/** Whether the samples are there. */
export const samplesPresent = existsSync(new URL('expected.json', folder));

/** Ends the title of a suite over the samples: says why it is skipped, if it is. */
export const skipNote = samplesPresent ? '' : ' (skipped: vectors not present)';

export const sampleBytes = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, folder)));
export const sampleText = (path: string): string => readFileSync(new URL(path, folder), 'latin1');

/** A base64 file, with the line end that some carry. */
export const fromBase64File = (text: string): Uint8Array => decodeBase64(text.replace(/\r?\n$/, ''), 'sample');
const one = (pem: string): Uint8Array => decodePemCertificates(pem, 'sample')[0] as Uint8Array;

/** A sample: the files that make it, and how evidence is built of their bytes. */
export interface Sample {
  readonly name: string;
  readonly files: readonly string[];
  readonly at: Date;
  /** Throws AttestationError when a text form cannot be read. */
  readonly build: (files: Readonly<Record<string, Uint8Array>>) => Evidence;
  readonly accepted: boolean;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** All samples, with every file that takes part in their verification. */
export const SAMPLES: readonly Sample[] = [
  {
    name: 'milan-v2',
    files: ['snp/milan-v2-report.bin', 'snp/milan-v2-vcek.der', 'snp/ask_ark_milan.pem'],
    at: new Date('2025-06-30T00:00:00Z'),
    accepted: true,
    build: (files) => ({
      kind: 'sev-snp',
      report: files['snp/milan-v2-report.bin'] as Uint8Array,
      endorsement: files['snp/milan-v2-vcek.der'] as Uint8Array,
      chain: decodePemCertificates(latin1(files['snp/ask_ark_milan.pem'] as Uint8Array), 'chain'),
    }),
  },
  {
    name: 'gcp-x25519',
    files: ['snp/gcp-x25519-report.bin', 'snp/gcp-x25519-vcek.pem', 'snp/gcp-x25519-chain.pem'],
    at: new Date('2026-06-30T00:00:00Z'),
    accepted: true,
    build: (files) => ({
      kind: 'sev-snp',
      report: files['snp/gcp-x25519-report.bin'] as Uint8Array,
      endorsement: one(latin1(files['snp/gcp-x25519-vcek.pem'] as Uint8Array)),
      chain: decodePemCertificates(latin1(files['snp/gcp-x25519-chain.pem'] as Uint8Array), 'chain'),
    }),
  },
  {
    name: 'phala-v4',
    files: ['tdx/phala-v4-quote.bin', 'tdx/phala-v4-collateral.json'],
    at: new Date('2025-07-01T00:00:00Z'),
    accepted: true,
    build: (files) => ({
      kind: 'intel',
      quote: files['tdx/phala-v4-quote.bin'] as Uint8Array,
      collateral: latin1(files['tdx/phala-v4-collateral.json'] as Uint8Array),
    }),
  },
  {
    name: 'google-v5',
    files: ['tdx/google-v5-quote.bin'],
    at: new Date('2026-06-30T00:00:00Z'),
    accepted: true,
    build: (files) => ({ kind: 'intel', quote: files['tdx/google-v5-quote.bin'] as Uint8Array }),
  },
  {
    name: 'blocky-prod',
    files: ['nitro/blocky-prod.b64'],
    at: new Date(1725719859545),
    accepted: true,
    build: (files) => ({
      kind: 'nitro',
      document: fromBase64File(latin1(files['nitro/blocky-prod.b64'] as Uint8Array)),
    }),
  },
  {
    name: 'evervault-debug',
    files: ['nitro/evervault-debug.cbor'],
    at: new Date(1665582606081),
    accepted: true,
    build: (files) => ({ kind: 'nitro', document: files['nitro/evervault-debug.cbor'] as Uint8Array }),
  },
  {
    name: 'selfsigned-must-fail',
    files: ['nitro/selfsigned-must-fail.b64'],
    at: new Date('2024-06-30T00:00:00Z'),
    accepted: false,
    build: (files) => ({
      kind: 'nitro',
      document: fromBase64File(latin1(files['nitro/selfsigned-must-fail.b64'] as Uint8Array)),
    }),
  },
];

export const loadSample = (sample: Sample): Record<string, Uint8Array> =>
  Object.fromEntries(sample.files.map((path) => [path, sampleBytes(path)]));

/** Finds a sample and builds its evidence. */
export function sampleEvidence(name: string): { readonly evidence: Evidence; readonly at: Date } {
  const sample = SAMPLES.find((candidate) => candidate.name === name) as Sample;
  return { evidence: sample.build(loadSample(sample)), at: sample.at };
}

/** Verifies a sample, changed or not. */
export async function verifySample(
  name: string,
  {
    change = (evidence) => evidence,
    at,
    roots = vendorRoots(),
  }: {
    readonly change?: (evidence: Evidence) => Evidence;
    readonly at?: Date;
    readonly roots?: TrustRoots;
  } = {},
): Promise<Verdict> {
  const sample = sampleEvidence(name);
  return verifyEvidence(change(sample.evidence), { roots, at: at ?? sample.at });
}

/** Flips bits of one byte in a copy. */
export function flipByte(bytes: Uint8Array, index: number, mask = 1): Uint8Array {
  const copy = bytes.slice();
  copy[index] = (copy[index] as number) ^ mask;
  return copy;
}
