/**
 * The drivers through real device calls: `perl` as it runs in production, answered by a stand-in for the kernel that is
 * compiled against the kernel's own header, so that a wrong offset or pointer would show.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { decode, encode } from 'cborg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createNsmSource, createPerlIoctlPort, createSevGuestSource } from '../../src/runtime/drivers/index.ts';
import { vendorRoots, verifyEvidence } from '../../src/trust/attestation/index.ts';
import { NOW } from './generate/authority.ts';
import { createNitroWorld } from './generate/nitro.ts';
import { createSnpWorld } from './generate/snp.ts';

const ready = existsSync('/usr/include/linux/sev-guest.h') && existsSync('/usr/bin/gcc') && existsSync('/usr/bin/perl');
const source = fileURLToPath(new URL('sev-guest-device.c', import.meta.url));
const binding = {
  nonce: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(32).fill(2),
  taskPolicyDigest: new Uint8Array(32).fill(3),
  codeDigest: new Uint8Array(32).fill(4),
};
const request = { reportData: new Uint8Array(64).map((_, index) => index), tokenNonce: '', binding };

describe.skipIf(!ready)(
  `devices by the kernel's structures${ready ? '' : ' (skipped: gcc, perl or linux headers missing)'}`,
  () => {
    let folder: string;
    let command: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'sotto-device-'));
      execFileSync('gcc', ['-shared', '-fPIC', '-o', join(folder, 'device.so'), source, '-ldl']);
      // The port starts a command by name; this one starts perl behind the stand-in.
      command = join(folder, 'perl');
      const variables = ['RESPONSE', 'CERTIFICATES', 'ASKED'].map((name) => `${name}=${join(folder, name)}`).join(' ');
      writeFileSync(command, `#!/bin/sh\nexec env LD_PRELOAD=${join(folder, 'device.so')} ${variables} perl "$@"\n`, {
        mode: 0o755,
      });
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('/dev/sev-guest gives evidence that verifies', async () => {
      const world = await createSnpWorld();
      const report = await world.attest({ reportData: request.reportData });
      const response = new Uint8Array(4000);
      new DataView(response.buffer).setUint32(4, report.length, true);
      response.set(report, 32);
      const certificates = new Uint8Array(0x4000);
      const view = new DataView(certificates.buffer);
      [
        ['63da758de6644564adc5f4b93be8accd', world.leaf.der] as const,
        ['4ab7b379bbac4fe4a02f05aef327c782', world.ask.der] as const,
      ].forEach(([guid, der], index) => {
        const offset = 1000 + index * 4000;
        certificates.set(Buffer.from(guid, 'hex'), 24 * index);
        view.setUint32(24 * index + 16, offset, true);
        view.setUint32(24 * index + 20, der.length, true);
        certificates.set(der, offset);
      });
      writeFileSync(join(folder, 'RESPONSE'), response);
      writeFileSync(join(folder, 'CERTIFICATES'), certificates);
      const evidence = await createSevGuestSource({ port: createPerlIoctlPort(command), vmpl: 3 })(request);
      const asked = new Uint8Array(readFileSync(join(folder, 'ASKED')));
      expect(asked).toHaveLength(96);
      expect(asked.slice(0, 64)).toEqual(request.reportData);
      expect(asked.slice(64, 68)).toEqual(Uint8Array.of(3, 0, 0, 0));
      const verdict = await verifyEvidence(evidence, { roots: { ...vendorRoots(), ...world.roots }, at: NOW });
      expect(verdict.refusals).toEqual([]);
    });

    it('/dev/nsm gives evidence that verifies', async () => {
      const world = await createNitroWorld();
      const document = await world.attest({ userData: request.reportData });
      writeFileSync(join(folder, 'RESPONSE'), encode({ Attestation: { document } }));
      const evidence = await createNsmSource({ port: createPerlIoctlPort(command) })(request);
      const asked = decode(new Uint8Array(readFileSync(join(folder, 'ASKED')))) as {
        Attestation: Record<string, Uint8Array>;
      };
      expect(asked.Attestation['user_data']).toEqual(request.reportData);
      expect(asked.Attestation['nonce']).toEqual(binding.nonce);
      expect(asked.Attestation['public_key']).toEqual(binding.publicKey);
      const verdict = await verifyEvidence(evidence, { roots: { ...vendorRoots(), ...world.roots }, at: NOW });
      expect(verdict.refusals).toEqual([]);
    });
  },
);
