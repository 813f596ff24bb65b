/**
 * The way of a keyless signature to Sigstore's trust root, by the optional peer `@sigstore/verify`: the certificate comes
 * from the authority, the log and the certificate log signed, all offline from a trusted root that the caller has.
 *
 * @module
 */

import { createRequire } from 'node:module';

import type { SignatureBundle } from '../../trust/package/index.ts';
import { StorageError } from '../storage/index.ts';

/** The parts of the peer and its own parts that are used. */
interface SigstoreModules {
  readonly verify: {
    readonly Verifier: new (material: unknown, options: object) => { verify(entity: unknown): unknown };
    toTrustMaterial(root: unknown): unknown;
    toSignedEntity(bundle: unknown): unknown;
  };
  readonly bundle: { bundleFromJSON(value: unknown): unknown };
  readonly specs: { readonly TrustedRoot: { fromJSON(value: unknown): unknown } };
}

function load(): SigstoreModules {
  const name = '@sigstore/verify';
  try {
    const here = createRequire(import.meta.url);
    const there = createRequire(here.resolve(name));
    return {
      verify: here(name) as SigstoreModules['verify'],
      bundle: there('@sigstore/bundle') as SigstoreModules['bundle'],
      specs: there('@sigstore/protobuf-specs') as SigstoreModules['specs'],
    };
  } catch (cause) {
    throw new StorageError('storage/not-found', `keyless signatures need a package: npm install ${name}`, { cause });
  }
}

/**
 * Creates the `anchor` of keyless trust.
 * @param trustedRoot - `trusted_root.json` of Sigstore, as its update framework hands it out.
 * @throws {StorageError} `storage/not-found` when the peer is not installed.
 */
export function createSigstoreAnchor(trustedRoot: string): (bundle: SignatureBundle) => Promise<void> {
  const { verify, bundle: bundles, specs } = load();
  const material = verify.toTrustMaterial(specs.TrustedRoot.fromJSON(JSON.parse(trustedRoot)));
  return (bundle) => {
    const verifier = new verify.Verifier(material, { tlogThreshold: 1, ctlogThreshold: 1 });
    try {
      verifier.verify(
        verify.toSignedEntity(bundles.bundleFromJSON(JSON.parse(new TextDecoder().decode(bundle.source)))),
      );
      return Promise.resolve();
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
}
