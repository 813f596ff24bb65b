/**
 * Broken input of every kind for every entry point. A case passes when the verifier answers with a verdict, or the
 * decoder with its typed error; anything else thrown is a defect, and so is acceptance of changed evidence.
 */
import { SignJWT } from 'jose';

import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import { createSeededRng } from '../../src/foundations/random/index.ts';
import { decodeCbor, encodeCbor, Tagged } from '../../src/trust/attestation/cbor.ts';
import { coseSigStructure, decodeCoseSign1 } from '../../src/trust/attestation/cose.ts';
import {
  AttestationError,
  createSimulatedTee,
  decodeCorim,
  decodeEvidence,
  decodeIntelQuote,
  decodeNitroDocument,
  decodePemCertificates,
  decodeSnpReport,
  dssePreAuthentication,
  encodeEvidence,
  evaluatePolicy,
  parseAttestationPolicy,
  parseDcapCollateral,
  parseKeySet,
  parseReferenceValues,
  pinnedLog,
  pinnedSigners,
  pinnedTokenKeys,
  REFERENCE_PAYLOAD_TYPE,
  referenceValuesOfCorim,
  vendorRoots,
  type Verdict,
  verifyAzureToken,
  verifyConfidentialSpaceToken,
  verifyEvidence,
  verifyIntelQuote,
  verifyNitroDocument,
  verifyReferences,
  verifySnpReport,
  withInsecureSimulatedRoot,
} from '../../src/trust/attestation/index.ts';
import { encodePemCertificates } from '../../src/trust/attestation/text-encodings.ts';
import { parseCertificate } from '../../src/trust/attestation/x509/certificate.ts';
import { readPckPlatform } from '../../src/trust/attestation/intel/pck.ts';
import { decodeCorimMeta } from '../../src/trust/attestation/reference/corim.ts';
import { readSnpEndorsement } from '../../src/trust/attestation/snp/endorsement.ts';
import { parseRevocationList } from '../../src/trust/attestation/x509/revocation-list.ts';
import {
  createMemoryTileStore,
  createReferenceLog,
  formatVerifierKey,
  logReferences,
  openLog,
} from '../../src/trust/log/index.ts';
import { NOW, revoke, signRaw } from './generate/authority.ts';
import { createIntelWorld } from './generate/intel.ts';
import { createNitroWorld } from './generate/nitro.ts';
import { createSnpWorld, signReport } from './generate/snp.ts';
import { mutate } from './mutate.ts';
import { loadSample, SAMPLES, samplesPresent } from './samples.ts';

/** One entry point with a good input. */
export interface Target {
  readonly name: string;
  readonly seed: Uint8Array;
  /** Whether accepting a changed input would be a defect. */
  readonly unforgeable: boolean;
  /** Bytes from the front that must be unchanged in what is accepted; what follows is padding. All when left out. */
  readonly signedBytes?: number;
  /** Resolves to whether the input was accepted. */
  readonly run: (input: Uint8Array) => Promise<boolean>;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'utf8'));

/** Decoders may throw their typed error and nothing else. */
function decoder(name: string, seed: Uint8Array, body: (input: Uint8Array) => unknown): Target {
  const run = async (input: Uint8Array): Promise<boolean> => {
    try {
      await body(input);
      return true;
    } catch (error) {
      if (error instanceof AttestationError) return false;
      throw error;
    }
  };
  return { name, seed, unforgeable: false, run };
}

const policy = parseAttestationPolicy(
  { tees: ['sev-snp', 'tdx', 'sgx', 'nitro', 'simulated'], binding: 'nonce' },
  { insecureSimulated: true },
);

/** Verifiers never throw; their verdict goes through the evaluator too. */
function verifier(
  name: string,
  seed: Uint8Array,
  body: (input: Uint8Array) => Promise<Verdict>,
  unforgeable = true,
): Target {
  const run = async (input: Uint8Array): Promise<boolean> => {
    const verdict = await body(input);
    const decision = evaluatePolicy(verdict, policy, { at: NOW, nonce: new Uint8Array(32), insecureSimulated: true });
    if (decision.accepted && !verdict.ok) throw new Error('accepted against the verdict');
    return verdict.ok;
  };
  return { name, seed, unforgeable, run };
}

