/** The evaluator: each rule by itself, and all refusals at once. */
import { describe, expect, it } from 'vitest';

import {
  type AttestationPolicy,
  type AttestationResult,
  evaluatePolicy,
  parseAttestationPolicy,
  pinnedLog,
  type PolicyContext,
  type ReferenceSet,
  requireAttestationSchema,
  TEE_KINDS,
  type Verdict,
} from '../../src/trust/attestation/index.ts';
import { createNoteVerifier, formatVerifierKey } from '../../src/trust/log/index.ts';

const at = new Date('2026-03-01T12:00:00Z');
const measurement = 'a5'.repeat(48);
const base: AttestationResult = {
  tee: 'sev-snp',
  vendorChainOk: true,
  tcbStatus: 'NotRated',
  advisoryIds: [],
  debug: false,
  measurements: { measurement },
  reportData: '00'.repeat(64),
  validAt: at.toISOString(),
  warnings: [],
  tcb: { bootLoader: 4, snp: 27 },
  revocationChecked: true,
  chain: [],
  facts: { vmpl: 0 },
  unsignedRanges: [],
};
const plain = { tees: ['sev-snp', 'tdx', 'nitro'], binding: 'none', measurements: [{ measurement }] };

function judge(
  changes: Partial<AttestationResult> = {},
  policy: Readonly<Record<string, unknown>> = {},
  context: Partial<PolicyContext> = {},
) {
  const verdict: Verdict = { ok: true, result: { ...base, ...changes }, checks: [], refusals: [] };
  const insecureSimulated = context.insecureSimulated ?? false;
  return evaluatePolicy(verdict, parseAttestationPolicy({ ...plain, ...policy }, { insecureSimulated }), {
    at,
    ...context,
  });
}
const codes = (...call: Parameters<typeof judge>) => judge(...call).refusals.map(({ code }) => code);

