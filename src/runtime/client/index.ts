export { ClientError, type ClientErrorCode } from './errors.ts';
export type { AttestedReceipt } from './attestation.ts';
export { join, type JoinEvent, type JoinOptions } from './join.ts';
export { createParticipant, type Participant, type ParticipantOptions } from './participant.ts';
export type { StateStore } from './participant-state.ts';
export { adversaryOf, assertPolicyAccepts, DEFAULT_POLICY, type ParticipantPolicy, policySchema } from './policy.ts';
export { digestReceipt, findBrokenReceipt, FIRST_RECEIPT, type RoundReceipt } from './receipts.ts';
export { createTransport, fetchInvited, type Invited, isUntrusted, type Joined, type Transport } from './transport.ts';
