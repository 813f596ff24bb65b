/**
 * The normal form of all evidence, and the verdict that a verifier returns. Verifiers differ in what they read; what
 * they say is one shape, so that one evaluator decides.
 *
 * @module
 */

import { AttestationError, type AttestationErrorCode } from './errors.ts';
import type { VerifiedChain } from './x509/chain.ts';

/** The trusted execution environments that are known. `simulated` protects nothing. */
export type TeeKind =
  | 'sev-snp'
  | 'tdx'
  | 'sgx'
  | 'nitro'
  | 'gcp-confidential-space'
  | 'azure-sev-snp'
  | 'azure-tdx'
  | 'azure-sgx'
  | 'simulated';

/** All kinds, for schemas and help texts. */
export const TEE_KINDS = [
  'sev-snp',
  'tdx',
  'sgx',
  'nitro',
  'gcp-confidential-space',
  'azure-sev-snp',
  'azure-tdx',
  'azure-sgx',
  'simulated',
] as const satisfies readonly TeeKind[];

/** How the vendor rates the platform's firmware. The first eight are Intel's words. */
export const TCB_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'TDRelaunchAdvised',
  'Revoked',
  /** The vendor rates, but no collateral was given. */
  'Unknown',
  /** The vendor publishes no rating (AMD, AWS): the policy compares version numbers instead. */
  'NotRated',
] as const;

export type TcbStatus = (typeof TCB_STATUSES)[number];

/** A certificate of the path, as a record shows it. */
export interface ChainEntry {
  readonly subject: string;
  readonly commonName: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Bytes of the evidence that no signature covers and that the verifier did not read. */
export interface UnsignedRange {
  readonly start: number;
  readonly end: number;
  readonly what: string;
}

/** What a decoded piece of evidence says, whoever made it. */
export interface AttestationResult {
  readonly tee: TeeKind;
  /** All signatures hold, up to a pinned root of the vendor (for tokens: to the given keys), at `validAt`. */
  readonly vendorChainOk: boolean;
  readonly tcbStatus: TcbStatus;
  readonly advisoryIds: readonly string[];
  /** The operator can read or change the memory. */
  readonly debug: boolean;
  /** What runs, by register, in hexadecimal (tokens: as the token writes them). */
  readonly measurements: Readonly<Record<string, string>>;
  /** What the environment bound, in hexadecimal; for tokens their nonces, separated by spaces. */
  readonly reportData: string;
  /** The time for which all this was judged, in ISO form. */
  readonly validAt: string;
  readonly warnings: readonly string[];
  /** Version numbers of the platform's parts, for `minimumTcb`. */
  readonly tcb: Readonly<Record<string, number>>;
  /** When the evidence itself says that it was made, in ISO form; hardware reports carry no clock. */
  readonly issuedAt?: string;
  /** When the first certificate or collateral expires, in ISO form. */
  readonly validUntil?: string;
  /** Whether revocation was checked by all the means that the vendor provides for this kind of evidence. */
  readonly revocationChecked: boolean;
  /** The public key that the evidence carries apart from the report data (Nitro), in hexadecimal. */
  readonly publicKey?: string;
  /** The nonce that the evidence carries apart from the report data (Nitro), in hexadecimal. */
  readonly nonce?: string;
  readonly chain: readonly ChainEntry[];
  readonly trustRoot?: { readonly name: string; readonly sha256: string };
  /** All else that was decoded, by the names of the vendor's specification. */
  readonly facts: Readonly<Record<string, string | number | boolean | null>>;
  readonly unsignedRanges: readonly UnsignedRange[];
}

/** Why something is not believed. */
export interface Refusal {
  readonly code: AttestationErrorCode;
  readonly message: string;
}

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** What a verifier says. `result` is there whenever the evidence could be decoded, even if nothing of it holds. */
export interface Verdict {
  readonly ok: boolean;
  readonly result?: AttestationResult;
  readonly checks: readonly Check[];
  readonly refusals: readonly Refusal[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The notebook of one verification: the normal form as it fills up, and what was checked. */
export interface Examination {
  result: Mutable<AttestationResult> | undefined;
  readonly checks: Check[];
  /** Runs one check; its error ends the verification and becomes the refusal. @returns what `body` returns. */
  readonly check: <T>(name: string, body: () => T | Promise<T>, detail?: (value: T) => string) => Promise<T>;
  /** Like {@link check}, but goes on after a failure, whose refusal stands at the end beside others. */
  readonly note: <T>(name: string, body: () => T | Promise<T>, detail?: (value: T) => string) => Promise<T | undefined>;
}

/** Starts a normal form with nothing proven. */
export function startResult(
  tee: TeeKind,
  at: Date,
  claims: Pick<AttestationResult, 'debug' | 'measurements' | 'reportData'> & Partial<AttestationResult>,
): Mutable<AttestationResult> {
  return {
    tee,
    vendorChainOk: false,
    tcbStatus: 'Unknown',
    advisoryIds: [],
    validAt: isoTime(at),
    warnings: [],
    tcb: {},
    revocationChecked: false,
    chain: [],
    facts: {},
    unsignedRanges: [],
    ...claims,
  };
}

/** Notes a verified path in the normal form. */
export function noteChain(result: Mutable<AttestationResult>, chain: VerifiedChain): void {
  result.chain = chain.certificates.map(({ subjectName, commonName, notBefore, notAfter }) => ({
    subject: subjectName,
    commonName,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
  }));
  result.trustRoot = { name: chain.root.name, sha256: chain.root.sha256 };
  result.validUntil = chain.notAfter.toISOString();
}

/** Moves the end of validity forward. */
export function noteExpiry(result: Mutable<AttestationResult>, notAfter: Date): void {
  if (result.validUntil === undefined || notAfter.toISOString() < result.validUntil) {
    result.validUntil = notAfter.toISOString();
  }
}

function isoTime(at: Date): string {
  if (!(at instanceof Date) || Number.isNaN(at.getTime())) throw new TypeError('"at" must be a valid Date');
  return at.toISOString();
}

/**
 * Runs a verification and turns every {@link AttestationError} into a refusal; anything else is a defect and passes.
 */
export async function examine(body: (examination: Examination) => Promise<void>): Promise<Verdict> {
  const checks: Check[] = [];
  const refusals: Refusal[] = [];
  const refuse = ({ code, message }: AttestationError): void => void refusals.push({ code, message });
  const examination: Examination = {
    result: undefined,
    checks,
    check: async (name, inner, detail = () => 'holds') => {
      try {
        const value = await inner();
        checks.push({ name, ok: true, detail: detail(value) });
        return value;
      } catch (error) {
        if (error instanceof AttestationError) checks.push({ name, ok: false, detail: error.message });
        throw error;
      }
    },
    note: async (name, inner, detail) => {
      try {
        return await examination.check(name, inner, detail);
      } catch (error) {
        if (!(error instanceof AttestationError)) throw error;
        refuse(error);
        return undefined;
      }
    },
  };
  try {
    await body(examination);
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    refuse(error);
  }
  const ok = refusals.length === 0;
  if (ok && examination.result !== undefined) examination.result.vendorChainOk = true;
  return { ok, checks, refusals, ...frozen(examination) };
}

function frozen({ result }: Examination): { result?: AttestationResult } {
  return result === undefined ? {} : { result: Object.freeze(result) };
}
