/**
 * Signs files the way OpenSSF model signing does, so that its Python tool verifies them. [OMS]
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { utf8 } from '../../foundations/crypto/index.ts';
import { dssePreAuthentication, encodeBase64 } from '../attestation/index.ts';
import type { PackageFiles } from './archive.ts';
import { BUNDLE_TYPE } from './bundle.ts';
import { keyHint, type ModelSigner } from './keys.ts';
import { encodeStatement, PAYLOAD_TYPE } from './statement.ts';

/** Name of the signature beside the files. */
export const SIGNATURE_FILE = 'model.sig';

/**
 * Signs files.
 * @param files - all but the signature itself.
 * @param signer - with certificates the bundle carries the chain (X.509 mode), else a hint of the key (key mode).
 * @returns a Sigstore bundle v0.3, canonical JSON: the content of `model.sig`.
 */
export async function signFiles(
  files: PackageFiles,
  {
    name,
    signer,
    ignoredPaths = [SIGNATURE_FILE],
  }: {
    readonly name: string;
    readonly signer: ModelSigner;
    readonly ignoredPaths?: readonly string[];
  },
): Promise<Uint8Array> {
  const payload = encodeStatement(files, { name, ignoredPaths });
  const signature = await signer.sign(dssePreAuthentication(PAYLOAD_TYPE, payload));
  const { certificates } = signer;
  const bundle = {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: {
      ...(certificates === undefined
        ? { publicKey: { hint: keyHint(signer.spki) } }
        : { x509CertificateChain: { certificates: certificates.map((der) => ({ rawBytes: encodeBase64(der) })) } }),
      tlogEntries: [],
    },
    dsseEnvelope: {
      payload: encodeBase64(payload),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: encodeBase64(signature), keyid: '' }],
    },
  };
  return utf8(canonicalize(bundle) as string);
}
