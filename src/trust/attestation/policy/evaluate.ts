/**
 * The one place where evidence is judged: the verdict of a verifier against a policy. Every rule is looked at, and every
 * one that fails is a refusal with its reason.
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { assertBound, assertPlainNonce, assertReportData, computeNonceKeyReportData } from '../binding.ts';
import { AttestationError, type AttestationErrorCode } from '../errors.ts';
import { matchesReference, type ReferenceEntry, type ReferenceSet } from '../reference/reference-values.ts';
import type { AttestationResult, Check, Refusal, Verdict } from '../result.ts';
import { SIMULATED_BANNER } from '../simulated/evidence.ts';
import type { AttestationPolicy } from './policy.ts';

/** What the judge knows beside evidence and policy. */
export interface PolicyContext {
  readonly at: Date;
  /** The nonce that was sent for this evidence. */
  readonly nonce?: Uint8Array;
  readonly publicKey?: Uint8Array;
  readonly taskPolicyDigest?: Uint8Array;
  readonly codeDigest?: Uint8Array;
  /** Verified reference values. */
  readonly references?: readonly ReferenceSet[];
  /** True only where somebody asked for simulated evidence by name. */
  readonly insecureSimulated?: boolean;
}

/** The judgement. */
export interface AttestationDecision {
  readonly accepted: boolean;
  /** The evidence is simulated: whatever rests on this decision protects nothing. */
  readonly simulated: boolean;
  readonly checks: readonly Check[];
  readonly refusals: readonly Refusal[];
  /** The reference value that matched, for records. */
  readonly matched?: string;
}

const refuse = (code: AttestationErrorCode, message: string): never => {
  throw new AttestationError(code, message);
};

interface Rule {
  readonly name: string;
  /** Throws the refusal; returns what to write down. */
  readonly hold: () => string;
}

function ageRule(result: AttestationResult, policy: AttestationPolicy, at: Date): string {
  const { issuedAt } = result;
  if (issuedAt === undefined) {
    return policy.binding === 'none'
      ? 'carries no clock, and no nonce is demanded: it may be old'
      : 'carries no clock; fresh by its nonce';
  }
  const ageSeconds = (at.getTime() - new Date(issuedAt).getTime()) / 1000;
  if (ageSeconds < -policy.maxClockSkewSeconds) {
    refuse('attestation/not-yet-valid', `the evidence is dated ${issuedAt}, after ${at.toISOString()}`);
  }
  if (ageSeconds > policy.maxAgeSeconds) {
    refuse(
      'attestation/stale',
      `the evidence is ${Math.round(ageSeconds)} s old (${issuedAt}); at most ${policy.maxAgeSeconds} s are allowed`,
    );
  }
  return `${Math.round(ageSeconds)} s old`;
}

function tcbRules(result: AttestationResult, policy: AttestationPolicy): readonly Rule[] {
  return [
    {
      name: 'TCB state is accepted',
      hold: () => {
        const { tcbStatus } = result;
        if (tcbStatus === 'Revoked' || !policy.acceptedTcbStatuses.includes(tcbStatus)) {
          refuse(
            tcbStatus === 'Unknown' ? 'attestation/collateral-missing' : 'attestation/tcb-status-refused',
            `the TCB state is ${tcbStatus}; accepted are ${policy.acceptedTcbStatuses.join(', ')}`,
          );
        }
        return tcbStatus;
      },
    },
    {
      name: 'security advisories are accepted',
      hold: () => {
        const foreign = result.advisoryIds.filter((id) => !policy.acceptedAdvisories.includes(id));
        if (foreign.length > 0) refuse('attestation/advisory-refused', `open advisories: ${foreign.join(', ')}`);
        return result.advisoryIds.length === 0 ? 'none open' : result.advisoryIds.join(', ');
      },
    },
    {
      name: 'TCB is recent enough',
      hold: () => {
        const minimum = policy.minimumTcb[result.tee] ?? {};
        for (const [part, version] of Object.entries(minimum)) {
          const own = Object.hasOwn(result.tcb, part) ? result.tcb[part] : undefined;
          if (own === undefined || own < version) {
            refuse(
              'attestation/tcb-too-old',
              `TCB part ${part} is ${own ?? 'not stated'}; at least ${version} is wanted`,
            );
          }
        }
        return Object.keys(minimum).length === 0 ? 'no minimum demanded' : JSON.stringify(minimum);
      },
    },
    {
      name: 'revocation was checked',
      hold: () => {
        if (policy.requireRevocationCheck && !result.revocationChecked) {
          refuse('attestation/revocation-unchecked', 'no revocation list was given with the evidence');
        }
        return result.revocationChecked ? 'checked' : 'not demanded';
      },
    },
  ];
}

