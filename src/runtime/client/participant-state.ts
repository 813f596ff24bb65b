/**
 * What a participant has to find again after a restart: the layers that it keeps to itself, its control (SCAFFOLD), what
 * top-k left out, and the keys of a task-long setup with how far they have been used. It is written before the message
 * that it belongs to leaves, sealed under a key that follows from the identity, and never sent to anybody.
 *
 * @module
 */

import { decode, encode } from 'cborg';

import {
  concatBytes,
  equalBytes,
  hkdfSha256,
  openSealed,
  seal,
  sha256,
  type SigningKey,
  utf8,
} from '../../foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../foundations/random/index.ts';
import type { TaskPlan } from '../../federation/rounds/index.ts';
import { createSecAggSetup, restoreSecAggSetup, type SecAggSetup } from '../../secure/secagg/index.ts';
import type { Contributor, ContributorState } from '../training/federated/index.ts';
import { ClientError } from './errors.ts';

/** Where the sealed state of one participant in one task lies. */
export interface StateStore {
  /** What was saved last; undefined when nothing was. */
  load(): Promise<Uint8Array | undefined>;
  /** Replaces it whole; it outlives a power failure when this resolves. */
  save(sealed: Uint8Array): Promise<void>;
}

/** The state of a participant that takes part. */
export interface ParticipantState {
  /** Keys of the whole task, where the plan says so. */
  readonly setup: SecAggSetup | undefined;
  /** Writes what has changed since the last time; called before a message leaves. */
  save(): Promise<void>;
}

const FORMAT = 1;
const SALT_BYTES = 32;
const ZERO_NONCE = new Uint8Array(12);

/**
 * Opens the state of a participant in a task, and gives the contributor back what it had.
 * @throws {@link ClientError} `client/storage` when the state was changed, belongs to another task or identity, or is older
 * than the participant's own ledger: keys of a whole task must never be used from a state that has forgotten where they
 * were used.
 */
export async function openParticipantState({
  store,
  key,
  taskId,
  participant,
  plan,
  contributor,
  chargedAttempt,
}: {
  store: StateStore | undefined;
  key: SigningKey;
  taskId: string;
  participant: string;
  plan: TaskPlan;
  contributor: Contributor;
  /** Highest attempt that the participant's own ledger has charged; 0 when there is none. */
  chargedAttempt: number;
}): Promise<ParticipantState> {
  const context = utf8(`sotto/participant-state/${FORMAT}\n${taskId}\n${participant}`);
  const box = createBox(key, context);
  const sealed = await store?.load();
  const found = sealed === undefined ? undefined : readState(box.open(sealed));
  let setup: SecAggSetup | undefined;
  if (plan.aggregation.kind === 'secagg' && plan.aggregation.setup === 'task') {
    setup = found?.setup ?? createSecAggSetup({ taskId, rng: createSystemRng() });
    const used = setup.memory.load(taskId)?.attempt ?? 0;
    if (used < chargedAttempt) {
      throw new ClientError(
        'client/storage',
        `the kept keys of this task know of attempt ${used}, the own ledger of attempt ${chargedAttempt}: they were lost or ` +
          'restored from an older copy, and a mask must never be used twice. Take part under a new identity, or in a new task',
        { details: { used, charged: chargedAttempt } },
      );
    }
  }
  if (found !== undefined) contributor.restore(found.contributor);
  let saved = found === undefined ? undefined : sha256(encodeState(setup, contributor));
  return {
    setup,
    async save() {
      if (store === undefined) return;
      const state = encodeState(setup, contributor);
      const digest = sha256(state);
      if (saved === undefined ? isEmpty(setup, contributor) : equalBytes(digest, saved)) return;
      await store.save(box.seal(state));
      saved = digest;
    },
  };
}

function isEmpty(setup: SecAggSetup | undefined, contributor: Contributor): boolean {
  return setup === undefined && Object.keys(contributor.state()).length === 0;
}

/** Numbers as their bytes, little-endian as every platform that this runs on keeps them. */
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function encodeState(setup: SecAggSetup | undefined, contributor: Contributor): Uint8Array {
  const { own, control, residual } = contributor.state();
  return encode([
    FORMAT,
    setup?.serialize() ?? null,
    own === undefined ? null : bytesOf(own),
    control === undefined ? null : bytesOf(control),
    residual === undefined ? null : bytesOf(residual),
  ]);
}

function readState(bytes: Uint8Array): { setup: SecAggSetup | undefined; contributor: ContributorState } {
  // Authenticated: nobody but this participant wrote it, so that a wrong form is a newer version's.
  const [format, setup, own, control, residual] = decode(bytes) as [number, ...(Uint8Array | null)[]];
  if (format !== FORMAT) throw unreadable('it was written by another version');
  const floats = (part: Uint8Array | null | undefined): Float64Array | undefined =>
    part == null ? undefined : new Float64Array(part.slice().buffer);
  return {
    setup: setup == null ? undefined : restoreSecAggSetup(setup),
    contributor: {
      ...(own == null ? {} : { own: new Float32Array(own.slice().buffer) }),
      ...(control == null ? {} : { control: floats(control) as Float64Array }),
      ...(residual == null ? {} : { residual: floats(residual) as Float64Array }),
    },
  };
}

/**
 * Seals under a key of its own every time: HKDF of a secret that the identity alone can compute, with fresh salt. The
 * secret is an Ed25519 signature, which is the same for the same message [RFC8032 §5.1.6], over a text that is signed for
 * nothing else.
 */
function createBox(
  key: SigningKey,
  context: Uint8Array,
): { seal(bytes: Uint8Array): Uint8Array; open(sealed: Uint8Array): Uint8Array } {
  const secret = key.sign(concatBytes(utf8('sotto/participant-state/key\n'), context));
  const keyFor = (salt: Uint8Array): Uint8Array => hkdfSha256(secret, { salt, info: context, sizeBytes: 32 });
  return {
    seal(bytes) {
      const salt = readEntropy(SALT_BYTES);
      return concatBytes(salt, seal(bytes, { key: keyFor(salt), nonce: ZERO_NONCE, associatedData: context }));
    },
    open(sealed) {
      const salt = sealed.subarray(0, SALT_BYTES);
      try {
        return openSealed(sealed.subarray(SALT_BYTES), {
          key: keyFor(salt),
          nonce: ZERO_NONCE,
          associatedData: context,
        });
      } catch (cause) {
        throw unreadable('it was changed, or belongs to another task or identity', cause);
      }
    },
  };
}

function unreadable(why: string, cause?: unknown): ClientError {
  return new ClientError(
    'client/storage',
    `the kept state of this participant cannot be read: ${why}. Remove it to begin at the public start again`,
    { cause },
  );
}