describe('the policy', () => {
  it('accepts what it asks for', () => {
    const decision = judge();
    expect(decision).toMatchObject({
      accepted: true,
      simulated: false,
      refusals: [],
      matched: 'policy.measurements[0]',
    });
    expect(decision.checks.every(({ ok }) => ok)).toBe(true);
  });

  it.each<[string, Partial<AttestationResult>, Record<string, unknown>, string]>([
    ['another environment', { tee: 'sgx' }, {}, 'tee-not-accepted'],
    ['debug', { debug: true }, {}, 'debug-forbidden'],
    ['another measurement', { measurements: { measurement: 'b6'.repeat(48) } }, {}, 'measurement-mismatch'],
    ['a register that was not measured', { measurements: {} }, {}, 'measurement-mismatch'],
    ['a TCB out of date', { tcbStatus: 'OutOfDate' }, {}, 'tcb-status-refused'],
    ['a revoked TCB', { tcbStatus: 'Revoked' }, {}, 'tcb-status-refused'],
    ['a TCB that nobody rated', { tcbStatus: 'Unknown' }, {}, 'collateral-missing'],
    [
      'an open advisory',
      { advisoryIds: ['INTEL-SA-1', 'INTEL-SA-2'] },
      { acceptedAdvisories: ['INTEL-SA-1'] },
      'advisory-refused',
    ],
    ['a TCB too old', {}, { minimumTcb: { 'sev-snp': { snp: 28 } } }, 'tcb-too-old'],
    ['a TCB part not stated', {}, { minimumTcb: { 'sev-snp': { fmc: 0 } } }, 'tcb-too-old'],
    ['revocation unchecked', { revocationChecked: false }, {}, 'revocation-unchecked'],
    ['a low privilege level', { facts: { vmpl: 2 } }, { maximumVmpl: 1 }, 'privilege-refused'],
    ['evidence too old', { issuedAt: '2026-03-01T11:54:59Z' }, {}, 'stale'],
    ['evidence from the future', { issuedAt: '2026-03-01T12:01:01Z' }, {}, 'not-yet-valid'],
  ])('refuses %s', (_, changes, policy, code) => {
    expect(codes(changes, policy)).toEqual([`attestation/${code}`]);
  });

  it.each<[string, Partial<AttestationResult>, Record<string, unknown>]>([
    ['debug when allowed', { debug: true }, { debug: 'allow' }],
    [
      'an accepted state',
      { tcbStatus: 'SWHardeningNeeded' },
      { acceptedTcbStatuses: ['UpToDate', 'SWHardeningNeeded'] },
    ],
    ['accepted advisories', { advisoryIds: ['INTEL-SA-1'] }, { acceptedAdvisories: ['INTEL-SA-1'] }],
    ['a TCB just new enough', {}, { minimumTcb: { 'sev-snp': { snp: 27, bootLoader: 4 } } }],
    ['a minimum for another environment', {}, { minimumTcb: { tdx: { pceSvn: 99 } } }],
    ['evidence just young enough', { issuedAt: '2026-03-01T11:55:00Z' }, {}],
    ['a clock a little ahead', { issuedAt: '2026-03-01T12:01:00Z' }, {}],
    ['one of several states', {}, { measurements: [{ measurement: 'b6'.repeat(48) }, { measurement }] }],
  ])('accepts %s', (_, changes, policy) => expect(codes(changes, policy)).toEqual([]));

  it('says everything that is wrong, not the first thing alone', () => {
    expect(codes({ debug: true, tcbStatus: 'OutOfDate', measurements: {} })).toEqual([
      'attestation/debug-forbidden',
      'attestation/tcb-status-refused',
      'attestation/measurement-mismatch',
    ]);
  });

  it('never accepts a verdict that does not hold, or that has no result', () => {
    const refusals = [{ code: 'attestation/signature-invalid' as const, message: 'no' }];
    const policy = parseAttestationPolicy(plain);
    const verdict: Verdict = { ok: false, result: base, checks: [], refusals };
    expect(evaluatePolicy(verdict, policy, { at })).toMatchObject({ accepted: false, refusals });
    expect(evaluatePolicy({ ok: false, checks: [], refusals }, policy, { at }).accepted).toBe(false);
    expect(evaluatePolicy({ ...verdict, refusals: [] }, policy, { at }).accepted).toBe(false);
  });

  it('accepts simulated evidence by explicit option alone', () => {
    const simulated = { tee: 'simulated' } as const;
    expect(codes(simulated)).toEqual(['attestation/simulated-refused']);
    const policy = { tees: ['simulated'] };
    expect(() => judge(simulated, policy)).toThrow('--insecure-simulated-attestation');
    const decision = judge(simulated, policy, { insecureSimulated: true });
    expect(decision).toMatchObject({ accepted: true, simulated: true });
    expect(decision.checks[0]?.name).toContain('SIMULATED');
    // The option alone does not widen a policy that did not name the kind.
    expect(codes(simulated, {}, { insecureSimulated: true })).toEqual(['attestation/tee-not-accepted']);
  });

  it('matches reference values, their log and their code', () => {
    const set = (changes: Partial<ReferenceSet> = {}, codeDigest?: string): ReferenceSet => ({
      id: 'r1',
      publisher: 'P',
      digest: '',
      logged: true,
      entries: [
        { description: 'v1', measurements: { measurement: [measurement] }, ...(codeDigest ? { codeDigest } : {}) },
      ],
      ...changes,
    });
    const references = { signers: [{ kind: 'ed25519', name: 'P', publicKey: '00'.repeat(32) }] };
    const policy = { measurements: [], references };
    expect(judge({}, policy, { references: [set()] })).toMatchObject({ accepted: true, matched: 'P: r1 v1' });
    expect(codes({}, policy)).toEqual(['attestation/measurement-mismatch']);
    expect(codes({ measurements: {} }, policy, { references: [set()] })).toEqual(['attestation/measurement-mismatch']);
    expect(codes({}, policy, { references: [set({ logged: false })] })).toEqual(['attestation/reference-not-logged']);
    const unlogged = { ...policy, references: { ...references, requireLogged: false } };
    expect(codes({}, unlogged, { references: [set({ logged: false })] })).toEqual([]);
    const bound = { ...policy, binding: 'sotto' };
    const context = { references: [set({}, '04'.repeat(32))], codeDigest: new Uint8Array(32).fill(5) };
    expect(codes({}, bound, context)).toEqual(['attestation/binding-mismatch', 'attestation/code-not-accepted']);
  });

  it('checks a plain nonce', () => {
    const nonce = new Uint8Array(32).fill(9);
    const carries = (reportData: string) => codes({ reportData }, { binding: 'nonce' }, { nonce });
    expect(carries('09'.repeat(32))).toEqual([]);
    expect(carries('09'.repeat(32) + '00'.repeat(32))).toEqual([]);
    expect(carries('09'.repeat(32) + '01'.repeat(32))).toEqual(['attestation/nonce-mismatch']);
    expect(carries('00'.repeat(64))).toEqual(['attestation/nonce-mismatch']);
    expect(codes({ tee: 'nitro', nonce: '09'.repeat(32) }, { binding: 'nonce' }, { nonce })).toEqual([]);
    expect(codes({}, { binding: 'nonce' })).toEqual(['attestation/binding-mismatch']);
    expect(codes({}, { binding: 'nonce' }, { nonce: new Uint8Array(0) })).toEqual(['attestation/nonce-mismatch']);
  });
});