/** Checks for whom a token was made, and by which of the service's providers. */
function tokenRule({ tee, facts }: AttestationResult, { tokens }: AttestationPolicy): string {
  if (tee === 'gcp-confidential-space') {
    const audience = tokens?.gcp?.audience;
    if (audience !== undefined && facts['audience'] !== audience) {
      refuse('attestation/chain-invalid', `the token is for ${String(facts['audience'])}; ${audience} is wanted`);
    }
    return audience ?? 'no audience demanded';
  }
  if (!tee.startsWith('azure-')) return 'no token';
  const issuers = tokens?.azure?.issuers;
  const issuer = String(facts['issuer']);
  // Anybody can have an attestation provider of their own, with rules of their own, under Azure's domain.
  if (issuers !== undefined && !issuers.includes(issuer)) {
    refuse('attestation/untrusted-root', `the token is issued by ${issuer}; accepted are ${issuers.join(', ')}`);
  }
  return issuers === undefined ? 'no provider demanded' : issuer;
}

/** Finds the accepted state that the measurements are in. */
function matchMeasurements(
  result: AttestationResult,
  policy: AttestationPolicy,
  references: readonly ReferenceSet[],
): { readonly matched: string; readonly entry?: ReferenceEntry } {
  for (const [index, exact] of policy.measurements.entries()) {
    const measurements = Object.fromEntries(Object.entries(exact).map(([name, value]) => [name, [value]]));
    if (matchesReference(result, { description: '', measurements }))
      return { matched: `policy.measurements[${index}]` };
  }
  for (const set of references) {
    if (policy.references?.requireLogged === true && !set.logged) {
      refuse('attestation/reference-not-logged', `the reference values ${set.id} are in no transparency log`);
    }
    const entry = set.entries.find((candidate) => matchesReference(result, candidate));
    if (entry !== undefined) return { matched: `${set.publisher}: ${set.id} ${entry.description}`.trim(), entry };
  }
  if (policy.measurements.length === 0 && policy.references === undefined) return { matched: '' };
  return refuse('attestation/measurement-mismatch', 'the measurements are in none of the accepted states');
}

/** Checks nonce, key, task policy and code under the report data. */
function bindingRule(result: AttestationResult, policy: AttestationPolicy, context: PolicyContext): string {
  const { nonce, publicKey, taskPolicyDigest, codeDigest } = context;
  const need = <T>(value: T | undefined, name: string): T =>
    value ?? refuse('attestation/binding-mismatch', `the binding needs ${name}, which was not given`);
  switch (policy.binding) {
    case 'none':
      return 'not demanded';
    case 'nonce':
      assertPlainNonce(result, need(nonce, 'a nonce'));
      return 'carries the nonce';
    case 'nonce-key':
      assertReportData(result, computeNonceKeyReportData(need(nonce, 'a nonce'), need(publicKey, 'a key')));
      return 'SHA-512(nonce ‖ key)';
    case 'sotto':
      assertBound(result, {
        nonce: need(nonce, 'a nonce'),
        publicKey: need(publicKey, 'a key'),
        taskPolicyDigest: need(taskPolicyDigest, 'the digest of the task policy'),
        codeDigest: need(codeDigest, 'the digest of the code'),
      });
      return 'nonce, key, task policy and code';
  }
}

