export { createParticipant, type Participant } from './participant.ts';
