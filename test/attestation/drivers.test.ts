/**
 * Drivers of evidence devices against recorded exchanges: each request byte for byte, each answer as the kernel gives it.
 * The exchanges are put together from the kernel's structures and evidence of our own; none was recorded on our hardware.
 */
import { createServer } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { decode, encode } from 'cborg';
import { beforeAll, describe, expect, it } from 'vitest';

import { createSeededRng } from '../../src/foundations/random/index.ts';
import {
  answerChallenge,
  type AttestationBinding,
  computeReportData,
  computeTokenNonce,
  createSealingKey,
  type EvidenceRequest,
  vendorRoots,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';
import {
  createConfidentialSpaceSource,
  createEvidenceSource,
  createInsecureSimulatedSource,
  createNsmSource,
  createPerlIoctlPort,
  createSevGuestSource,
  createTsmSource,
  type IoctlPort,
  type IoctlRequest,
  listEvidenceDevices,
  readCertificateTable,
  type TsmFiles,
} from '../../src/runtime/drivers/index.ts';
import { NOW } from './generate/authority.ts';
import { createIntelWorld, type IntelWorld } from './generate/intel.ts';
import { createNitroWorld, type NitroWorld } from './generate/nitro.ts';
import { createSnpWorld, type SnpWorld } from './generate/snp.ts';

let snp: SnpWorld;
let intel: IntelWorld;
let nitro: NitroWorld;
beforeAll(async () => {
  [snp, intel, nitro] = await Promise.all([createSnpWorld(), createIntelWorld(), createNitroWorld()]);
});

const binding: AttestationBinding = {
  nonce: new Uint8Array(32).fill(1),
  publicKey: new Uint8Array(32).fill(2),
  taskPolicyDigest: new Uint8Array(32).fill(3),
  codeDigest: new Uint8Array(32).fill(4),
};
const reportData = computeReportData(binding);
const request: EvidenceRequest = { reportData, tokenNonce: computeTokenNonce(binding), binding };
const verify = (evidence: Parameters<typeof verifyEvidence>[0]) =>
  verifyEvidence(evidence, { roots: { ...vendorRoots(), ...snp.roots, ...intel.roots, ...nitro.roots }, at: NOW });
const deviceFailed = expect.objectContaining({ code: 'attestation/device-failed' }) as Error;
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

// GUIDs of the table in the kernel's order: first three fields little-endian.
const GUIDS = {
  vcek: '8d75da6364e66445adc5f4b93be8accd',
  ask: '79b3b74aacbbe44fa02f05aef327c782',
  ark: 'a406b4c003a85249974 33fb6014cd0ae'.replace(' ', ''),
} as const;

function certificateTable(entries: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const table = new Uint8Array(0x4000);
  const view = new DataView(table.buffer);
  let offset = 24 * (entries.length + 1);
  entries.forEach(([guid, der], index) => {
    table.set(Buffer.from(guid, 'hex'), 24 * index);
    view.setUint32(24 * index + 16, offset, true);
    view.setUint32(24 * index + 20, der.length, true);
    table.set(der, offset);
    offset += der.length;
  });
  return table;
}
const hostTable = () =>
  certificateTable([
    ['63da758de6644564adc5f4b93be8accd', snp.leaf.der],
    [GUIDS.ask, snp.ask.der],
    [GUIDS.ark, snp.ark.der],
  ]);

/** MSG_REPORT_RSP inside struct snp_report_resp. */
function reportResponse(report: Uint8Array, status = 0): Uint8Array {
  const response = new Uint8Array(4000);
  const view = new DataView(response.buffer);
  view.setUint32(0, status, true);
  view.setUint32(4, report.length, true);
  response.set(report, 32);
  return response;
}

/** Plays one recorded answer a call, and keeps what was asked. */
function player(answers: readonly ((request: IoctlRequest) => Promise<Partial<Awaited<ReturnType<IoctlPort>>>>)[]) {
  const asked: IoctlRequest[] = [];
  const port: IoctlPort = async (call) => {
    const answer = answers[asked.length];
    asked.push(call);
    if (answer === undefined) throw new Error('one call too many');
    return { errno: 0, argument: call.argument, buffers: call.buffers, ...(await answer(call)) };
  };
  return { asked, port };
}

describe('/dev/sev-guest', () => {
  it('is asked for the extended report, and its evidence verifies', async () => {
    const { asked, port } = player([
      async ({ buffers }) => {
        const report = await snp.attest({ reportData: (buffers[0] as Uint8Array).slice(0, 64) });
        return { buffers: [buffers[0] as Uint8Array, reportResponse(report), hostTable()] };
      },
    ]);
    const evidence = await createSevGuestSource({ port, vmpl: 0 })(request);
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      device: '/dev/sev-guest',
      code: 0xc0205302,
      pointers: [
        { into: 0, offset: 96, to: 2 },
        { into: 'argument', offset: 8, to: 0 },
        { into: 'argument', offset: 16, to: 1 },
      ],
    });
    expect(hex(asked[0]?.argument)).toBe(`01${'00'.repeat(31)}`);
    // user data, VMPL, reserved, address of the certificates, their length (16 KiB), padding
    expect(hex(asked[0]?.buffers[0])).toBe(`${hex(reportData)}${'00'.repeat(32)}${'00'.repeat(8)}0040000000000000`);
    expect(asked[0]?.buffers.map(({ length }) => length)).toEqual([112, 4000, 0x4000]);
    const verdict = await verify(evidence);
    expect(verdict.refusals).toEqual([]);
    expect(verdict.result?.reportData).toBe(hex(reportData));
  });

  it('is asked for the plain report when the host knows no other and certificates are at hand', async () => {
    const { asked, port } = player([
      async () => ({ errno: 25 }),
      async ({ buffers }) => ({
        buffers: [buffers[0] as Uint8Array, reportResponse(await snp.attest({ reportData, vmpl: 2 }))],
      }),
    ]);
    const { endorsement, chain } = snp.collateral;
    const certificates = { endorsement, ...(chain ? { chain } : {}) };
    const evidence = await createSevGuestSource({ port, vmpl: 2, certificates })(request);
    expect(asked.map(({ code }) => code)).toEqual([0xc0205302, 0xc0205300]);
    expect(hex(asked[1]?.buffers[0])).toBe(`${hex(reportData)}02000000${'00'.repeat(28)}`);
    expect((await verify(evidence)).refusals).toEqual([]);
  });

  it('that fails is named, with the errors of firmware and hypervisor', async () => {
    const argument = new Uint8Array(32);
    argument[24] = 3;
    argument[28] = 1;
    const failing = player([async () => ({ errno: 5, argument })]);
    await expect(createSevGuestSource({ port: failing.port })(request)).rejects.toThrow(
      /sev-guest: EIO, firmware error 3, hypervisor error 1/,
    );
    const refusing = player([
      async ({ buffers }) => ({
        buffers: [buffers[0] as Uint8Array, reportResponse(new Uint8Array(1184), 22), hostTable()],
      }),
    ]);
    await expect(createSevGuestSource({ port: refusing.port })(request)).rejects.toThrow('status 22');
  });

  it('whose host hands out no endorsement key needs one of ours', async () => {
    const { port } = player([
      async ({ buffers }) => ({
        buffers: [buffers[0] as Uint8Array, reportResponse(await snp.attest({ reportData })), new Uint8Array(0x4000)],
      }),
    ]);
    await expect(createSevGuestSource({ port })(request)).rejects.toThrow('hands out no VCEK');
  });

  it('has a table of certificates whose GUIDs stand in either order', () => {
    const text = { vcek: '63da758de6644564adc5f4b93be8accd', ask: '4ab7b379bbac4fe4a02f05aef327c782' };
    for (const guids of [text, GUIDS]) {
      const table = readCertificateTable(
        certificateTable([
          [guids.vcek, snp.leaf.der],
          [guids.ask, snp.ask.der],
        ]),
      );
      expect(table).toEqual({ vcek: snp.leaf.der, ask: snp.ask.der });
    }
  });

  it('has a table of certificates that cannot point outside of itself', () => {
    const table = certificateTable([[GUIDS.vcek, Uint8Array.of(1, 2, 3)]]);
    expect(readCertificateTable(certificateTable([[GUIDS.ask, Uint8Array.of(9)]]))).toEqual({ ask: Uint8Array.of(9) });
    expect(readCertificateTable(certificateTable([['00112233445566778899aabbccddeeff', Uint8Array.of(9)]]))).toEqual(
      {},
    );
    expect(readCertificateTable(new Uint8Array(0))).toEqual({});
    new DataView(table.buffer).setUint32(20, 0x4000, true);
    expect(() => readCertificateTable(table)).toThrow(deviceFailed);
  });
});