function codeRule(policy: AttestationPolicy, context: PolicyContext, entry: ReferenceEntry | undefined): string {
  if (policy.binding !== 'sotto') return 'not bound';
  const code = context.codeDigest === undefined ? '' : toHex(context.codeDigest);
  // Measurement and code must belong together: a matched reference that names its code admits no other.
  const accepted = entry?.codeDigest === undefined ? policy.codeDigests : [entry.codeDigest];
  if (!accepted.includes(code)) refuse('attestation/code-not-accepted', `the code ${code || '(none)'} is not accepted`);
  return code;
}

/**
 * Judges a verdict.
 * @param verdict - of {@link verifyEvidence}. One that does not hold is never accepted.
 * @param policy - of {@link parseAttestationPolicy}.
 * @returns the decision with every check; nothing is thrown for bad evidence.
 */
export function evaluatePolicy(
  verdict: Verdict,
  policy: AttestationPolicy,
  context: PolicyContext,
): AttestationDecision {
  const checks: Check[] = [...verdict.checks];
  const refusals: Refusal[] = [...verdict.refusals];
  const { result } = verdict;
  if (result === undefined) return { accepted: false, simulated: false, checks, refusals };
  let matched = '';
  let entry: ReferenceEntry | undefined;
  const rules: readonly Rule[] = [
    {
      name: 'kind of environment is accepted',
      hold: () => {
        if (result.tee === 'simulated' && context.insecureSimulated !== true) {
          refuse(
            'attestation/simulated-refused',
            'simulated evidence needs the option --insecure-simulated-attestation',
          );
        }
        if (!policy.tees.includes(result.tee)) {
          refuse(
            'attestation/tee-not-accepted',
            `${result.tee} is not accepted; accepted are ${policy.tees.join(', ')}`,
          );
        }
        return result.tee;
      },
    },
    {
      name: 'not under debug',
      hold: () => {
        if (result.debug && policy.debug === 'forbid') {
          refuse('attestation/debug-forbidden', `debug allowed: ${describeDebug(result)}`);
        }
        return result.debug ? 'debug, which the policy allows' : 'no debug';
      },
    },
    ...tcbRules(result, policy),
    {
      name: 'privilege level',
      hold: () => {
        const { vmpl } = result.facts;
        if (typeof vmpl === 'number' && vmpl > policy.maximumVmpl) {
          refuse('attestation/privilege-refused', `VMPL ${vmpl}; at most ${policy.maximumVmpl} is accepted`);
        }
        return typeof vmpl === 'number' ? `VMPL ${vmpl}` : 'has none';
      },
    },
    {
      name: 'measurements are accepted',
      hold: () => {
        ({ matched, entry } = { entry: undefined, ...matchMeasurements(result, policy, context.references ?? []) });
        return matched || 'no measurements demanded';
      },
    },
    { name: 'token is of the accepted service, for us', hold: () => tokenRule(result, policy) },
    { name: 'evidence is fresh', hold: () => ageRule(result, policy, context.at) },
    { name: 'report data bind the conversation', hold: () => bindingRule(result, policy, context) },
    { name: 'code is accepted', hold: () => codeRule(policy, context, entry) },
  ];
  for (const { name, hold } of rules) {
    try {
      checks.push({ name, ok: true, detail: hold() });
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error;
      checks.push({ name, ok: false, detail: error.message });
      refusals.push({ code: error.code, message: error.message });
    }
  }
  const simulated = result.tee === 'simulated';
  if (simulated) checks.unshift({ name: SIMULATED_BANNER, ok: false, detail: 'no hardware stands behind this' });
  return {
    accepted: verdict.ok && refusals.length === 0,
    simulated,
    checks,
    refusals,
    ...(matched === '' ? {} : { matched }),
  };
}

/** Says where the debug bit was found, in the words of the vendor. */
function describeDebug({ tee }: AttestationResult): string {
  switch (tee) {
    case 'sev-snp':
      return 'policy bit 19 is set';
    case 'tdx':
      return 'TD attributes have a debug flag';
    case 'sgx':
      return 'the enclave has the attribute DEBUG';
    case 'nitro':
      return 'PCR0 is all zero';
    default:
      return 'the evidence says so';
  }
}
