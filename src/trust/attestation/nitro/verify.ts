/**
 * Verifier of AWS Nitro attestation documents: the COSE signature by the leaf, and the leaf's chain to AWS's root.
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { verifyCoseSign1 } from '../cose.ts';
import { AttestationError, malformed } from '../errors.ts';
import { examine, noteChain, startResult, type Verdict } from '../result.ts';
import type { TrustRoots } from '../roots/trust-root.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { verifyChain } from '../x509/chain.ts';
import { decodeNitroDocument, type NitroDocument } from './document.ts';

const optionalHex = (bytes: Uint8Array | null): string => (bytes === null ? '' : toHex(bytes));

/** Registers that are all zero when the enclave was started in debug mode: image, kernel, application. [AWSNitro] */
function isDebug({ pcrs }: NitroDocument): boolean {
  return /^0*$/.test(pcrs.get(0) ?? '');
}

/**
 * Verifies a document.
 * @param bytes - the COSE_Sign1.
 * @param options - leaf certificates live three hours, so that `at` is best the time of arrival.
 * @returns a verdict; bad evidence is a refusal, never an exception.
 */
export async function verifyNitroDocument(
  bytes: Uint8Array,
  { roots, at }: { readonly roots: Pick<TrustRoots, 'aws'>; readonly at: Date },
): Promise<Verdict> {
  return examine(async (examination) => {
    const { check, note } = examination;
    const document = await check('document decodes', () => decodeNitroDocument(bytes));
    const result = startResult('nitro', at, {
      debug: isDebug(document),
      measurements: Object.fromEntries([...document.pcrs].map(([index, value]) => [`pcr${index}`, value])),
      reportData: optionalHex(document.userData),
      tcbStatus: 'NotRated',
      issuedAt: new Date(document.timestampMs).toISOString(),
      publicKey: optionalHex(document.publicKey),
      nonce: optionalHex(document.nonce),
      facts: {
        moduleId: document.moduleId,
        digest: document.digest,
        timestampMs: document.timestampMs,
        authorities: document.authorities.length,
      },
    });
    examination.result = result;
    const leaf = await check('leaf certificate decodes', () => parseCertificate(document.certificate, 'Nitro leaf'));
    // The bundle is under the signature too: a shortened one breaks both, and both are said.
    await note('document is signed by the leaf (COSE, ECDSA P-384)', async () => {
      if (!(await verifyCoseSign1(document.message, leaf.spki))) {
        throw new AttestationError('attestation/signature-invalid', 'the document is not signed by its certificate');
      }
    });
    const chain = await note(
      'leaf leads to the pinned root of AWS',
      async () => {
        // The bundle runs from the root down; a path runs from the leaf up.
        const authorities = document.authorities.map((der, index) => parseCertificate(der, `cabundle[${index}]`));
        const verified = await verifyChain([leaf, ...authorities.toReversed()], { roots: roots.aws, at });
        if (verified.certificates.length !== 1 + authorities.length) {
          throw new AttestationError('attestation/chain-invalid', 'the bundle does not begin with the root');
        }
        return verified;
      },
      ({ root }) => root.name,
    );
    if (chain === undefined) return;
    noteChain(result, chain);
    await check('the header that is not signed is empty', () => {
      if (document.message.unprotectedHeader === null) malformed('Nitro document: unprotected header is no map');
    });
    // [AWSNitroUser] "Certificate chain validity": revocation lists, which the authorities name, are not to be consulted;
    // leaves live for hours, and their authorities for days or weeks.
    result.revocationChecked = true;
    result.warnings = ['no revocation list was consulted: AWS excludes them from the validation of these documents'];
  });
}