describe('the policy of tokens', () => {
  const keys = { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] };
  const gcp = { tee: 'gcp-confidential-space', facts: { audience: 'https://sotto.example' } } as const;
  const azure = { tee: 'azure-tdx', facts: { issuer: 'https://sharedeus.eus.attest.azure.net' } } as const;

  it('holds Confidential Space to the audience it names', () => {
    const policy = (audience: string) => ({
      tees: ['gcp-confidential-space'],
      tokens: { gcp: { keys, audience } },
    });
    expect(codes(gcp, policy('https://sotto.example'))).toEqual([]);
    expect(codes(gcp, policy('https://other.example'))).toEqual(['attestation/chain-invalid']);
    expect(codes({ ...gcp, facts: {} }, policy('https://sotto.example'))).toEqual(['attestation/chain-invalid']);
    expect(codes(gcp, { tees: ['gcp-confidential-space'] })).toEqual([]);
  });

  it('holds Azure to the providers it names, since anybody can have one', () => {
    const policy = (...issuers: readonly string[]) => ({ tees: ['azure-tdx'], tokens: { azure: { keys, issuers } } });
    expect(codes(azure, policy('https://a.example', 'https://sharedeus.eus.attest.azure.net'))).toEqual([]);
    expect(codes(azure, policy('https://mine.eus.attest.azure.net'))).toEqual(['attestation/untrusted-root']);
    expect(codes({ ...azure, facts: {} }, policy('https://sharedeus.eus.attest.azure.net'))).toEqual([
      'attestation/untrusted-root',
    ]);
  });

  it('says of evidence without a clock whether anything proves that it is new', () => {
    const ageOf = (binding: string, nonce?: Uint8Array) =>
      judge({}, { binding }, nonce ? { nonce } : {}).checks.find(({ name }) => name === 'evidence is fresh')?.detail;
    expect(ageOf('none')).toBe('carries no clock, and no nonce is demanded: it may be old');
    expect(ageOf('nonce', new Uint8Array(32))).toBe('carries no clock; fresh by its nonce');
  });

  it('pins no private key, and a log by keys that are keys', () => {
    const leaked = { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB', d: 'AQAB' }] };
    expect(() => parseAttestationPolicy({ ...plain, tokens: { gcp: { keys: leaked, audience: 'a' } } })).toThrow(
      'must not be a private key',
    );
    const signers = [{ kind: 'ed25519', name: 'P', publicKey: '00'.repeat(32) }];
    const logged = (...keyLines: readonly string[]) =>
      pinnedLog(parseAttestationPolicy({ ...plain, references: { signers, log: { keys: keyLines } } }));
    const key = new Uint8Array(32).fill(3);
    const log = createNoteVerifier('ed25519', 'log.example', key);
    expect(logged(formatVerifierKey(log))?.name).toBe('log.example');
    expect(() => logged('log.example+00000000+AAAA')).toThrow('references.log.keys');
    expect(() => logged(formatVerifierKey(createNoteVerifier('cosignature', 'w', key)))).toThrow('of witnesses');
    expect(pinnedLog(parseAttestationPolicy(plain))).toBeUndefined();
  });
});

describe('a policy file', () => {
  const parse = (value: unknown) => parseAttestationPolicy(value);

  it('reads silence strictly', () => {
    const policy: AttestationPolicy = parse({
      tees: ['tdx'],
      measurements: [{ mrTd: 'aa' }],
      codeDigests: ['00'.repeat(32)],
    });
    expect(policy).toMatchObject({
      debug: 'forbid',
      binding: 'sotto',
      acceptedTcbStatuses: ['UpToDate', 'NotRated'],
      acceptedAdvisories: [],
      requireRevocationCheck: true,
      maximumVmpl: 0,
      maxAgeSeconds: 300,
    });
  });

  it.each([
    [{}, 'tees'],
    [{ tees: [] }, 'tees'],
    [{ tees: ['sev'] }, 'tees'],
    [{ tees: ['simulated'], binding: 'none' }, 'insecure-simulated'],
    [{ tees: ['tdx'] }, 'codeDigests'],
    [{ tees: ['tdx'], codeDigests: ['00'.repeat(32)] }, 'measurements'],
    [{ tees: ['tdx'], codeDigests: ['00'] }, 'codeDigests'],
    [{ tees: ['tdx'], binding: 'none', measurements: [{}] }, 'measurements'],
    [{ tees: ['tdx'], binding: 'none', acceptedTcbStatuses: ['Revoked'] }, 'acceptedTcbStatuses'],
    [{ tees: ['tdx'], binding: 'none', maxAgeSeconds: 0 }, 'maxAgeSeconds'],
    [{ tees: ['tdx'], binding: 'none', requireRevocationChek: true }, 'requireRevocationChek'],
    [null, 'whole'],
  ])('%j is refused, with the field named', (value, field) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'attestation/policy-invalid' }));
    expect(() => parse(value)).toThrow(field);
  });

  it('is a field of the participant, off by default', () => {
    expect(requireAttestationSchema.parse(undefined)).toBe(false);
    expect(requireAttestationSchema.parse({ tees: ['tdx'] })).toMatchObject({ tees: ['tdx'] });
    expect(requireAttestationSchema.safeParse(true).success).toBe(false);
  });

  it('knows every kind of environment', () => {
    for (const tee of TEE_KINDS) {
      const insecureSimulated = tee === 'simulated';
      expect(parseAttestationPolicy({ tees: [tee], binding: 'none' }, { insecureSimulated }).tees).toEqual([tee]);
    }
  });
});
