export { WireError, type WireErrorCode } from './errors.ts';
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
