/** The command `sotto attest`. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { createAttestCommand } from '../../src/cli/attest.ts';
import { toHex } from '../../src/foundations/crypto/index.ts';
import { computeCodeDigest } from '../../src/runtime/coordinator/index.ts';
import { computeReportData, encodeEvidence } from '../../src/trust/attestation/index.ts';
import { samplesPresent, skipNote } from './samples.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-attest-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...words: readonly string[]) {
  const printed: string[] = [];
  const warned: string[] = [];
  let exitCode = 0;
  const command = createAttestCommand({
    print: (text) => printed.push(text),
    warn: (text) => warned.push(text),
    setExitCode: (code) => (exitCode = code),
    now: () => new Date('2026-03-01T12:00:00Z'),
  });
  for (const one of [command, ...command.commands]) one.configureOutput({ writeErr: () => undefined }).exitOverride();
  await command.parseAsync(words, { from: 'user' });
  return { text: printed.join('\n'), warned, exitCode };
}
const verify = async (...words: readonly string[]) => {
  const { text, exitCode } = await run('verify', '--json', ...words);
  return {
    exitCode,
    ...(JSON.parse(text) as {
      ok: boolean;
      matched: string | null;
      result: Record<string, unknown>;
      refusals: { code: string }[];
    }),
  };
};
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const sample = (path: string): string =>
  fileURLToPath(new URL(`../../../shared/vectors/attestation/${path}`, import.meta.url));
const usage = expect.objectContaining({ code: 'usage/invalid' }) as Error;

describe.skipIf(!samplesPresent)(`sotto attest verify${skipNote}`, () => {
  it('verifies bare evidence of every vendor', async () => {
    const snp = await verify(
      sample('snp/milan-v2-report.bin'),
      '--endorsement',
      sample('snp/milan-v2-vcek.der'),
      '--chain',
      sample('snp/ask_ark_milan.pem'),
    );
    expect(snp).toMatchObject({ exitCode: 0, ok: true, result: { tee: 'sev-snp', debug: true, vendorChainOk: true } });
    const withoutChain = await verify(
      sample('snp/milan-v2-report.bin'),
      '--endorsement',
      sample('snp/milan-v2-vcek.der'),
    );
    expect(withoutChain.ok).toBe(true);
    const tdx = await verify(
      sample('tdx/phala-v4-quote.bin'),
      '--collateral',
      sample('tdx/phala-v4-collateral.json'),
      '--at',
      '2025-07-01T00:00:00Z',
    );
    expect(tdx).toMatchObject({ ok: true, result: { tee: 'tdx', tcbStatus: 'UpToDate' } });
    expect(await verify(sample('tdx/google-v5-quote.bin'))).toMatchObject({
      ok: true,
      result: { tcbStatus: 'Unknown' },
    });
    const at = ['--at', '2024-09-07T14:37:39.545Z'];
    expect(await verify(sample('nitro/blocky-prod.b64'), ...at)).toMatchObject({ ok: true, result: { tee: 'nitro' } });
  });

  it('ends with 1 and the reason when evidence does not hold', async () => {
    const expired = await verify(sample('nitro/blocky-prod.b64'));
    expect(expired).toMatchObject({ exitCode: 1, ok: false, refusals: [{ code: 'attestation/certificate-expired' }] });
    const forged = await verify(sample('nitro/selfsigned-must-fail.b64'));
    expect(forged).toMatchObject({ exitCode: 1, ok: false, refusals: [{ code: 'attestation/untrusted-root' }] });
    const stray = await verify(sample('snp/gcp-x25519-report.bin'), '--endorsement', sample('snp/milan-v2-vcek.der'));
    expect(stray.refusals).toMatchObject([{ code: 'attestation/signature-invalid' }]);
  });

  it('applies a policy from YAML', async () => {
    const policy = file('policy.yaml', 'tees: [nitro]\nbinding: none\nmaxAgeSeconds: 3600\n');
    const debug = await verify(
      sample('nitro/evervault-debug.cbor'),
      '--policy',
      policy,
      '--at',
      '2022-10-12T14:00:00Z',
    );
    expect(debug).toMatchObject({ exitCode: 1, refusals: [{ code: 'attestation/debug-forbidden' }] });
  });

  it('checks a nonce, and a key bound with it', async () => {
    const words = [sample('snp/gcp-x25519-report.bin'), '--endorsement', sample('snp/gcp-x25519-vcek.pem')];
    const nonce = 'df82306ff38a9da023854af947d02a878cfab1b40a793823ff41dc51213b96aa';
    const key = '03a8107030fabeac06b0df4ef865763918b5e2a9fa030e20025a4315dab4b2a6';
    expect(await verify(...words, '--nonce', nonce, '--public-key', key)).toMatchObject({ exitCode: 0, ok: true });
    expect(await verify(...words, '--nonce', key, '--public-key', nonce)).toMatchObject({
      exitCode: 1,
      refusals: [{ code: 'attestation/binding-mismatch' }],
    });
    expect(await verify(...words, '--nonce', nonce)).toMatchObject({
      refusals: [{ code: 'attestation/nonce-mismatch' }],
    });
  });

  it('lets no given part pass unseen: with a policy that binds nothing, with none, or half given', async () => {
    const words = [sample('snp/gcp-x25519-report.bin'), '--endorsement', sample('snp/gcp-x25519-vcek.pem')];
    const nonce = 'df82306ff38a9da023854af947d02a878cfab1b40a793823ff41dc51213b96aa';
    const key = '03a8107030fabeac06b0df4ef865763918b5e2a9fa030e20025a4315dab4b2a6';
    const other = '00'.repeat(32);
    const lax = file('lax.yaml', 'tees: [sev-snp]\nbinding: none\nmaximumVmpl: 1\nrequireRevocationCheck: false\n');
    expect(await verify(...words, '--policy', lax)).toMatchObject({ exitCode: 0 });
    expect(await verify(...words, '--policy', lax, '--nonce', nonce, '--public-key', key)).toMatchObject({
      exitCode: 0,
    });
    expect(await verify(...words, '--policy', lax, '--nonce', other, '--public-key', key)).toMatchObject({
      exitCode: 1,
      refusals: [{ code: 'attestation/binding-mismatch' }],
    });
    expect(await verify(...words, '--policy', lax, '--nonce', nonce)).toMatchObject({
      exitCode: 1,
      refusals: [{ code: 'attestation/nonce-mismatch' }],
    });
    const all = ['--nonce', nonce, '--public-key', key, '--task-policy', other, '--code', other];
    for (const given of [all, ['--policy', lax, ...all]]) {
      expect(await verify(...words, ...given)).toMatchObject({
        exitCode: 1,
        refusals: [{ code: 'attestation/binding-mismatch' }],
      });
    }
    await expect(run('verify', ...words, '--public-key', key)).rejects.toThrow('--nonce: give both');
    await expect(run('verify', ...words, '--nonce', nonce, '--code', other)).rejects.toThrow('give all four');
    const plain = file('plain.yaml', 'tees: [sev-snp]\nbinding: nonce\nmaximumVmpl: 1\n');
    await expect(run('verify', ...words, '--policy', plain, '--nonce', nonce, '--public-key', key)).rejects.toThrow(
      'does not look at all that was given',
    );
  });

  it('prints for people', async () => {
    const { text } = await run('verify', sample('nitro/evervault-debug.cbor'), '--at', '2022-10-12T14:00:00Z');
    expect(text).toContain('verified');
    expect(text).toContain('YES: the operator can read the memory');
    expect(text).toContain('no policy given');
  });
});

describe('sotto attest', () => {
  const hex = (byte: number, length = 32) => byte.toString(16).padStart(2, '0').repeat(length);
  const binding = ['--nonce', hex(1), '--public-key', hex(2), '--task-policy', hex(3), '--code', hex(4)];
  const policyText = JSON.stringify({
    tees: ['simulated'],
    measurements: [{ measurement: hex(0xaa, 48) }],
    codeDigests: [hex(4)],
  });

  it('makes simulated evidence and verifies it, by explicit option and with a warning each time', async () => {
    const out = join(folder, 'evidence.json');
    const made = await run('evidence', ...binding, '--out', out, '--insecure-simulated-attestation', hex(0xaa, 48));
    expect(made.warned.every((warning) => warning.startsWith('SIMULATED'))).toBe(true);
    expect(made.warned.length).toBeGreaterThan(0);
    expect(await verify(out)).toMatchObject({ exitCode: 1, refusals: [{ code: 'attestation/untrusted-root' }] });
    const policy = file('simulated.json', policyText);
    const option = '--insecure-simulated-attestation';
    const { text, warned, exitCode } = await run('verify', out, '--policy', policy, ...binding, option);
    expect(exitCode).toBe(0);
    expect(warned).toHaveLength(1);
    expect(text.split('\n').every((line) => line.startsWith('[SIMULATED]'))).toBe(true);
    expect(await verify(out, '--policy', policy, ...binding, option)).toMatchObject({
      ok: true,
      insecureSimulated: true,
    });
    const other = await verify(out, '--policy', policy, ...binding.with(1, hex(9)), option);
    expect(other).toMatchObject({ ok: false, refusals: [{ code: 'attestation/binding-mismatch' }] });
    await expect(run('verify', out, '--policy', policy)).rejects.toThrow('--insecure-simulated-attestation');
  });

  it('publishes reference values, and verifies against them by the receipt of their log', async () => {
    const values = file(
      'values.json',
      JSON.stringify({
        sotto: 'reference-values/1',
        id: 'aggregator 1.4.0',
        values: [{ tee: 'simulated', measurements: { measurement: hex(0xaa, 48) }, codeDigest: hex(4) }],
      }),
    );
    const out = join(folder, 'published.json');
    const keys = ['--key', join(folder, 'publisher.key'), '--log-key', join(folder, 'log.key')];
    const publish = ['publish', values, ...keys, '--log', join(folder, 'log'), '--out', out];
    const { text } = await run(...publish);
    expect(JSON.parse((await run(...publish, '--json')).text)).toEqual({
      file: out,
      receipt: `${out}.tlog-proof`,
      ...(parse(text) as object),
    });
    const policy = file('pinned.yaml', `tees: [simulated]\n${text}\n`);
    const evidence = join(folder, 'referenced.json');
    const option = '--insecure-simulated-attestation';
    const made = await run('evidence', ...binding, '--out', evidence, option, hex(0xaa, 48), '--json');
    expect(JSON.parse(made.text)).toEqual({ file: evidence, sizeBytes: statSync(evidence).size });
    const words = [evidence, '--policy', policy, ...binding, option];
    const receipt = ['--reference', out, '--receipt', `${out}.tlog-proof`];
    expect(await verify(...words, ...receipt)).toMatchObject({
      ok: true,
      matched: 'releases: aggregator 1.4.0',
    });
    expect(await verify(...words, '--reference', out)).toMatchObject({
      ok: false,
      refusals: [{ code: 'attestation/reference-not-logged' }],
    });
    // Another log with another key, of the same name.
    const forked = join(folder, 'forked.json');
    const elsewhere = ['--log', join(folder, 'log-2'), '--log-key', join(folder, 'log-2.key'), '--out', forked];
    await run('publish', values, ...keys, ...elsewhere);
    expect(await verify(...words, '--reference', forked, '--receipt', `${forked}.tlog-proof`)).toMatchObject({
      ok: false,
      refusals: [{ code: 'attestation/reference-not-logged' }],
    });
    const unmatched = join(folder, 'unmatched.json');
    await run('evidence', ...binding, '--out', unmatched, option, hex(0xbb, 48));
    expect((await verify(unmatched, ...words.slice(1), ...receipt)).refusals.map(({ code }) => code)).toContain(
      'attestation/measurement-mismatch',
    );
    await expect(run('verify', ...words, '--reference', out, '--reference', out, '--receipt', out)).rejects.toThrow(
      usage,
    );
    await expect(run('publish', file('no-values.json', '{}'), ...publish.slice(2))).rejects.toThrow(usage);
    await expect(run(...publish, '--log-key', join(folder, 'another.key'))).rejects.toThrow(usage);
  });

  it('makes no evidence where there is no device', async () => {
    const kit = file('kit.yaml', 'vmpl: 0\n');
    await expect(run('evidence', ...binding, '--with', kit, '--out', join(folder, 'none.json'))).rejects.toMatchObject({
      code: 'attestation/device-failed',
    });
    await expect(run('evidence', ...binding, '--out', join(folder, 'none.json'))).rejects.toMatchObject({
      code: 'attestation/device-failed',
    });
  });

  it('refuses files that are no evidence, with a verdict', async () => {
    for (const content of [
      '',
      'hello',
      '{}',
      '{"sotto":"evidence/1"}',
      new Uint8Array([0x84, 1]),
      new Uint8Array(1184),
      'a.b.c',
    ]) {
      const words = content instanceof Uint8Array && content.length === 1184 ? ['--endorsement', file('e', 'x')] : [];
      expect(await verify(file('bad', content), ...words)).toMatchObject({ exitCode: 1, ok: false });
    }
    const report = computeReportData({
      nonce: new Uint8Array(32),
      publicKey: new Uint8Array(32),
      taskPolicyDigest: new Uint8Array(32),
      codeDigest: new Uint8Array(32),
    });
    const envelope = encodeEvidence({ kind: 'nitro', document: report });
    expect(await verify(file('bad', envelope))).toMatchObject({
      ok: false,
      refusals: [{ code: 'attestation/malformed' }],
    });
  });

  it('calls wrong usage by its name', async () => {
    const bad = file('bad', 'hello');
    await expect(run('verify', join(folder, 'absent'))).rejects.toThrow(usage);
    await expect(run('verify', bad, '--at', 'yesterday')).rejects.toThrow(usage);
    await expect(run('verify', bad, '--nonce', 'xyz')).rejects.toThrow(usage);
    await expect(run('verify', bad, '--policy', file('p', 'tees: []'))).rejects.toThrow(usage);
    await expect(run('verify', bad, '--jwks', file('k', '{}'))).rejects.toThrow(usage);
    await expect(run('verify', bad, '--reference', bad)).rejects.toThrow(usage);
    for (const kit of ['vmpl: 9', 'colour: red', 'references: x', 'crl: [']) {
      const out = join(folder, 'none.json');
      await expect(run('evidence', ...binding, '--out', out, '--with', file('kit.yaml', kit))).rejects.toThrow(usage);
    }
    await expect(run('verify', file('report', new Uint8Array(1184)))).rejects.toThrow('--endorsement');
  });

  it('computes the digest of code as a coordinator does: of its files by name and content', async () => {
    const code = join(folder, 'code');
    mkdirSync(join(code, 'inner'), { recursive: true });
    writeFileSync(join(code, 'a.js'), 'a');
    writeFileSync(join(code, 'inner', 'b.js'), 'b');
    const digestOf = async (...words: readonly string[]) => (await run('code', ...words)).text;
    const first = await digestOf(code);
    expect(first).toBe(toHex(computeCodeDigest(code)));
    expect(JSON.parse(await digestOf(code, '--json'))).toEqual({ codeDigest: first });
    writeFileSync(join(code, 'a.test.ts'), 'a test is no code that runs');
    expect(await digestOf(code)).toBe(first);
    writeFileSync(join(code, 'inner', 'b.js'), 'c');
    expect(await digestOf(code)).not.toBe(first);
    expect(await digestOf()).toBe(toHex(computeCodeDigest()));
    await expect(run('code', join(folder, 'absent'))).rejects.toThrow(usage);
  });

  it('lists the pinned roots', async () => {
    const { text } = await run('roots');
    expect(text.split('\n')).toHaveLength(5);
    expect(text).toContain('641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b');
    expect(JSON.parse((await run('roots', '--json')).text)).toHaveLength(5);
  });
});
