/** The fifteen negative cases of expected.json. */
import { describe, expect, it } from 'vitest';

import { computeNonceKeyReportData } from '../../src/trust/attestation/index.ts';
import { judgeCase } from './judge-case.ts';
import { createNegativeCases } from './negative-cases.ts';
import { samplesPresent, sampleText, skipNote, verifySample } from './samples.ts';

const rows = samplesPresent
  ? (JSON.parse(sampleText('expected.json')) as { negative: { from: string; mutate: string; expect: string }[] })
      .negative
  : [];
const cases = samplesPresent ? await createNegativeCases() : [];

describe.skipIf(!samplesPresent)(`negative cases of real evidence${skipNote}`, () => {
  it('cover every row of the file', () => {
    expect([...new Set(cases.map(({ row }) => row))].toSorted((a, b) => a - b)).toEqual(rows.map((_, row) => row));
  });

  it.each(rows.map((row, index) => ({ ...row, index })))('$from, $mutate: $expect', async ({ index }) => {
    for (const each of cases.filter(({ row }) => row === index)) {
      const { refused, codes } = await judgeCase(each);
      expect([each.name, refused]).toEqual([each.name, true]);
      expect(each.refusals, each.name).toContainEqual(codes);
    }
  });

  it('are refused for what was changed: the same evidence and policy unchanged are accepted', async () => {
    const policy = { tees: ['sev-snp'], binding: 'nonce-key', maximumVmpl: 1, requireRevocationCheck: false };
    const [, nonce = '', , publicKey = ''] = sampleText('snp/gcp-x25519-nonce-and-key.txt').trim().split(/[=\n]/);
    const wrong = cases.find(({ name }) => name === 'other key');
    if (wrong === undefined) throw new Error('the case is missing');
    expect(await judgeCase({ ...wrong, policy, nonce, publicKey })).toEqual({ refused: false, codes: [] });
    for (const name of ['milan-v2, no debug', 'evervault-debug, no debug']) {
      const { policy: strict, ...debug } = cases.find((each) => each.name === name) ?? wrong;
      expect(await judgeCase({ ...debug, policy: { ...strict, debug: 'allow', maximumVmpl: 3 } })).toEqual({
        refused: false,
        codes: [],
      });
    }
    const verdict = await verifySample('gcp-x25519');
    const [key, half] = [publicKey, nonce].map((text) => new Uint8Array(Buffer.from(text, 'hex')));
    expect(verdict.result?.reportData).not.toBe(
      Buffer.from(computeNonceKeyReportData(key as Uint8Array, half as Uint8Array)).toString('hex'),
    );
  });

  it('says why a self-signed document fails: its signature is good, its chain leads nowhere', async () => {
    const verdict = await verifySample('selfsigned-must-fail');
    expect(verdict.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['document decodes', true],
      ['leaf certificate decodes', true],
      ['document is signed by the leaf (COSE, ECDSA P-384)', true],
      ['leaf leads to the pinned root of AWS', false],
    ]);
  });
});
