/** What goes with a device's evidence: the file that names certificates, collateral and reference values. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createKitSource, deviceOptionsOf, readEvidenceKit, readKitReferences } from '../../src/cli/evidence-kit.ts';
import { createTsmSource, type TsmFiles } from '../../src/runtime/drivers/index.ts';
import {
  type AttestationBinding,
  computeReportData,
  computeTokenNonce,
  type EvidenceRequest,
  signReferenceValues,
  vendorRoots,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';
import { encodePemCertificates } from '../../src/trust/attestation/text-encodings.ts';
import { createSigningKey, utf8 } from '../../src/foundations/crypto/index.ts';
import { createMemoryTileStore, logReferences, openLog } from '../../src/trust/log/index.ts';
import { NOW, revoke } from './generate/authority.ts';
import { createIntelWorld, type IntelWorld } from './generate/intel.ts';
import { createSnpWorld, type SnpWorld } from './generate/snp.ts';

let snp: SnpWorld;
let intel: IntelWorld;
beforeAll(async () => {
  [snp, intel] = await Promise.all([createSnpWorld(), createIntelWorld()]);
});

const binding: AttestationBinding = {
  nonce: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(32).fill(2),
  taskPolicyDigest: new Uint8Array(32).fill(3),
  codeDigest: new Uint8Array(32).fill(4),
};
const request: EvidenceRequest = {
  reportData: computeReportData(binding),
  tokenNonce: computeTokenNonce(binding),
  binding,
};
const verify = (evidence: Parameters<typeof verifyEvidence>[0]) =>
  verifyEvidence(evidence, { roots: { ...vendorRoots(), ...snp.roots, ...intel.roots }, at: NOW });
const usage = expect.objectContaining({ code: 'usage/invalid' }) as Error;
const deviceFailed = expect.objectContaining({ code: 'attestation/device-failed' }) as Error;

/** The kernel's interface of a host that hands out no certificates. */
function configfsOf(provider: string, report: (inblob: Uint8Array) => Promise<Uint8Array>): TsmFiles {
  let inblob: Uint8Array = new Uint8Array(0);
  let generation = 0;
  return {
    makeFolder: async () => undefined,
    removeFolder: async () => undefined,
    async write(path, bytes) {
      generation += 1;
      if (path.endsWith('inblob')) inblob = bytes;
    },
    async read(path) {
      if (path.endsWith('outblob')) return report(inblob);
      if (path.endsWith('provider')) return new Uint8Array(Buffer.from(`${provider}\n`));
      if (path.endsWith('generation')) return new Uint8Array(Buffer.from(`${generation}\n`));
      throw new Error('ENXIO');
    },
  };
}

describe('what goes with evidence, from a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-kit-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const put = (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content);

  it('makes SEV-SNP evidence whole where the host hands out nothing', async () => {
    const files = configfsOf('sev_guest', (inblob) => snp.attest({ reportData: inblob }));
    await expect(createTsmSource({ files })(request)).rejects.toThrow(deviceFailed);
    put('vcek.der', snp.leaf.der);
    put('chain.pem', encodePemCertificates([snp.ask.der, snp.ark.der]));
    put('crl.der', await revoke(snp.ark, []));
    put('kit.yaml', 'endorsement: vcek.der\nchain: chain.pem\ncrl: crl.der\nvmpl: 0\n');
    const kit = readEvidenceKit(join(folder, 'kit.yaml'));
    const verdict = await verify(await createTsmSource({ files, ...deviceOptionsOf(kit) })(request));
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result?.revocationChecked).toBe(true);
    // What is fetched again is used at once: a list that revokes the signing key is in the next answer.
    put('crl.der', await revoke(snp.ark, [snp.ask.serial]));
    const later = await verify(await createTsmSource({ files, ...deviceOptionsOf(kit) })(request));
    expect(later.refusals.map(({ code }) => code)).toEqual(['attestation/certificate-revoked']);
  });

  it('rates TDX evidence by the collateral that it names, and carries reference values', async () => {
    const files = configfsOf('tdx_guest', (inblob) => intel.attest({ reportData: inblob }));
    put('collateral.json', await intel.collateralText());
    const publisher = createSigningKey(new Uint8Array(32).fill(5));
    const values = signReferenceValues(utf8('{}'), publisher);
    const log = await openLog({ store: createMemoryTileStore(), origin: 'log.example', key: publisher });
    put('values.json', values);
    put('values.proof', await logReferences(values, { log, time: NOW }));
    put('tdx.yaml', 'collateral: collateral.json\nreferences: [{ file: values.json, receipt: values.proof }]\n');
    const kit = readEvidenceKit(join(folder, 'tdx.yaml'));
    const { result } = await verify(await createTsmSource({ files, ...deviceOptionsOf(kit) })(request));
    expect(result).toMatchObject({ tcbStatus: 'UpToDate', revocationChecked: true });
    expect(readKitReferences(kit)).toMatchObject([{ kind: 'dsse', receipt: expect.any(Uint8Array) as Uint8Array }]);
  });

  it('that breaks while the coordinator runs fails a challenge, and names no file to whoever asked', async () => {
    put('breaking.der', await revoke(snp.ark, []));
    put('breaking.yaml', 'crl: breaking.der\n');
    const source = createKitSource(readEvidenceKit(join(folder, 'breaking.yaml')), (path) => path.includes('tsm'));
    put('breaking.der', 'half a li');
    await expect(source(request)).rejects.toThrow(deviceFailed);
    await expect(source(request)).rejects.not.toThrow('breaking');
  });

  it('is looked at when the source is made: a missing device or file is said at the start', () => {
    put('lost.yaml', 'endorsement: lost.der\n');
    const kit = readEvidenceKit(join(folder, 'lost.yaml'));
    expect(() => createKitSource(kit, () => true)).toThrow('lost.der cannot be read');
    // A kit is no way to make other files part of the evidence.
    put('secret', 'PRIVATE KEY');
    for (const field of ['endorsement', 'chain', 'crl', 'collateral']) {
      put('wrong.yaml', `${field}: secret\n`);
      const wrong = readEvidenceKit(join(folder, 'wrong.yaml'));
      expect(() => createKitSource(wrong, () => true)).toThrow(usage);
    }
    put('other.json', '{}');
    for (const [file, receipt] of [
      ['secret', 'values.proof'],
      ['other.json', 'values.proof'],
      ['values.json', 'secret'],
    ]) {
      put('wrong.yaml', `references: [{ file: ${file}, receipt: ${receipt} }]\n`);
      const wrong = readEvidenceKit(join(folder, 'wrong.yaml'));
      expect(() => readKitReferences(wrong)).toThrow(usage);
    }
    expect(() => createKitSource({ references: [] }, () => false)).toThrow('cannot prove what it runs');
    expect(() => createKitSource(undefined, () => false)).toThrow('cannot prove what it runs');
  });
});
