/**
 * The participant's own policy: floors that a task must meet before its data is touched. The participant checks them
 * against the plan it derives itself; nothing is taken on the coordinator's word.
 *
 * @module
 */

import { z } from 'zod';

import { fromHex } from '../../foundations/crypto/index.ts';
import type { ChannelSecurity, TaskPlan } from '../../federation/rounds/index.ts';
import { attestationPolicySchema } from '../../trust/attestation/index.ts';
import type { TaskFile } from '../task/index.ts';
import { ClientError } from './errors.ts';

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');

/** Who admits participants: an enrolment authority that is not the coordinator, or one's own list. */
const admissionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('authority'), authorityKey: hex32, scope: z.string().min(1).max(80) }),
  z.strictObject({ kind: z.literal('pinned'), identities: z.record(z.string(), hex32) }),
]);

/** A policy; what is left out is not limited. */
export const policySchema = z.strictObject({
  /** Most that the whole task may spend. */
  maxEpsilon: z.number().positive().optional(),
  /** Most that one attempt may spend, by the task's accountant. */
  maxEpsilonPerRound: z.number().positive().optional(),
  maxDelta: z.number().positive().optional(),
  /** Members that a cohort must have, by the plan and again in every offer; in a sparse graph of masks by the neighbours. */
  minParticipants: z.int().positive().optional(),
  minThreshold: z.int().positive().optional(),
  minNoiseMultiplier: z.number().positive().optional(),
  /** Trust models that are accepted. */
  trust: z.array(z.enum(['nobody', 'local', 'coordinator', 'off'])).default(['nobody']),
  /** Addresses of coordinators, as given to `join`. */
  coordinators: z.array(z.string()).optional(),
  /** Evidence of a trusted execution environment that the coordinator must show before anything is sent to it. */
  requireAttestation: z.union([z.literal(false), attestationPolicySchema]).optional(),
  /** Whose word makes the other participants real; the coordinator's when left out, which is then trusted not to lie. */
  admission: admissionSchema.optional(),
  /**
   * Digests (SHA-256 of the public key) of aggregation servers and key holders that are believed not to collude with the
   * coordinator; those that the task names when left out.
   */
  allowedAssistants: z.array(hex32).optional(),
  /** Refuse tasks whose masks hold against an honest coordinator only. */
  requireMaliciousSecurity: z.boolean().optional(),
});
export type ParticipantPolicy = z.infer<typeof policySchema>;

/** What a participant accepts that says nothing: privacy without trust, at most ε = 10. */
export const DEFAULT_POLICY: ParticipantPolicy = {
  maxEpsilon: 10,
  maxDelta: 1e-3,
  minParticipants: 2,
  trust: ['nobody'],
};

/**
 * Checks a task against a policy.
 * @throws {@link ClientError} `client/policy-refused`, naming the field, what it asks for and what the task has.
 */
export function assertPolicyAccepts(
  policy: ParticipantPolicy,
  { task, plan, url, epsilonPerRound }: { task: TaskFile; plan: TaskPlan; url: string; epsilonPerRound: number },
): void {
  const refuse = (field: string, rule: string, got: string | number): never => {
    throw new ClientError(
      'client/policy-refused',
      `the policy refuses this task: ${field} ${rule}, the task has ${got}`,
      {
        details: { field },
      },
    );
  };
  const { privacy } = task;
  if (!policy.trust.includes(privacy.trust))
    refuse('trust', `must be one of ${policy.trust.join(', ')}`, privacy.trust);
  if (policy.coordinators !== undefined && !policy.coordinators.includes(url)) {
    refuse('coordinators', `must name the coordinator (${policy.coordinators.join(', ')})`, url);
  }
  const atMost = (field: string, limit: number | undefined, got: number): void => {
    if (limit !== undefined && !(got <= limit)) refuse(field, `allows at most ${limit}`, got);
  };
  const atLeast = (field: string, floor: number | undefined, got: number): void => {
    if (floor !== undefined && !(got >= floor)) refuse(field, `asks for at least ${floor}`, got);
  };
  if (privacy.trust !== 'off') {
    atMost('maxEpsilon', policy.maxEpsilon, Math.max(privacy.epsilon ?? 0, plan.epsilonAtEnd));
    atMost('maxDelta', policy.maxDelta, plan.budget?.delta ?? Infinity);
    atMost('maxEpsilonPerRound', policy.maxEpsilonPerRound, epsilonPerRound);
    atLeast('minNoiseMultiplier', policy.minNoiseMultiplier, plan.noise?.noiseMultiplier ?? 0);
  }
  if (policy.requireMaliciousSecurity === true && adversaryOf(policy, plan) !== 'malicious coordinator') {
    refuse(
      'requireMaliciousSecurity',
      'asks for aggregation.adversary malicious-coordinator, and for an admission that is not the coordinator’s',
      adversaryOf(policy, plan),
    );
  }
  atLeast('minParticipants', policy.minParticipants, plan.participants);
  if (policy.minThreshold !== undefined) {
    atLeast('minThreshold', policy.minThreshold, fewestOf(plan));
  }
}

/** Fewest contributions of a sum that is opened. */
function fewestOf({ aggregation }: TaskPlan): number {
  switch (aggregation.kind) {
    case 'secagg':
      return aggregation.threshold;
    case 'shares':
    case 'homomorphic':
      return aggregation.minSurvivors;
    case 'clear':
      return 0;
  }
}

/** Whom a task's masks withstand under this policy. Everybody who shows a result says it. */
export function adversaryOf(
  policy: ParticipantPolicy,
  plan: Pick<TaskPlan, 'aggregation'>,
): 'honest-but-curious coordinator' | 'malicious coordinator' {
  const malicious = plan.aggregation.kind === 'secagg' && plan.aggregation.adversary === 'malicious-coordinator';
  return malicious && policy.admission !== undefined ? 'malicious coordinator' : 'honest-but-curious coordinator';
}

/** What this participant demands of every round by masks. */
export function securityOf(
  policy: ParticipantPolicy,
  { aggregation }: Pick<TaskPlan, 'aggregation'>,
): NonNullable<ChannelSecurity['policy']> {
  const { admission, minParticipants, minThreshold, requireMaliciousSecurity } = policy;
  // Of a sparse graph a participant sees itself and its neighbours, and counts nobody else.
  const seen = aggregation.kind === 'secagg' ? (aggregation.degree ?? Infinity) + 1 : Infinity;
  return {
    admission: admissionOf(admission),
    ...(minParticipants === undefined ? {} : { minCohort: Math.min(minParticipants, seen) }),
    ...(minThreshold === undefined ? {} : { minThreshold }),
    ...(requireMaliciousSecurity === undefined ? {} : { requireMaliciousSecurity }),
  };
}

function admissionOf(admission: ParticipantPolicy['admission']): NonNullable<ChannelSecurity['policy']>['admission'] {
  switch (admission?.kind) {
    case undefined:
      return { kind: 'coordinator' };
    case 'authority':
      return { kind: 'authority', authorityKey: fromHex(admission.authorityKey), scope: admission.scope };
    case 'pinned':
      return {
        kind: 'pinned',
        identities: new Map(Object.entries(admission.identities).map(([id, key]) => [id, fromHex(key)])),
      };
  }
}
