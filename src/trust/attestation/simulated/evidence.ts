/**
 * Simulated evidence, for tests, demonstrations and machines without hardware. It protects nothing: the root's key is
 * derived from a text that stands below, so that everybody can make evidence of this kind. It is refused everywhere
 * unless somebody asks for it by the name `insecureSimulated`, and whatever it touches says so.
 *
 * @module
 */

import {
  concatBytes,
  createSigningKey,
  fromHex,
  sha256,
  toHex,
  utf8,
  verifySignature,
} from '../../../foundations/crypto/index.ts';
import { decodeCbor, encodeCbor } from '../cbor.ts';
import { AttestationError, malformed } from '../errors.ts';
import { examine, startResult, type Verdict } from '../result.ts';
import type { TrustRoot, TrustRoots } from '../roots/trust-root.ts';

/** What stands in front of everything that rests on simulated evidence. */
export const SIMULATED_BANNER = 'SIMULATED ATTESTATION: protects nothing, for tests and demonstrations only';

const KIND = 'sotto/simulated-attestation/v1';
const LEAF_LABEL = utf8('sotto/simulated-attestation/leaf/v1');
const QUOTE_LABEL = utf8('sotto/simulated-attestation/quote/v1');
const ROOT_SEED = sha256(utf8('root of simulated attestation: everybody knows this key, it vouches for nothing'));

/** What a simulated environment claims about itself. */
export interface SimulatedClaims {
  /** 48 bytes in hexadecimal, in the place of a launch measurement. */
  readonly measurement: string;
  readonly debug?: boolean;
  /** Version of the platform, for `minimumTcb`. */
  readonly svn?: number;
}

/** A simulated environment. */
export interface SimulatedTee {
  /** Makes evidence that binds 64 bytes. */
  attest(request: { readonly reportData: Uint8Array; readonly at: Date }): Uint8Array;
}

/** The root of simulated evidence. */
export function simulatedRoot(): TrustRoot {
  const { publicKey } = createSigningKey(ROOT_SEED);
  return { name: 'Simulated root (insecure)', der: publicKey, sha256: toHex(sha256(publicKey)) };
}

