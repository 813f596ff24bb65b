export {
  type AttestationFrame,
  decodeAttestationFrame,
  encodeAttestationFrame,
  type ReferenceFrame,
} from './attestation-answer.ts';
export { WireError, type WireErrorCode } from './errors.ts';
export {
  type AggregationMessage,
  decodeMessage,
  encodeMessage,
  isSealedMessage,
  type Message,
  type MessageAddress,
  PROTOCOL_VERSION,
  type RoundClosed,
  type RoundOffer,
  type SealedMessage,
} from './messages.ts';
export { formatInvitationLink, type Invitation, PARTICIPANT_PAGE_PATH, parseInvitationFragment } from './invitation.ts';
export { decodeMail, encodeMail, type MailFrame } from './mail.ts';
export { readClaims, type RequestClaims, type SignedRequest, signRequest, verifyRequest } from './request-signature.ts';
export { computeTaskPolicyDigest, participantIdOf, type ToldTask } from './task-policy.ts';
export { negotiateVersion, SUPPORTED_VERSIONS } from './version.ts';