/** configfs-tsm as the kernel behaves: a folder has attributes, each write counts. */
function createConfigfs(provider: string, answer: (inblob: Uint8Array) => Promise<Uint8Array>, auxblob?: Uint8Array) {
  const log: string[] = [];
  let generation = 0;
  let inblob = new Uint8Array(0);
  let foreignWrites = 0;
  const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
  const files: TsmFiles = {
    makeFolder: async (path) => void log.push(`mkdir ${name(path).replace(/\d+-\d+$/, 'N')}`),
    removeFolder: async () => void log.push('rmdir'),
    async write(path, bytes) {
      generation += 1;
      if (name(path) === 'inblob') inblob = Uint8Array.from(bytes);
      log.push(`write ${name(path)} ${name(path) === 'inblob' ? bytes.length : Buffer.from(bytes).toString()}`);
    },
    async read(path) {
      log.push(`read ${name(path)}`);
      switch (name(path)) {
        case 'generation':
          return Buffer.from(`${generation}\n`);
        case 'provider':
          return Buffer.from(`${provider}\n`);
        case 'outblob':
          if (foreignWrites > 0) {
            foreignWrites -= 1;
            generation += 1;
          }
          return answer(inblob);
        default:
          if (auxblob === undefined) throw new Error('ENXIO');
          return auxblob;
      }
    },
  };
  return { files, log, disturb: (times: number) => (foreignWrites = times) };
}