/** Builds all targets; keys are drawn once. */
async function createTargets(): Promise<readonly Target[]> {
  const snp = await createSnpWorld();
  const intel = await createIntelWorld();
  const nitro = await createNitroWorld();
  const roots = withInsecureSimulatedRoot({ ...vendorRoots(), ...snp.roots, ...intel.roots, ...nitro.roots });
  const context = { roots, at: NOW };
  const report = await snp.attest();
  const list = await revoke(snp.ark, ['01']);
  const quote = await intel.attest();
  const sgxQuote = await intel.attest({ version: 3 });
  const collateralText = await intel.collateralText();
  const collateral = parseDcapCollateral(collateralText);
  const document = await nitro.attest({ userData: new Uint8Array(64) });
  const tee = createSimulatedTee({ measurement: 'aa'.repeat(48) }, { seed: new Uint8Array(32) });
  const simulated = tee.attest({ reportData: new Uint8Array(64), at: NOW });
  const message = decodeCoseSign1(document, 'seed');
  const publisher = createSigningKey(new Uint8Array(32));
  const signers = [{ kind: 'ed25519', name: 'p', publicKey: publisher.publicKey }] as const;
  const references = bytes(
    JSON.stringify({
      sotto: 'reference-values/1',
      id: 'r',
      values: [{ tee: 'tdx', measurements: { mrTd: 'aa'.repeat(48) } }],
    }),
  );
  const measured = new Map<number, unknown>([
    [0, 'measurement'],
    [1, new Map([[2, [[7, new Uint8Array(48)]]]])],
  ]);
  const environment = new Map([
    [
      0,
      new Map<number, unknown>([
        [0, new Tagged(37, new Uint8Array(16))],
        [1, 'ACME'],
      ]),
    ],
  ]);
  const log = await openLog({ store: createMemoryTileStore(), origin: 'log.example', key: publisher });
  const receipt = await logReferences(references, { log, time: NOW });
  const referenceLog = createReferenceLog({ name: 'log', verifiers: [log.verifier] });
  const logged = (input: Uint8Array): void => {
    if (!referenceLog.verifyInclusion(references, input))
      throw new AttestationError('attestation/reference-not-logged', 'no');
  };
  const pinned = {
    references: {
      signers: [{ kind: 'ed25519', name: 'p', publicKey: 'aa'.repeat(32) }],
      log: { keys: [formatVerifierKey(log.verifier)] },
    },
    tokens: { gcp: { keys: { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] }, audience: 'a' } },
  };
  const comid = new Map<number, unknown>([
    [0, 'en'],
    [1, new Map([[0, 'id']])],
    [4, new Map([[0, [[environment, [measured]]]]])],
  ]);
  const validity = new Map([[1, new Tagged(1, 2_000_000_000)]]);
  const corim = encodeCbor(
    new Tagged(
      501,
      new Map<number, unknown>([
        [0, 'r'],
        [1, [new Tagged(506, encodeCbor(comid))]],
        [4, validity],
      ]),
    ),
  );
  const jwtKeys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const jwk = { ...(await crypto.subtle.exportKey('jwk', jwtKeys.publicKey)), kid: 'k', alg: 'ES256' };
  const keys = parseKeySet(JSON.stringify({ keys: [jwk] }));
  const gcpClaims = bytes(
    JSON.stringify({
      iss: 'https://confidentialcomputing.googleapis.com',
      iat: NOW.getTime() / 1000 - 1,
      exp: NOW.getTime() / 1000 + 100,
      eat_nonce: 'n',
      hwmodel: 'GCP_INTEL_TDX',
      swname: 'CONFIDENTIAL_SPACE',
      dbgstat: 'enabled',
      submods: { container: { image_digest: 'sha256:aa' } },
    }),
  );
  const signToken = async (claims: Uint8Array): Promise<string> => {
    const head = Buffer.from('{"alg":"ES256","kid":"k"}').toString('base64url');
    const signed = `${head}.${Buffer.from(claims).toString('base64url')}`;
    const signature = await crypto.subtle.sign(
      { name: 'ECDSA', hash: 'SHA-256' },
      jwtKeys.privateKey,
      Buffer.from(signed),
    );
    return `${signed}.${Buffer.from(signature).toString('base64url')}`;
  };
  const token = await new SignJWT(JSON.parse(text(gcpClaims)) as Record<string, unknown>)
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .sign(jwtKeys.privateKey);

  return [
    decoder('DER certificate', snp.leaf.der, (input) => readSnpEndorsement(parseCertificate(input))),
    decoder('PCK certificate', intel.pck.der, (input) => readPckPlatform(parseCertificate(input))),
    decoder('revocation list', list, parseRevocationList),
    decoder('PEM', bytes(encodePemCertificates([snp.leaf.der])), (input) => decodePemCertificates(text(input), 'pem')),
    decoder('CBOR', document, (input) => decodeCbor(input, 'fuzz')),
    decoder('SNP report', report, decodeSnpReport),
    decoder('quote', quote, decodeIntelQuote),
    decoder('SGX quote', sgxQuote, decodeIntelQuote),
    decoder('Nitro document', document, decodeNitroDocument),
    decoder('Nitro payload', message.payload, (input) =>
      decodeNitroDocument(encodeCbor([message.protectedBytes, new Map(), input, message.signature])),
    ),
    decoder('collateral', bytes(collateralText), (input) => parseDcapCollateral(text(input))),
    decoder('CoRIM', corim, (input) => referenceValuesOfCorim(decodeCorim(input))),
    decoder('statement of a CoRIM', encodeCbor(new Map([[1, validity]])), decodeCorimMeta),
    decoder('receipt of the log', receipt, logged),
    decoder('reference values', references, (input) => parseReferenceValues(text(input))),
    decoder('key set', bytes(JSON.stringify(keys)), (input) => parseKeySet(text(input))),
    decoder('envelope', encodeEvidence({ kind: 'sev-snp', report, ...snp.collateral }), decodeEvidence),
    decoder('policy', bytes(JSON.stringify({ ...policy, tees: ['nitro'], ...pinned })), (input) => {
      let value: unknown;
      try {
        value = JSON.parse(text(input));
      } catch {
        return undefined;
      }
      const parsed = parseAttestationPolicy(value);
      return [pinnedLog(parsed), pinnedSigners(parsed), pinnedTokenKeys(parsed)];
    }),
    decoder('signed references', references, async (input) => {
      const sig = Buffer.from(publisher.sign(dssePreAuthentication(REFERENCE_PAYLOAD_TYPE, input))).toString('base64');
      const payload = Buffer.from(input).toString('base64');
      const envelope = { payloadType: REFERENCE_PAYLOAD_TYPE, payload, signatures: [{ sig }] };
      return verifyReferences({ kind: 'dsse', bytes: bytes(JSON.stringify(envelope)) }, { signers, at: NOW });
    }),
    decoder('signed CoRIM', document, (input) =>
      verifyReferences(
        { kind: 'corim', bytes: input },
        { signers: [{ kind: 'ecdsa', name: 'x', spki: parseCertificate(nitro.leaf.der).spki }], at: NOW },
      ),
    ),
    verifier('verify: SNP report', report, (input) => verifySnpReport(input, snp.collateral, context)),
    verifier('verify: VCEK', snp.leaf.der, (endorsement) =>
      verifySnpReport(report, { ...snp.collateral, endorsement }, context),
    ),
    verifier('verify: ASK', snp.ask.der, (ask) =>
      verifySnpReport(report, { ...snp.collateral, chain: [ask, snp.ark.der] }, context),
    ),
    verifier('verify: AMD list', list, (revocationList) =>
      verifySnpReport(report, { ...snp.collateral, revocationList }, context),
    ),
    {
      ...verifier('verify: quote', quote, (input) => verifyIntelQuote(input, collateral, context)),
      signedBytes: decodeIntelQuote(quote).end,
    },
    verifier(
      'verify: collateral',
      bytes(collateralText),
      (input) => verifyEvidence({ kind: 'intel', quote, collateral: text(input) }, context),
      false,
    ),
    verifier('verify: Nitro document', document, (input) => verifyNitroDocument(input, context)),
    verifier('verify: simulated evidence', simulated, (evidence) =>
      verifyEvidence({ kind: 'simulated', evidence }, context),
    ),
    verifier('verify: token', bytes(token), (input) => verifyConfidentialSpaceToken(text(input), { keys, at: NOW })),
    verifier('verify: Azure token', bytes(token), (input) => verifyAzureToken(text(input), { keys, at: NOW })),
    // Past the signatures: the changed content is signed anew, so that only the content stands between it and acceptance.
    verifier(
      'signed: SNP report',
      report,
      async (input) => {
        const changed = input.length === report.length ? await signReport(input, snp.leaf) : input;
        return verifySnpReport(changed, snp.collateral, context);
      },
      false,
    ),
    verifier(
      'signed: Nitro payload',
      message.payload,
      async (payload) => {
        const signature = await signRaw(nitro.leaf, coseSigStructure(message.protectedBytes, payload));
        return verifyNitroDocument(encodeCbor([message.protectedBytes, new Map(), payload, signature]), context);
      },
      false,
    ),
    verifier(
      'signed: TCB info',
      bytes(collateral.tcbInfo),
      async (input) => {
        const tcbInfo = text(input);
        const tcbInfoSignature = await signRaw(intel.tcbSigner, bytes(tcbInfo));
        return verifyIntelQuote(quote, { ...collateral, tcbInfo, tcbInfoSignature }, context);
      },
      false,
    ),
    verifier(
      'signed: QE identity',
      bytes(collateral.qeIdentity),
      async (input) => {
        const qeIdentity = text(input);
        const qeIdentitySignature = await signRaw(intel.tcbSigner, bytes(qeIdentity));
        return verifyIntelQuote(quote, { ...collateral, qeIdentity, qeIdentitySignature }, context);
      },
      false,
    ),
    verifier(
      'signed: claims',
      gcpClaims,
      async (input) => verifyConfidentialSpaceToken(await signToken(input), { keys, at: NOW }),
      false,
    ),
    verifier(
      'signed: Azure claims',
      gcpClaims,
      async (input) => verifyAzureToken(await signToken(input), { keys, at: NOW }),
      false,
    ),
    ...(samplesPresent ? sampleTargets() : []),
  ];
}

