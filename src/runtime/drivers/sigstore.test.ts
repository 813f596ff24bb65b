import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { type PackageVerdict, verifySignedFiles } from '../../trust/package/index.ts';
import { createSigstoreAnchor } from './sigstore.ts';

const folder = fileURLToPath(new URL('../../../../shared/vectors/model-signing/v1.1.0-sigstore/', import.meta.url));

/** Sigstore's trusted root, as the seeds of its own client carry it. */
function trustedRoot(): string {
  const seeds = JSON.parse(
    readFileSync(new URL('../../../node_modules/@sigstore/tuf/seeds.json', import.meta.url), 'utf8'),
  ) as Record<string, { targets: Record<string, string> }>;
  return Buffer.from(Object.values(seeds)[0]?.targets['trusted_root.json'] ?? '', 'base64').toString('utf8');
}

describe('keyless signatures', () => {
  if (!existsSync(folder)) {
    it.skip('skipped: vectors not present');
    return;
  }
  const verify = (root: string): Promise<PackageVerdict> =>
    verifySignedFiles(new Map(readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(folder + name))])), {
      at: new Date('2026-01-01T00:00:00Z'),
      trust: [
        {
          kind: 'keyless',
          identity: 'stefanb@us.ibm.com',
          issuer: 'https://sigstore.verify.ibm.com/oauth2',
          anchor: createSigstoreAnchor(root),
        },
      ],
    });

  it('lead to the trust root of Sigstore, and to no other', async () => {
    expect(await verify(trustedRoot())).toMatchObject({
      ok: true,
      signer: { kind: 'keyless', name: 'stefanb@us.ibm.com' },
    });
    const other = JSON.parse(trustedRoot()) as { certificateAuthorities: unknown[] };
    const verdict = await verify(JSON.stringify({ ...other, certificateAuthorities: [] }));
    expect(verdict).toMatchObject({ ok: false, problems: [{ code: 'package/untrusted-root' }] });
  });
});
