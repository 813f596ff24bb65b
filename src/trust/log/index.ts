/**
 * The transparency log: what happened, in an append-only tree that anybody can check offline.
 *
 * @module
 */

export { auditRun, readRun, type RunStory } from './audit/audit.ts';
export { type AuditOptions, type DerivedPlan, RUN_FILES, type RunFiles } from './audit/run-files.ts';
export { type Story } from './audit/story.ts';
export { type AuditCode, type AuditProblem, type AuditReport } from './audit/report.ts';
export { decodeBase64, encodeBase64 } from './base64.ts';
export {
  assertConsistent,
  type Checkpoint,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  type SignedCheckpoint,
} from './checkpoint.ts';
export { commitTo, computeRosterRoot, SALT_BYTES, type SaltStore } from './commitment.ts';
export { LogError, type LogErrorCode } from './errors.ts';
export { decodeLeaf, encodeLeaf, type LeafContent, type LeafOf, type LogLeaf, type LogLeafKind } from './leaf.ts';
export {
  computeRoot,
  type ConsistencyClaim,
  emptyRoot,
  hashLeaf,
  hashNode,
  type InclusionClaim,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './merkle.ts';
export {
  cosignNote,
  createNoteVerifier,
  formatNote,
  formatSignature,
  formatVerifierKey,
  type Note,
  type NoteKeyKind,
  type NoteSignature,
  type NoteVerifier,
  parseNote,
  parseVerifierKey,
  signNote,
  type VerifiedSignature,
  verifyNote,
} from './note.ts';
export { formatLogProof, type LogProof, parseLogProof, verifyLogProof } from './proof.ts';
export { computeRoots, createCompactRange, createLogReader, type LogReader } from './reader.ts';
export {
  createReceipt,
  encodeReceipt,
  findContradictions,
  findMiscounts,
  type KnownRound,
  logProofOf,
  parseReceipt,
  type Receipt,
  type ReceivedRound,
  type RosterEntry,
  verifyReceipt,
} from './receipt.ts';
export { createReferenceLog, logReferences } from './reference-log.ts';
export {
  CHECKPOINT_PATH,
  countAtLevel,
  createMemoryTileStore,
  decodeBundle,
  decodeTile,
  encodeBundle,
  encodeTile,
  MAX_ENTRY_BYTES,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
  type TileName,
  type TileSource,
  type TileStore,
} from './tiles.ts';
export {
  createMemoryWitnessStore,
  createWitness,
  formatWitnessRequest,
  type Witness,
  WITNESS_SIZE_TYPE,
  type WitnessAnswer,
  type WitnessStore,
} from './witness.ts';
export {
  collectCosignatures,
  createWitnessClient,
  type WitnessClient,
  type WitnessedLog,
  type WitnessRound,
  type WitnessTransport,
} from './witness-client.ts';
export { describeKey, type LogWriter, type LogWriterOptions, openLog } from './writer.ts';