/** Adds the root of simulated evidence to others. Call this only where the user asked for it by name. */
export function withInsecureSimulatedRoot(roots: TrustRoots): TrustRoots {
  return { ...roots, simulated: [simulatedRoot()] };
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/**
 * Creates a simulated environment.
 * @param claims - what it says that it runs.
 * @param options - `seed` (32 bytes) is the environment's own key; `rootSeed` another root than the known one, for
 *   tests of refusal; `leafNotAfter` the end of the environment's certificate.
 */
export function createSimulatedTee(
  claims: SimulatedClaims,
  {
    seed,
    rootSeed = ROOT_SEED,
    leafNotAfter = new Date(8.64e14),
  }: {
    readonly seed: Uint8Array;
    readonly rootSeed?: Uint8Array;
    readonly leafNotAfter?: Date;
  },
): SimulatedTee {
  const root = createSigningKey(rootSeed);
  const leaf = createSigningKey(seed);
  const notAfterMs = leafNotAfter.getTime();
  const endorsement = root.sign(concatBytes(LEAF_LABEL, leaf.publicKey, u64(notAfterMs)));
  return {
    attest({ reportData, at }) {
      const payload = encodeCbor({
        measurement: fromHex(claims.measurement),
        reportData,
        issuedAtMs: at.getTime(),
        debug: claims.debug ?? false,
        svn: claims.svn ?? 1,
      });
      const signature = leaf.sign(concatBytes(QUOTE_LABEL, payload));
      return encodeCbor([KIND, payload, leaf.publicKey, notAfterMs, endorsement, signature]);
    },
  };
}

interface DecodedEvidence {
  readonly payload: Uint8Array;
  readonly leaf: Uint8Array;
  readonly notAfterMs: number;
  readonly endorsement: Uint8Array;
  readonly signature: Uint8Array;
  readonly measurement: Uint8Array;
  readonly reportData: Uint8Array;
  readonly issuedAtMs: number;
  readonly debug: boolean;
  readonly svn: number;
}

const sized = (value: unknown, name: string, sizeBytes: number): Uint8Array =>
  value instanceof Uint8Array && value.length === sizeBytes
    ? value
    : malformed(`simulated evidence: ${name} of ${sizeBytes} bytes expected`);
const whole = (value: unknown, name: string): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 8.64e15
    ? value
    : malformed(`simulated evidence: ${name} is no whole number`);

function decodeSimulated(bytes: Uint8Array): DecodedEvidence {
  const outer = decodeCbor(bytes, 'simulated evidence');
  if (!Array.isArray(outer) || outer.length !== 6 || outer[0] !== KIND) malformed('this is no simulated evidence');
  const [, payload, leaf, notAfterMs, endorsement, signature] = outer as unknown[];
  if (!(payload instanceof Uint8Array)) malformed('simulated evidence: no payload');
  const claims = decodeCbor(payload, 'simulated evidence, payload');
  if (!(claims instanceof Map) || claims.size !== 5) malformed('simulated evidence: broken payload');
  const debug: unknown = claims.get('debug');
  if (typeof debug !== 'boolean') malformed('simulated evidence: broken payload');
  return {
    payload,
    leaf: sized(leaf, 'key', 32),
    notAfterMs: whole(notAfterMs, 'end of validity'),
    endorsement: sized(endorsement, 'endorsement', 64),
    signature: sized(signature, 'signature', 64),
    measurement: sized(claims.get('measurement'), 'measurement', 48),
    reportData: sized(claims.get('reportData'), 'report data', 64),
    issuedAtMs: whole(claims.get('issuedAtMs'), 'time'),
    debug,
    svn: whole(claims.get('svn'), 'version'),
  };
}

/**
 * Verifies simulated evidence against the roots for it, of which there are none by default.
 * @returns a verdict; bad evidence is a refusal, never an exception.
 */
export async function verifySimulatedEvidence(
  bytes: Uint8Array,
  { roots, at }: { readonly roots: Pick<TrustRoots, 'simulated'>; readonly at: Date },
): Promise<Verdict> {
  return examine(async (examination) => {
    const { check } = examination;
    const decoded = await check('evidence decodes', () => decodeSimulated(bytes));
    const result = startResult('simulated', at, {
      debug: decoded.debug,
      measurements: { measurement: toHex(decoded.measurement) },
      reportData: toHex(decoded.reportData),
      tcbStatus: 'NotRated',
      tcb: { svn: decoded.svn },
      issuedAt: new Date(decoded.issuedAtMs).toISOString(),
      validUntil: new Date(decoded.notAfterMs).toISOString(),
      warnings: [SIMULATED_BANNER],
    });
    examination.result = result;
    await check('evidence is signed by its key (Ed25519)', () => {
      if (!verifySignature(decoded.leaf, concatBytes(QUOTE_LABEL, decoded.payload), decoded.signature)) {
        throw new AttestationError('attestation/signature-invalid', 'the simulated evidence is not signed by its key');
      }
    });
    const root = await check(
      'key leads to a root of simulated evidence',
      () => {
        const signed = concatBytes(LEAF_LABEL, decoded.leaf, u64(decoded.notAfterMs));
        const found = roots.simulated.find(({ der }) => verifySignature(der, signed, decoded.endorsement));
        if (found !== undefined) return found;
        throw new AttestationError(
          'attestation/untrusted-root',
          roots.simulated.length === 0
            ? 'simulated evidence is not accepted; nobody asked for it by name'
            : 'the simulated evidence leads to none of the given roots',
        );
      },
      ({ name }) => name,
    );
    result.trustRoot = { name: root.name, sha256: root.sha256 };
    await check('key is in force', () => {
      if (at.getTime() > decoded.notAfterMs) {
        throw new AttestationError('attestation/certificate-expired', 'the simulated key has expired');
      }
    });
    result.revocationChecked = true;
  });
}
