/**
 * A witness: remembers the largest tree of each log it saw and cosigns only what continues it. [C2SP-witness]
 *
 * @module
 */

import { equalBytes, type SigningKey } from '../../foundations/crypto/index.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { assertConsistent, type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { LogError } from './errors.ts';
import { HASH_BYTES } from './merkle.ts';
import { cosignNote, createNoteVerifier, type NoteVerifier, parseNote } from './note.ts';

/** Where a witness keeps what it has seen. `replace` fails when somebody else replaced it since it was read. */
export interface WitnessStore {
  read(origin: string): Promise<Checkpoint | undefined>;
  replace(seen: Checkpoint, expected: Checkpoint | undefined): Promise<boolean>;
}

/** Content type of the answer 409. */
export const WITNESS_SIZE_TYPE = 'text/x.tlog.size';

/** What a witness answers, in the terms of its HTTP interface. */
export type WitnessAnswer =
  | { readonly status: 200; readonly body: string }
  /** The size it knows, of type {@link WITNESS_SIZE_TYPE}: ask again from there, or, when it is the size that was asked for, the roots differ. */
  | { readonly status: 409; readonly body: string }
  | { readonly status: 400 | 403 | 404 | 422; readonly body: string; readonly code: LogError['code'] };

/** A witness. */
export interface Witness {
  readonly verifier: NoteVerifier;
  /** Answers `POST add-checkpoint`: old size, consistency proof, checkpoint. Never throws on a bad request. */
  addCheckpoint(request: string): Promise<WitnessAnswer>;
}

/** Writes the request that asks a witness for its signature. */
export function formatWitnessRequest(
  oldSize: number,
  { proof, checkpoint }: { readonly proof: readonly Uint8Array[]; readonly checkpoint: string },
): string {
  return [`old ${oldSize}`, ...proof.map((hash) => encodeBase64(hash)), '', checkpoint].join('\n');
}

/** Creates a witness. `now` gives seconds since 1970. */
export function createWitness({
  name,
  key,
  logs,
  store,
  now,
}: {
  readonly name: string;
  readonly key: SigningKey;
  readonly logs: readonly NoteVerifier[];
  readonly store: WitnessStore;
  readonly now: () => number;
}): Witness {
  const verifier = createNoteVerifier('cosignature', name, key.publicKey);
  const refuse = (status: 400 | 403 | 404 | 422, error: LogError): WitnessAnswer => ({
    status,
    code: error.code,
    body: `${error.message}\n`,
  });

  async function add(request: string): Promise<WitnessAnswer> {
    const { oldSize, proof, note } = parseRequest(request);
    const { text } = parseNote(note);
    const origin = text.split('\n', 1)[0] ?? '';
    const verifiers = logs.filter((each) => each.name === origin);
    if (verifiers.length === 0) return refuse(404, new LogError('log/key-mismatch', `unknown log ${origin}`));
    const checkpoint = openCheckpoint(note, { verifiers });
    if (oldSize > checkpoint.size) {
      return refuse(400, new LogError('log/malformed', 'the old size is larger than the checkpoint'));
    }
    const seen = await store.read(origin);
    if (oldSize !== (seen?.size ?? 0)) return { status: 409, body: `${seen?.size ?? 0}\n` };
    if (oldSize === 0 && proof.length > 0) {
      return refuse(422, new LogError('log/malformed', 'a proof from an empty tree is empty'));
    }
    // Two roots of one size: the protocol asks for the same answer as for another size.
    if (seen !== undefined && seen.size === checkpoint.size && !equalBytes(seen.root, checkpoint.root)) {
      return { status: 409, body: `${seen.size}\n` };
    }
    if (seen !== undefined) {
      try {
        assertConsistent(seen, checkpoint, proof);
      } catch (error) {
        if (error instanceof LogError) return refuse(422, error);
        throw error;
      }
    }
    const { size, root } = checkpoint;
    if (!(await store.replace({ origin, size, root }, seen))) {
      return { status: 409, body: `${(await store.read(origin))?.size ?? 0}\n` };
    }
    return { status: 200, body: cosignNote(text, { name, key, time: now() }) };
  }

  return {
    verifier,
    async addCheckpoint(request) {
      try {
        return await add(request);
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        return refuse(error.code === 'log/signature-invalid' ? 403 : 400, error);
      }
    },
  };
}

function parseRequest(request: string): { oldSize: number; proof: Uint8Array[]; note: string } {
  const cut = request.indexOf('\n\n');
  const [first = '', ...lines] = request.slice(0, Math.max(0, cut)).split('\n');
  const old = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1];
  if (cut < 0 || old === undefined || lines.length > 63) {
    throw new LogError('log/malformed', 'a request is an old size, up to 63 hashes, an empty line and a checkpoint');
  }
  const proof = lines.map((line) => {
    const hash = decodeBase64(line);
    if (hash?.length !== HASH_BYTES) throw new LogError('log/malformed', 'a request has a line that is no hash');
    return hash;
  });
  return { oldSize: Number(old), proof, note: request.slice(cut + 2) };
}

/** Creates a witness's memory for one process. */
export function createMemoryWitnessStore(): WitnessStore {
  const seen = new Map<string, Checkpoint>();
  return {
    read: (origin) => Promise.resolve(seen.get(origin)),
    replace(next, expected) {
      if (seen.get(next.origin) !== expected) return Promise.resolve(false);
      seen.set(next.origin, next);
      return Promise.resolve(true);
    },
  };
}
