export { createAnsweredFile, openAnsweredFile } from './answered-file.ts';
export { type AskedEvent, type AssistantServer, startAssistantServer } from './assistant-server.ts';
export { collectBody } from './collect-body.ts';
export {
  type AssistantIdentity,
  type AssistantPlace,
  identifyAssistant,
  openAssistant,
  type OpenAssistant,
  resolveAssistantName,
} from './open-assistant.ts';
