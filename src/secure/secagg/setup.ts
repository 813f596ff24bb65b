/**
 * Keys for a whole task: pair secrets are agreed once, and each round draws its masks from them by a pseudorandom
 * function of round, attempt and configuration. A task of 500 rounds then pays for one key agreement a pair.
 *
 * The keys of the task are never shared with anybody. What the coordinator needs to recover from a loss is deposited in
 * each round, for that round alone: see `recovery.ts`.
 *
 * @module
 */

import { equalBytes } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { SecAggError } from './errors.ts';
import { createKeyRing, type KeyAgreement, type KeyRing, type PeerKeys } from './keys.ts';
import { createSecAggMemory, type SecAggMemory, type SecAggProgress } from './progress.ts';

/** The long-lived part of a participant in a task with `setup: 'task'`. */
export interface SecAggSetup {
  readonly taskId: string;
  readonly agreement: KeyAgreement;
  readonly keyRing: KeyRing;
  readonly memory: SecAggMemory;
  /**
   * Remembers a peer's keys of this task.
   * @throws {SecAggError} `secagg/key-substituted` when the peer had other keys before.
   */
  pin(id: string, keys: PeerKeys): void;
  /** Everything needed to go on after a restart. Secret: seal it before it touches a disk. */
  serialize(): Uint8Array;
}

const FORMAT = 1;

interface SetupState {
  readonly taskId: string;
  readonly agreement: KeyAgreement;
  readonly channelSecret: Uint8Array;
  readonly maskSecret: Uint8Array;
  readonly peers: Map<string, PeerKeys>;
  readonly progress: SecAggProgress | undefined;
}

function build(state: SetupState): SecAggSetup {
  const { taskId, agreement, channelSecret, maskSecret, peers } = state;
  const memory = createSecAggMemory(state.progress === undefined ? {} : { [taskId]: state.progress });
  return {
    taskId,
    agreement,
    keyRing: createKeyRing({ channelSecret, maskSecret, agreement }),
    memory,
    pin(id, { channelKey, maskKey }) {
      const before = peers.get(id);
      if (before === undefined) {
        peers.set(id, { channelKey: channelKey.slice(), maskKey: maskKey.slice() });
      } else if (!equalBytes(before.channelKey, channelKey) || !equalBytes(before.maskKey, maskKey)) {
        throw new SecAggError('secagg/key-substituted', `the task keys of participant "${id}" have changed`, {
          details: { participants: [id] },
        });
      }
    },
    serialize() {
      const out = new ByteWriter()
        .u8(FORMAT)
        .text(taskId)
        .u8(agreement === 'x25519' ? 0 : 1);
      out.raw(channelSecret).raw(maskSecret);
      const progress = memory.load(taskId);
      if (progress === undefined) out.u8(0);
      else {
        out.u8(1).u32(progress.round).u32(progress.attempt);
        out.u8(progress.finished ? 1 : 0).u32(progress.aborts);
        out.u32(progress.contributors?.length ?? 0);
        for (const id of progress.contributors ?? []) out.text(id);
      }
      out.u32(peers.size);
      for (const [id, { channelKey, maskKey }] of peers) out.text(id).block(channelKey).block(maskKey);
      return out.finish();
    },
  };
}

/** Draws the keys of a task. */
export function createSecAggSetup({
  taskId,
  rng,
  keyAgreement = 'x25519',
}: {
  readonly taskId: string;
  readonly rng: Rng;
  readonly keyAgreement?: KeyAgreement;
}): SecAggSetup {
  return build({
    taskId,
    agreement: keyAgreement,
    channelSecret: rng.bytes(32),
    maskSecret: rng.bytes(32),
    peers: new Map(),
    progress: undefined,
  });
}

/**
 * Restores what {@link SecAggSetup.serialize} wrote.
 * @throws {SecAggError} `secagg/malformed-message` when the bytes are something else.
 */
export function restoreSecAggSetup(bytes: Uint8Array): SecAggSetup {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== FORMAT) throw new SecAggError('secagg/malformed-message', 'not a serialised setup');
  const taskId = reader.text();
  const agreement = reader.u8() === 0 ? 'x25519' : 'x25519-mlkem768';
  const channelSecret = reader.raw(32).slice();
  const maskSecret = reader.raw(32).slice();
  const progress = reader.u8() === 0 ? undefined : readProgress(reader);
  const peers = new Map<string, PeerKeys>();
  for (let left = reader.u32(); left > 0; left -= 1) {
    peers.set(reader.text(), { channelKey: reader.block().slice(), maskKey: reader.block().slice() });
  }
  reader.end();
  return build({ taskId, agreement, channelSecret, maskSecret, peers, progress });
}

function readProgress(reader: ByteReader): SecAggProgress {
  const round = reader.u32();
  const attempt = reader.u32();
  const finished = reader.u8() === 1;
  const aborts = reader.u32();
  const contributors: string[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) contributors.push(reader.text());
  return { round, attempt, finished, aborts, ...(contributors.length === 0 ? {} : { contributors }) };
}