/** The first file of each sample of real hardware. */
function sampleTargets(): readonly Target[] {
  return SAMPLES.map((sample) => {
    const files = loadSample(sample);
    const [file] = sample.files as [string];
    const seed = files[file] as Uint8Array;
    return {
      name: `sample: ${sample.name}`,
      seed,
      unforgeable: true,
      ...(file.startsWith('tdx/') ? { signedBytes: decodeIntelQuote(seed).end } : {}),
      run: async (input: Uint8Array) => {
        try {
          return (
            await verifyEvidence(sample.build({ ...files, [file]: input }), { roots: vendorRoots(), at: sample.at })
          ).ok;
        } catch (error) {
          if (error instanceof AttestationError) return false;
          throw error;
        }
      },
    };
  });
}

/** Outcome of a run. */
export interface FuzzOutcome {
  readonly cases: number;
  /** Accepted although changed, where that is a defect. */
  readonly forged: readonly string[];
}

/** Runs `cases` changed inputs, spread evenly over the targets. */
export async function fuzz(cases: number, seed: string): Promise<FuzzOutcome> {
  const targets = await createTargets();
  for (const target of targets) {
    if (target.unforgeable && !(await target.run(target.seed)) && !/Azure|selfsigned/.test(target.name)) {
      throw new Error(`${target.name}: the good input is refused`);
    }
  }
  const rng = createSeededRng(seed);
  const seeds = targets.map((target) => target.seed);
  const forged: string[] = [];
  let done = 0;
  const work = async () => {
    while (done < cases) {
      const target = targets[done % targets.length] as Target;
      done += 1;
      const input = mutate(target.seed, seeds, rng);
      let accepted: boolean;
      try {
        accepted = await target.run(input);
      } catch (cause) {
        throw new Error(`${target.name} threw on ${Buffer.from(input).toString('hex')}`, { cause });
      }
      const { signedBytes } = target;
      const same = Buffer.compare(input.subarray(0, signedBytes), target.seed.subarray(0, signedBytes)) === 0;
      if (accepted && target.unforgeable && !same) forged.push(`${target.name}: ${Buffer.from(input).toString('hex')}`);
    }
  };
  await Promise.all(Array.from({ length: 12 }, work));
  return { cases: done, forged };
}
