export {
  type AnsweredAttempts,
  type Assistant,
  type AssistantRequest,
  createAnsweredAttempts,
  decodeParts,
  decodeRequest,
  encodeRequest,
} from './assistant.ts';
export { createServerAssistant, joinAnswers, readShares, sealShares, type SharedSum } from './aggregation-servers.ts';
export { AssistantError, type AssistantErrorCode } from './errors.ts';
export {
  createEncryptedGathering,
  createHolderKeys,
  createKeyHolderAssistant,
  createSumEncryption,
  type EncryptedGathering,
  type EncryptedSum,
  encryptContribution,
  type KeyHolderAssistant,
  publicKeyOfHolder,
  readOpenedSum,
  type SumEncryption,
} from './key-holder.ts';
