/**
 * The frame around every message: protocol version, kind, round, attempt and the start of the context digest, so that a
 * message of another round, another configuration or another stage is recognised and refused by name.
 *
 * @module
 */

import { equalBytes } from '../../foundations/crypto/index.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { SECAGG_VERSION, type ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { SecAggStage } from './stages.ts';

/** What a message is. The first six come from participants, the others from the coordinator. */
export const MESSAGE_KINDS = {
  advertiseKeys: 1,
  drawGraph: 2,
  shareKeys: 3,
  maskedInput: 4,
  consistency: 5,
  unmask: 6,
  rosterRoot: 17,
  roster: 18,
  routedShares: 19,
  survivors: 20,
  signatures: 21,
} as const;

/** Name of a message kind. */
export type MessageKind = keyof typeof MESSAGE_KINDS;

const REQUESTS: Readonly<Record<SecAggStage, MessageKind>> = {
  advertiseKeys: 'advertiseKeys',
  drawGraph: 'rosterRoot',
  shareKeys: 'roster',
  maskedInput: 'routedShares',
  consistency: 'survivors',
  unmask: 'survivors',
};

/** The kind of the message that asks for a stage's answer. */
export function requestKind(stage: SecAggStage, { malicious }: ResolvedConfig): MessageKind {
  return stage === 'unmask' && malicious ? 'signatures' : REQUESTS[stage];
}

const KIND_NAMES = new Map<number, MessageKind>(
  Object.entries(MESSAGE_KINDS).map(([name, value]) => [value, name as MessageKind]),
);
/** With the rest of the frame a multiple of four, so that the words of a vector lie aligned. */
const TAG_BYTES = 18;
/** Bytes in front of every body. */
export const FRAME_BYTES = 2 + 4 + 4 + TAG_BYTES;

/** Starts a message; write its body to the result. */
export function openMessage(kind: MessageKind, config: ResolvedConfig, sizeHint = 256): ByteWriter {
  return new ByteWriter(sizeHint + FRAME_BYTES)
    .u8(SECAGG_VERSION)
    .u8(MESSAGE_KINDS[kind])
    .u32(config.round)
    .u32(config.attempt)
    .raw(config.contextDigest.subarray(0, TAG_BYTES));
}

/**
 * Reads the frame of a message.
 * @throws {SecAggError} naming what does not fit: version, round or attempt, or configuration.
 */
export function readFrame(message: Uint8Array, config: ResolvedConfig): { kind: MessageKind; body: ByteReader } {
  const body = new ByteReader(message);
  const version = body.u8();
  if (version !== SECAGG_VERSION) {
    throw new SecAggError(
      'secagg/version-mismatch',
      `the message has protocol version ${version}, this is ${SECAGG_VERSION}: both sides need the same release`,
    );
  }
  const kind = KIND_NAMES.get(body.u8());
  if (kind === undefined) throw new SecAggError('secagg/malformed-message', 'the message has an unknown kind');
  const round = body.u32();
  const attempt = body.u32();
  if (round !== config.round || attempt !== config.attempt) {
    throw new SecAggError(
      'secagg/replayed-message',
      `the message is of round ${round}, attempt ${attempt}; this is round ${config.round}, attempt ${config.attempt}`,
    );
  }
  if (!equalBytes(body.raw(TAG_BYTES), config.contextDigest.subarray(0, TAG_BYTES))) {
    throw new SecAggError(
      'secagg/config-mismatch',
      'the message was made under another task, model, plan or parameters than mine',
    );
  }
  return { kind, body };
}