describe('configfs-tsm', () => {
  it('yields SEV-SNP evidence that verifies', async () => {
    const { files, log } = createConfigfs('sev_guest', (inblob) => snp.attest({ reportData: inblob }), hostTable());
    const evidence = await createTsmSource({ files, vmpl: 0 })(request);
    expect((await verify(evidence)).refusals).toEqual([]);
    expect(log).toEqual([
      'mkdir sotto-N',
      'read generation',
      'write inblob 64',
      'write privlevel 0',
      'read outblob',
      'read provider',
      'read auxblob',
      'read generation',
      'rmdir',
    ]);
  });

  it('yields TDX evidence that verifies, with collateral', async () => {
    const { files } = createConfigfs('tdx_guest', (inblob) => intel.attest({ reportData: inblob }));
    const evidence = await createTsmSource({ files, collateral: () => intel.collateralText() })(request);
    const { refusals, result } = await verify(evidence);
    expect(refusals).toEqual([]);
    expect(result).toMatchObject({ tee: 'tdx', tcbStatus: 'UpToDate', reportData: hex(reportData) });
  });

  it('asks again when another process wrote in between, and gives up in the end', async () => {
    const tdx = createConfigfs('tdx_guest', (inblob) => intel.attest({ reportData: inblob }));
    tdx.disturb(2);
    expect((await verify(await createTsmSource({ files: tdx.files })(request))).ok).toBe(true);
    tdx.disturb(3);
    await expect(createTsmSource({ files: tdx.files })(request)).rejects.toThrow('three times over');
    expect(tdx.log.at(-1)).toBe('rmdir');
  });

  it('of another provider, or not there, is refused', async () => {
    const { files } = createConfigfs('arm_cca_guest', async () => new Uint8Array(1));
    await expect(createTsmSource({ files })(request)).rejects.toThrow('arm_cca_guest is not supported');
    await expect(createTsmSource({ root: '/nowhere/tsm/report' })(request)).rejects.toThrow(deviceFailed);
  });
});

describe('/dev/nsm', () => {
  const play = (respond: (message: Map<string, Map<string, Uint8Array>>) => Promise<unknown>) =>
    player([
      async ({ argument, buffers }) => {
        const bytes = encode(await respond(decode(buffers[0] as Uint8Array, { useMaps: true }) as never));
        const response = (buffers[1] as Uint8Array).slice();
        response.set(bytes);
        const after = argument.slice();
        new DataView(after.buffer).setBigUint64(24, BigInt(bytes.length), true);
        return { argument: after, buffers: [buffers[0] as Uint8Array, response] };
      },
    ]);

  it('is asked with data, nonce and key, and its evidence verifies', async () => {
    const { asked, port } = play(async (message) => {
      const fields = message.get('Attestation') as Map<string, Uint8Array>;
      const document = await nitro.attest({
        userData: fields.get('user_data') as Uint8Array,
        nonce: fields.get('nonce') as Uint8Array,
        publicKey: fields.get('public_key') as Uint8Array,
      });
      return { Attestation: { document } };
    });
    const { refusals, result } = await verify(await createNsmSource({ port })(request));
    expect(refusals).toEqual([]);
    expect(result).toMatchObject({
      reportData: hex(reportData),
      nonce: hex(binding.nonce),
      publicKey: hex(binding.publicKey),
    });
    expect(asked[0]).toMatchObject({
      device: '/dev/nsm',
      code: 0xc0200a00,
      pointers: [
        { into: 'argument', offset: 0, to: 0 },
        { into: 'argument', offset: 16, to: 1 },
      ],
    });
    const length = asked[0]?.buffers[0]?.length ?? 0;
    expect(hex(asked[0]?.argument)).toBe(
      `${'00'.repeat(8)}${length.toString(16).padStart(2, '0')}${'00'.repeat(7)}${'00'.repeat(8)}00300000${'00'.repeat(4)}`,
    );
  });

  it('that answers with an error, or nonsense, is named', async () => {
    await expect(
      createNsmSource({ port: play(async () => ({ Error: 'InvalidArgument' })).port })(request),
    ).rejects.toThrow('InvalidArgument');
    await expect(createNsmSource({ port: play(async () => 'Busy').port })(request)).rejects.toThrow('Busy');
    await expect(createNsmSource({ port: play(async () => ({ Attestation: {} })).port })(request)).rejects.toThrow(
      'no document',
    );
    const raw = player([async () => ({})]);
    await expect(createNsmSource({ port: raw.port })(request)).rejects.toThrow(deviceFailed);
  });
});

