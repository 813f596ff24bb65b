/**
 * Drivers answered with what real machines made: reports, quotes and documents of real hardware in the frames in which the
 * kernel hands them over. What comes out is that evidence, byte for byte, and verifies under the vendors' own roots.
 */
import { decode, encode } from 'cborg';
import { describe, expect, it } from 'vitest';

import {
  createNsmSource,
  createSevGuestSource,
  createTsmSource,
  type TsmFiles,
} from '../../src/runtime/drivers/index.ts';
import {
  computeReportData,
  computeTokenNonce,
  decodePemCertificates,
  type EvidenceRequest,
  vendorRoots,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';
import { sampleBytes, sampleEvidence, samplesPresent, sampleText, skipNote } from './samples.ts';

const binding = {
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
const GUIDS = {
  vcek: '8d75da6364e66445adc5f4b93be8accd',
  ask: '79b3b74aacbbe44fa02f05aef327c782',
  ark: 'a406b4c003a8524997433fb6014cd0ae',
} as const;

/** The table that a host hands out, in the kernel's order of the GUIDs. */
function tableOf(certificates: Readonly<Record<keyof typeof GUIDS, Uint8Array>>): Uint8Array {
  const table = new Uint8Array(0x4000);
  const view = new DataView(table.buffer);
  let offset = 24 * 4;
  for (const [index, [name, guid]] of Object.entries(GUIDS).entries()) {
    const der = certificates[name as keyof typeof GUIDS];
    table.set(Buffer.from(guid, 'hex'), 24 * index);
    view.setUint32(24 * index + 16, offset, true);
    view.setUint32(24 * index + 20, der.length, true);
    table.set(der, offset);
    offset += der.length;
  }
  return table;
}

const filesOf = (answers: Readonly<Record<string, Uint8Array | string>>): TsmFiles => {
  let generation = 0;
  return {
    makeFolder: async () => undefined,
    removeFolder: async () => undefined,
    write: async () => void (generation += 1),
    async read(path) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const answer = name === 'generation' ? String(generation) : answers[name];
      if (answer === undefined) throw new Error('ENXIO');
      return new Uint8Array(typeof answer === 'string' ? Buffer.from(`${answer}\n`) : answer);
    },
  };
};
const certificates = () => {
  const [vcek] = decodePemCertificates(sampleText('snp/gcp-x25519-vcek.pem'), 'vcek') as [Uint8Array];
  const [ask, ark] = decodePemCertificates(sampleText('snp/gcp-x25519-chain.pem'), 'chain') as [Uint8Array, Uint8Array];
  return { vcek, ask, ark };
};
const refusalsOf = async (evidence: Parameters<typeof verifyEvidence>[0], name: string) =>
  (await verifyEvidence(evidence, { roots: vendorRoots(), at: sampleEvidence(name).at })).refusals;

describe.skipIf(!samplesPresent)(`evidence of real machines through the drivers${skipNote}`, () => {
  it('/dev/sev-guest', async () => {
    const report = sampleBytes('snp/gcp-x25519-report.bin');
    const response = new Uint8Array(4000);
    new DataView(response.buffer).setUint32(4, report.length, true);
    response.set(report, 32);
    const evidence = await createSevGuestSource({
      port: async ({ argument, buffers }) => ({
        errno: 0,
        argument,
        buffers: [buffers[0] as Uint8Array, response, tableOf(certificates())],
      }),
    })(request);
    expect(evidence).toMatchObject({ kind: 'sev-snp', report });
    expect(await refusalsOf(evidence, 'gcp-x25519')).toEqual([]);
  });

  it('configfs-tsm of an SNP guest, and of a trust domain', async () => {
    const outblob = sampleBytes('snp/gcp-x25519-report.bin');
    const snp = filesOf({ provider: 'sev_guest', outblob, auxblob: tableOf(certificates()) });
    expect(await refusalsOf(await createTsmSource({ files: snp })(request), 'gcp-x25519')).toEqual([]);
    const tdx = filesOf({ provider: 'tdx_guest', outblob: sampleBytes('tdx/phala-v4-quote.bin') });
    const collateral = async () => sampleText('tdx/phala-v4-collateral.json');
    const evidence = await createTsmSource({ files: tdx, collateral })(request);
    expect(evidence).toEqual(sampleEvidence('phala-v4').evidence);
    expect(await refusalsOf(evidence, 'phala-v4')).toEqual([]);
  });

  it('/dev/nsm', async () => {
    const document = sampleBytes('nitro/evervault-debug.cbor');
    const evidence = await createNsmSource({
      async port({ argument, buffers }) {
        const message = decode(buffers[0] as Uint8Array) as { Attestation: Record<string, Uint8Array> };
        expect(message.Attestation['user_data']).toEqual(request.reportData);
        const bytes = encode({ Attestation: { document } });
        const response = (buffers[1] as Uint8Array).slice();
        response.set(bytes);
        const after = argument.slice();
        new DataView(after.buffer).setBigUint64(24, BigInt(bytes.length), true);
        return { errno: 0, argument: after, buffers: [buffers[0] as Uint8Array, response] };
      },
    })(request);
    expect(evidence).toEqual({ kind: 'nitro', document });
    expect(await refusalsOf(evidence, 'evervault-debug')).toEqual([]);
  });
});
