/**
 * What a participant insists on, whatever the coordinator proposes. Floors count only members whose identity the policy
 * itself admits and this participant has verified.
 *
 * @module
 */

import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { SecAggAdmission } from './identity.ts';

/** A participant's own floors. Every field that is left out has the weakest sound value. */
export interface SecAggPolicy {
  readonly admission: SecAggAdmission;
  /** Verified members of the roster, oneself included. 2 by default. */
  readonly minCohort?: number;
  /** Verified members among the survivors, oneself included. 2 by default. */
  readonly minSurvivors?: number;
  readonly minThreshold?: number;
  readonly minNeighbors?: number;
  /** The round must withstand at least so many colluding participants. */
  readonly minCorruptTolerated?: number;
  /**
   * Variance of the noise that honest survivors whom this participant sees leave in the sum, in grid steps squared: shares
   * that are opened and taken out again do not count, nor those of `maxCorrupt` members.
   */
  readonly minNoiseVariance?: number;
  /** Nonzero entries an input must have, so that no layout singles a coordinate out. 0 by default. */
  readonly minSupport?: number;
  /**
   * Members by which a sum has to differ from the last one this participant helped to open, unless they are the same: for
   * sums without noise, whose difference would show the few. 0 (off) by default.
   */
  readonly minDifference?: number;
  /** Refuse rounds that do not defend against a malicious coordinator. */
  readonly requireMaliciousSecurity?: boolean;
  /** Refuse rounds without the post-quantum hybrid. */
  readonly requireHybrid?: boolean;
  /** Attempts of one task that may be begun and not finished. Unlimited by default. */
  readonly abortBudget?: number;
}

/** The policy of somebody who trusts the coordinator to follow the protocol. */
export const TRUSTING_POLICY: SecAggPolicy = Object.freeze({ admission: Object.freeze({ kind: 'coordinator' }) });

function refuse(field: string, rule: string, got: number | string): never {
  throw new SecAggError('secagg/policy-refused', `my policy refuses the round: "${field}" ${rule}, got ${got}`, {
    details: { field },
  });
}

/** Checks what the configuration alone decides. @throws {SecAggError} `secagg/policy-refused`. */
export function assertPolicyAcceptsConfig(policy: SecAggPolicy, config: ResolvedConfig): void {
  const { threshold, maxCorrupt, malicious, keyAgreement } = config;
  const minThreshold = policy.minThreshold ?? 2;
  if (threshold < minThreshold) refuse('threshold', `must be at least ${minThreshold}`, threshold);
  const tolerated = policy.minCorruptTolerated ?? 0;
  if (maxCorrupt < tolerated) refuse('maxCorrupt', `must be at least ${tolerated}`, maxCorrupt);
  if (policy.requireMaliciousSecurity === true && !(malicious && policy.admission.kind !== 'coordinator')) {
    refuse(
      'adversary',
      'must be malicious-coordinator, with identities not admitted by the coordinator',
      config.adversary,
    );
  }
  if (policy.requireHybrid === true && keyAgreement === 'x25519') {
    refuse('keyAgreement', 'must be x25519-mlkem768', keyAgreement);
  }
  if (policy.minNoiseVariance !== undefined && config.noise === undefined) {
    refuse('noise', 'must be added inside the round', 'none');
  }
}

/** Checks the roster. @throws {SecAggError} `secagg/policy-refused`. */
export function assertPolicyAcceptsRoster(
  policy: SecAggPolicy,
  { verified, neighbors }: { readonly verified: number; readonly neighbors: number },
): void {
  const minCohort = Math.max(2, policy.minCohort ?? 2);
  if (verified < minCohort) refuse('minCohort', `must be met by ${minCohort} verified members`, verified);
  const minNeighbors = policy.minNeighbors ?? 1;
  if (neighbors < minNeighbors) refuse('minNeighbors', `must be met by ${minNeighbors} neighbours`, neighbors);
}

/**
 * Checks the survivors.
 * @param counts - `verified` survivors this participant sees, `closed` of them with a noise share that stays in the sum.
 * @throws {SecAggError} `secagg/policy-refused`.
 */
export function assertPolicyAcceptsSurvivors(
  policy: SecAggPolicy,
  config: ResolvedConfig,
  { verified, closed }: { readonly verified: number; readonly closed: number },
): void {
  const minSurvivors = Math.max(2, policy.minSurvivors ?? 2);
  if (verified < minSurvivors) refuse('minSurvivors', `must be met by ${minSurvivors} verified survivors`, verified);
  if (policy.minNoiseVariance !== undefined) {
    const honest = Math.max(0, closed - config.maxCorrupt);
    const variance = honest * (config.noise?.shareVariance ?? 0);
    if (variance < policy.minNoiseVariance) {
      refuse('minNoiseVariance', `must be at least ${policy.minNoiseVariance}`, variance);
    }
  }
}

/**
 * Names the adversary a round really withstands, as every output has to say it.
 * Identities admitted by the coordinator leave only the honest-but-curious one.
 */
export function describeAdversary(
  config: Pick<ResolvedConfig, 'adversary'>,
  admission: SecAggAdmission,
): 'honest-but-curious coordinator' | 'malicious coordinator' {
  return config.adversary === 'malicious-coordinator' && admission.kind !== 'coordinator'
    ? 'malicious coordinator'
    : 'honest-but-curious coordinator';
}
