export { WireError, type WireErrorCode } from './errors.ts';
export { formatInvitationLink, type Invitation, PARTICIPANT_PAGE_PATH, parseInvitationFragment } from './invitation.ts';
export {
  type AggregationMessage,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageAddress,
  PROTOCOL_VERSION,
  type RoundClosed,
  type RoundOffer,
} from './messages.ts';
export { decodeMail, encodeMail, type MailFrame } from './mail.ts';
export { type RequestClaims, type SignedRequest, signRequest, verifyRequest } from './request-signature.ts';