describe('the socket of Confidential Space', () => {
  it('is asked for a token with our nonce', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-cs-'));
    const socketPath = join(folder, 'teeserver.sock');
    const seen: string[] = [];
    const server = createServer((incoming, response) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => {
        seen.push(`${incoming.method ?? ''} ${incoming.url ?? ''} ${body}`);
        response.statusCode = seen.length === 1 ? 200 : 500;
        response.end('a.b.c\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    try {
      const source = createConfidentialSpaceSource({ socketPath, audience: 'https://sotto.example' });
      expect(await source(request)).toEqual({ kind: 'gcp-confidential-space', token: 'a.b.c' });
      expect(seen).toEqual([
        `POST /v1/token {"audience":"https://sotto.example","token_type":"OIDC","nonces":["${computeTokenNonce(binding)}"]}`,
      ]);
      await expect(source(request)).rejects.toThrow('status 500');
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
    await expect(createConfidentialSpaceSource({ socketPath, audience: 'x' })(request)).rejects.toThrow(deviceFailed);
  });
});

describe('device control by perl', () => {
  it.skipIf(process.platform !== 'linux')('makes real calls', async () => {
    // TIOCGPTN: the number of the pseudo terminal that opening the multiplexer made.
    const port = createPerlIoctlPort();
    const call = { code: 0x80045430, argument: new Uint8Array(4).fill(0xff), buffers: [], pointers: [] };
    const { errno, argument } = await port({ ...call, device: '/dev/ptmx' });
    expect(errno).toBe(0);
    expect(new DataView(argument.buffer, argument.byteOffset).getUint32(0, true)).toBeLessThan(100_000);
    expect((await port({ ...call, device: '/dev/null' })).errno).toBe(25);
    expect((await port({ ...call, device: '/dev/no-such-device' })).errno).toBe(2);
  });

  it('that is not there is named', async () => {
    const port = createPerlIoctlPort('/no/such/perl');
    const call = { device: '/dev/null', code: 0, argument: new Uint8Array(0), buffers: [], pointers: [] };
    await expect(port(call)).rejects.toThrow('cannot be started');
  });
});

describe('the choice of a device', () => {
  it('prefers the common interface, and never simulates', () => {
    const there = (...paths: readonly string[]) => listEvidenceDevices((path) => paths.includes(path));
    expect(there('/dev/sev-guest', '/sys/kernel/config/tsm/report')).toEqual(['configfs-tsm', 'sev-guest']);
    expect(there('/dev/nsm')).toEqual(['nsm']);
    expect(() => createEvidenceSource({}, () => false)).toThrow('cannot prove what it runs');
    for (const path of ['/dev/sev-guest', '/dev/nsm', '/sys/kernel/config/tsm/report']) {
      expect(createEvidenceSource({}, (asked) => asked === path)).toBeTypeOf('function');
    }
  });
});

describe('the simulated device', () => {
  it('warns at once and with every piece of evidence', async () => {
    const warnings: string[] = [];
    const source = createInsecureSimulatedSource(
      { measurement: 'aa'.repeat(48) },
      { warn: (message) => warnings.push(message), clock: () => NOW },
    );
    const { publicKey } = await createSealingKey(createSeededRng('key'));
    await answerChallenge(new Uint8Array(32), {
      source,
      publicKey,
      taskPolicyDigest: new Uint8Array(32),
      codeDigest: new Uint8Array(32),
    });
    expect(warnings).toHaveLength(2);
    expect(warnings.every((warning) => warning.startsWith('SIMULATED'))).toBe(true);
  });
});
