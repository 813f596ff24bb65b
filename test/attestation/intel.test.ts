/** TDX and SGX evidence with a root of our own: what has no public sample. */
import { beforeAll, describe, expect, it } from 'vitest';

import { type DcapCollateral, parseDcapCollateral, verifyIntelQuote } from '../../src/trust/attestation/index.ts';
import { issue, NOW, rootOf } from './generate/authority.ts';
import {
  createIntelWorld,
  type IntelWorld,
  isvLevel,
  level,
  MR_TD,
  pckExtension,
  type QuoteFields,
  SGX_QE_SIGNER,
} from './generate/intel.ts';

let world: IntelWorld;
let collateral: DcapCollateral;
beforeAll(async () => {
  world = await createIntelWorld();
  collateral = await world.collateral();
});

const verify = (
  quote: Uint8Array,
  given: DcapCollateral | undefined = collateral,
  { roots = world.roots, at = NOW } = {},
) => verifyIntelQuote(quote, given, { roots, at });
const codes = async (...call: Parameters<typeof verify>) => (await verify(...call)).refusals.map(({ code }) => code);
const rate = async (fields: QuoteFields, changes: Parameters<IntelWorld['collateral']>[0] = {}) => {
  const { refusals, result } = await verify(await world.attest(fields), await world.collateral(changes));
  return refusals[0]?.code ?? result?.tcbStatus;
};

describe('TDX evidence', () => {
  it.each<QuoteFields>([{ version: 4 }, { version: 5 }, { version: 5, tdx15: true }])(
    'of form %o verifies',
    async (fields) => {
      const verdict = await verify(await world.attest(fields));
      expect(verdict.refusals).toEqual([]);
      expect(verdict.result).toMatchObject({
        tee: 'tdx',
        vendorChainOk: true,
        tcbStatus: 'UpToDate',
        debug: false,
        revocationChecked: true,
        measurements: { mrTd: Buffer.from(MR_TD).toString('hex') },
      });
    },
  );

  it('without collateral is not rated, and not revocation-checked', async () => {
    const { ok, result } = await verifyIntelQuote(await world.attest(), undefined, { roots: world.roots, at: NOW });
    expect({ ok, status: result?.tcbStatus, checked: result?.revocationChecked }).toEqual({
      ok: true,
      status: 'Unknown',
      checked: false,
    });
  });

  it('without collateral must come from a quoting enclave signed by Intel', async () => {
    const none = async (fields: QuoteFields) =>
      (await verifyIntelQuote(await world.attest(fields), undefined, { roots: world.roots, at: NOW })).refusals[0]
        ?.code;
    expect(await none({ qeSigner: '55'.repeat(32) })).toBe('attestation/qe-identity-mismatch');
    const debug = Uint8Array.of(0x17, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0);
    expect(await none({ qeAttributes: debug })).toBe('attestation/qe-identity-mismatch');
    // A module of another signer is rated by collateral alone; without any it is none that is known.
    expect(await none({ mrSignerSeam: new Uint8Array(48).fill(1) })).toBe('attestation/collateral-mismatch');
    expect(await none({})).toBeUndefined();
  });

  it('carries debug in the first byte of its attributes', async () => {
    for (const flag of [1, 2, 0x80]) {
      const { result } = await verify(await world.attest({ tdAttributes: Uint8Array.of(flag, 0, 0, 0, 0, 0, 0, 0) }));
      expect(result?.debug).toBe(true);
    }
  });

  it('out of date is rated so, with its advisories', async () => {
    const { result } = await verify(await world.attest({ teeTcbSvn: [3, 0, 3] }));
    expect(result).toMatchObject({ tcbStatus: 'OutOfDate', advisoryIds: ['INTEL-SA-00001', 'INTEL-SA-00002'] });
  });

  it('that needs configuration and hardening is rated so, with its advisories', async () => {
    const levels = [level(5, 'ConfigurationAndSWHardeningNeeded', ['INTEL-SA-00615', 'INTEL-SA-00334'])];
    const { result } = await verify(await world.attest(), await world.collateral({ tcbInfo: { tcbLevels: levels } }));
    expect(result).toMatchObject({
      tcbStatus: 'ConfigurationAndSWHardeningNeeded',
      advisoryIds: ['INTEL-SA-00334', 'INTEL-SA-00615'],
    });
  });

  it('that reaches no TCB level is refused, good signatures or not', async () => {
    expect(await rate({ teeTcbSvn: [2, 0, 2] })).toBe('attestation/tcb-unmatched');
    expect(await rate({}, { tcbInfo: { tcbLevels: [] } })).toBe('attestation/tcb-unmatched');
    expect(await rate({ qeIsvSvn: 1 })).toBe('attestation/tcb-unmatched');
  });

  it('lets an old quoting enclave pull the rating down', async () => {
    expect(await rate({ qeIsvSvn: 3 })).toBe('OutOfDate');
    const needy = { tcbInfo: { tcbLevels: [level(5, 'ConfigurationNeeded')] } };
    expect(await rate({ qeIsvSvn: 3 }, needy)).toBe('OutOfDateConfigurationNeeded');
    const revoked = { qeIdentity: { tcbLevels: [isvLevel(4, 'Revoked')] } };
    expect(await rate({}, revoked)).toBe('attestation/tcb-status-refused');
    const { result } = await verify(await world.attest(), await world.collateral(revoked));
    expect(result?.tcbStatus).toBe('Revoked');
  });

  it('is held to the older of the two generations of lists that were given', async () => {
    const generation = async (changes: Parameters<IntelWorld['collateral']>[0]) =>
      (await verify(await world.attest(), await world.collateral(changes))).result?.tcb['tcbEvaluationDataNumber'];
    expect(await generation({})).toBe(20);
    expect(await generation({ qeIdentity: { tcbEvaluationDataNumber: 18 } })).toBe(18);
    expect(await generation({ tcbInfo: { tcbEvaluationDataNumber: 17 } })).toBe(17);
  });

  it('with a versioned module is rated by the list of that module', async () => {
    const modules = {
      tdxModuleIdentities: [
        {
          id: 'TDX_01',
          mrsigner: '0'.repeat(96),
          attributes: '0'.repeat(16),
          attributesMask: 'F'.repeat(16),
          tcbLevels: [isvLevel(7, 'UpToDate'), isvLevel(5, 'OutOfDate')],
        },
      ],
    };
    expect(await rate({ teeTcbSvn: [7, 1, 5] }, { tcbInfo: modules })).toBe('UpToDate');
    expect(await rate({ teeTcbSvn: [5, 1, 5] }, { tcbInfo: modules })).toBe('OutOfDate');
    expect(await rate({ teeTcbSvn: [4, 1, 5] }, { tcbInfo: modules })).toBe('attestation/tcb-unmatched');
    expect(await rate({ teeTcbSvn: [7, 2, 5] }, { tcbInfo: modules })).toBe('attestation/tcb-unmatched');
    const foreign = { teeTcbSvn: [7, 1, 5], mrSignerSeam: new Uint8Array(48).fill(1) };
    expect(await rate(foreign, { tcbInfo: modules })).toBe('attestation/collateral-mismatch');
  });

  it('launched on an old module and running on a new one is told to relaunch', async () => {
    const fields = { version: 5, tdx15: true, teeTcbSvn: [3, 0, 5] } as const;
    expect(await rate({ ...fields, teeTcbSvn2: [5, 0, 5] })).toBe('TDRelaunchAdvised');
    expect(await rate({ ...fields, teeTcbSvn2: [3, 0, 5] })).toBe('OutOfDate');
    expect(await rate({ ...fields, teeTcbSvn2: [1, 0, 5] })).toBe('OutOfDate');
  });

  it('is refused when its certificates are revoked, each by its issuer', async () => {
    const quote = await world.attest();
    for (const changes of [{ revokedByPlatform: [world.pck.serial] }, { revokedByRoot: [world.platform.serial] }]) {
      expect(await codes(quote, await world.collateral(changes))).toEqual(['attestation/certificate-revoked']);
    }
    expect(await codes(quote, await world.collateral({ revokedByRoot: [world.tcbSigner.serial] }))).toEqual([
      'attestation/certificate-revoked',
    ]);
    // A serial number is revoked by its own issuer only.
    expect(await codes(quote, await world.collateral({ revokedByRoot: [world.pck.serial] }))).toEqual([]);
  });

  it('with expired, early or foreign collateral is refused', async () => {
    const quote = await world.attest();
    const later = new Date(NOW.getTime() + 25 * 86_400_000);
    const earlier = new Date(NOW.getTime() - 15 * 86_400_000);
    expect(await codes(quote, collateral, { roots: world.roots, at: later })).toEqual([
      'attestation/collateral-expired',
    ]);
    expect(await codes(quote, collateral, { roots: world.roots, at: earlier })).toEqual([
      'attestation/collateral-expired',
    ]);
    const lists = { nextUpdate: new Date(NOW.getTime() - 1000) };
    expect(await codes(quote, await world.collateral({ listWindow: lists }))).toEqual([
      'attestation/collateral-expired',
    ]);
    expect(await codes(quote, await world.collateral({ tcbInfo: { fmspc: '112233445566' } }))).toEqual([
      'attestation/collateral-mismatch',
    ]);
    expect(await codes(quote, await world.collateral({ tee: 'sgx' }))).toEqual(['attestation/collateral-mismatch']);
  });

  it('with collateral that was edited or signed by another key is refused', async () => {
    const quote = await world.attest();
    const edited = await world.collateral({ tcbInfoText: (text) => text.replace('OutOfDate', 'UpToDate') });
    expect(await codes(quote, edited)).toEqual(['attestation/collateral-invalid']);
    // The PCK is under the same root; it may not sign TCB info.
    const signer = await issue({ name: 'Somebody', kind: 'P-256', issuer: world.root });
    expect(await codes(quote, await world.collateral({ signer }))).toEqual(['attestation/collateral-invalid']);
    const stranger = await createIntelWorld();
    expect(await codes(quote, await stranger.collateral())).toEqual(['attestation/untrusted-root']);
  });

  it('from another quoting enclave is refused', async () => {
    for (const fields of [
      { qeSigner: SGX_QE_SIGNER },
      { qeProdId: 1 },
      { qeAttributes: Uint8Array.of(0x17, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0) },
    ]) {
      expect(await rate(fields)).toBe('attestation/qe-identity-mismatch');
    }
  });

  it('whose quoting enclave binds another key, or more than the key, is refused', async () => {
    expect(await rate({ qeReportData: new Uint8Array(64) })).toBe('attestation/key-not-bound');
    const bound = new Uint8Array(64).fill(7);
    expect(await rate({ qeReportData: bound })).toBe('attestation/key-not-bound');
  });

  it('under another root is refused', async () => {
    const stranger = await createIntelWorld();
    expect(
      await codes(await world.attest(), collateral, { roots: { intel: [rootOf(stranger.root)] }, at: NOW }),
    ).toEqual(['attestation/untrusted-root']);
  });

  it('with an expired leaf is refused', async () => {
    const expired = await createIntelWorld({ pck: { notAfter: new Date(NOW.getTime() - 1000) } });
    const verdict = await verifyIntelQuote(await expired.attest(), undefined, { roots: expired.roots, at: NOW });
    expect(verdict.refusals.map(({ code }) => code)).toEqual(['attestation/certificate-expired']);
  });

  it('with an extension of the PCK missing, doubled or broken is refused', async () => {
    const [extension] = [pckExtension()];
    for (const extensions of [
      [],
      [extension, extension],
      [{ ...extension, value: extension.value.subarray(0, -1) }],
      [{ ...extension, value: Uint8Array.of(...extension.value, 0) }],
    ]) {
      const other = await createIntelWorld({ pck: { extensions } });
      const verdict = await verifyIntelQuote(await other.attest(), undefined, { roots: other.roots, at: NOW });
      expect(verdict.refusals.map(({ code }) => code)).toEqual(['attestation/malformed']);
    }
  });

  it('may carry padding, which is listed; truncation is malformed at every length', async () => {
    const quote = await world.attest();
    const padded = await verify(Uint8Array.of(...quote, ...new Uint8Array(3065)));
    expect(padded.ok).toBe(true);
    expect(padded.result?.unsignedRanges).toMatchObject([{ start: quote.length, end: quote.length + 3065 }]);
    for (let kept = 0; kept < quote.length; kept += 97) {
      expect(await codes(quote.subarray(0, kept))).toEqual(['attestation/malformed']);
    }
  });
});

describe('SGX evidence', () => {
  it.each<QuoteFields>([{ version: 3 }, { version: 4, tee: 'sgx' }, { version: 5, tee: 'sgx' }])(
    'of form %o verifies and is rated',
    async (fields) => {
      const verdict = await verify(await world.attest(fields), await world.collateral({ tee: 'sgx' }));
      expect(verdict.refusals).toEqual([]);
      expect(verdict.result).toMatchObject({
        tee: 'sgx',
        tcbStatus: 'UpToDate',
        debug: false,
        measurements: { mrSigner: '33'.repeat(32), isvProdId: '0007' },
        tcb: { isvSvn: 2 },
      });
    },
  );

  it('is rated by TCB info of version 2 as well', async () => {
    const flat = Object.fromEntries(
      Array.from({ length: 16 }, (_, index) => [`sgxtcbcomp${String(index + 1).padStart(2, '0')}svn`, 5]),
    );
    const levels = [{ ...level(5, 'SWHardeningNeeded', ['INTEL-SA-00334']), tcb: { ...flat, pcesvn: 11 } }];
    const given = await world.collateral({ tee: 'sgx', tcbInfo: { id: undefined, version: 2, tcbLevels: levels } });
    const { refusals, result } = await verify(await world.attest({ version: 3 }), given);
    expect(refusals).toEqual([]);
    expect(result).toMatchObject({ tcbStatus: 'SWHardeningNeeded', advisoryIds: ['INTEL-SA-00334'] });
  });

  it('with the attribute DEBUG says so', async () => {
    const attributes = Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0);
    const { result } = await verify(
      await world.attest({ version: 3, attributes }),
      await world.collateral({ tee: 'sgx' }),
    );
    expect(result?.debug).toBe(true);
  });

  it('does not pass as TDX, nor with its collateral', async () => {
    expect(await codes(await world.attest({ version: 3 }))).toEqual(['attestation/collateral-mismatch']);
    expect(await codes(await world.attest({ version: 3, tee: 'tdx' }))).toEqual(['attestation/malformed']);
  });
});

describe('a collateral file', () => {
  it('with a field missing, doubled in kind, or of another form is malformed', async () => {
    const text = await world.collateralText();
    const file = JSON.parse(text) as Record<string, string>;
    expect(() => parseDcapCollateral(text)).not.toThrow();
    for (const changed of [
      {},
      [],
      { ...file, pck_crl: undefined },
      { ...file, extra: '' },
      { ...file, pck_crl: 'zz' },
      { ...file, tcb_info_signature: 'ab' },
    ]) {
      expect(() => parseDcapCollateral(JSON.stringify(changed))).toThrow(
        expect.objectContaining({ code: 'attestation/malformed' }),
      );
    }
  });

  it('lists its white space as not signed', async () => {
    const text = JSON.stringify(JSON.parse(await world.collateralText()), null, 2);
    const { unsignedRanges } = parseDcapCollateral(text);
    expect(unsignedRanges.every(({ start, end }) => /^\s+$/.test(text.slice(start, end)))).toBe(true);
    expect(unsignedRanges).toHaveLength(19);
  });
});
