/**
 * Asking witnesses for their cosignatures: the client's half of the witness protocol. The client says which tree it
 * believes the witness saw last, is told when that is not so, and proves from there. [C2SP-witness]
 *
 * @module
 */

import { equalBytes } from '../../foundations/crypto/index.ts';
import type { SignedCheckpoint } from './checkpoint.ts';
import { LogError } from './errors.ts';
import { formatNote, type NoteVerifier, parseNote, verifyNote } from './note.ts';
import type { LogReader } from './reader.ts';
import { formatWitnessRequest } from './witness.ts';
import type { LogWriter } from './writer.ts';

/** Posts a request body to a witness's `add-checkpoint`. Must reject when there is no answer. */
export type WitnessTransport = (request: string) => Promise<{ readonly status: number; readonly body: string }>;

/** A checkpoint, and the log that it is proven from. */
export interface WitnessedLog {
  readonly checkpoint: SignedCheckpoint;
  readonly reader: Pick<LogReader, 'consistencyProof'>;
}

/** A witness that is asked. */
export interface WitnessClient {
  readonly verifier: NoteVerifier;
  /**
   * Asks for a cosignature.
   * @returns the line to put below the checkpoint; it verifies under the witness's key.
   * @throws {LogError} `log/forked` when the witness saw a tree that this one does not continue, `log/rolled-back` when
   * it saw a larger one, `log/witness-refused` (retryable) when it gave no signature for any other reason.
   */
  cosign(log: WitnessedLog): Promise<string>;
}

/** A request is sent again when the witness says that it knows another size: once, and once more if it grew meanwhile. */
const MAX_REQUESTS = 3;
/** How far a witness's clock may be ahead. */
const MAX_AHEAD_SECONDS = 300;

/**
 * Creates the client of a witness.
 * @param options - `now` gives seconds since 1970.
 */
export function createWitnessClient({
  verifier,
  send,
  now,
}: {
  readonly verifier: NoteVerifier;
  readonly send: WitnessTransport;
  readonly now: () => number;
}): WitnessClient {
  if (verifier.kind !== 'cosignature') {
    throw new LogError('log/key-mismatch', `the key of ${verifier.name} is a log’s; a witness’s is of type 04`);
  }
  /** Size of the largest tree of each log that the witness is known to have seen. */
  const seen = new Map<string, number>();
  const refused = (why: string, cause?: unknown): LogError =>
    new LogError('log/witness-refused', `the witness ${verifier.name} ${why}`, {
      retryable: true,
      details: { witness: verifier.name },
      ...(cause === undefined ? {} : { cause }),
    });

  async function ask(old: number, { checkpoint, reader }: WitnessedLog): ReturnType<WitnessTransport> {
    const proof = old === 0 ? [] : await reader.consistencyProof(old, checkpoint.size);
    try {
      // Lines of other witnesses are nobody's business here.
      return await send(formatWitnessRequest(old, { proof, checkpoint: ownNote(checkpoint) }));
    } catch (cause) {
      throw refused('does not answer', cause);
    }
  }

  /** The line of this witness's key; every other one is ignored. */
  function lineOf(body: string, { note }: SignedCheckpoint): string {
    const { text } = parseNote(note);
    let found: string | undefined;
    let time: number | undefined;
    try {
      const own = body
        .split('\n')
        .slice(0, -1)
        .map((line) => `${line}\n`)
        .find((line) => {
          const [signature] = parseNote(formatNote(text, [line])).signatures;
          return signature?.name === verifier.name && equalBytes(signature.keyId, verifier.keyId);
        });
      if (own !== undefined) {
        ({ time } = verifyNote(parseNote(formatNote(text, [own])), [verifier])[0] as { time?: number });
        found = own;
      }
    } catch (cause) {
      if (!(cause instanceof LogError)) throw cause;
      throw refused('sent a signature that does not verify', cause);
    }
    if (found === undefined) throw refused('sent no signature of its own');
    if (time === undefined || time > now() + MAX_AHEAD_SECONDS) throw refused('signed with a time in the future');
    return found;
  }

  return {
    verifier,
    async cosign(log) {
      const { origin, size } = log.checkpoint;
      const details = { witness: verifier.name, origin, size };
      for (let request = 1; request <= MAX_REQUESTS; request += 1) {
        const old = seen.get(origin) ?? 0;
        const { status, body } = await ask(Math.min(old, size), log);
        if (status === 200) {
          const line = lineOf(body, log.checkpoint);
          seen.set(origin, size);
          return line;
        }
        if (status === 422) {
          throw new LogError(
            'log/forked',
            `${verifier.name} saw a tree of ${origin} that ${size} leaves do not continue`,
            {
              details,
            },
          );
        }
        if (status !== 409) throw refused(`answered ${status}: ${body.slice(0, 200).trim()}`);
        const known = /^(0|[1-9]\d{0,15})\n$/.exec(body)?.[1];
        if (known === undefined || !Number.isSafeInteger(Number(known))) throw refused('answered 409 without a size');
        if (Number(known) > size) {
          throw new LogError(
            'log/rolled-back',
            `${verifier.name} saw ${known} leaves of ${origin}, which has ${size}`,
            {
              details: { ...details, seen: Number(known) },
            },
          );
        }
        if (Number(known) === size && old === size) {
          throw new LogError('log/forked', `${verifier.name} saw another root for the ${size} leaves of ${origin}`, {
            details,
          });
        }
        seen.set(origin, Number(known));
      }
      throw refused(`changed what it has seen ${MAX_REQUESTS} times`);
    },
  };
}

/** The checkpoint with the log's own signature alone. */
function ownNote({ note, origin }: SignedCheckpoint): string {
  const { text } = parseNote(note);
  const lines = note
    .slice(text.length + 1)
    .split('\n')
    .filter((line) => line.startsWith(`— ${origin} `))
    .map((line) => `${line}\n`);
  return formatNote(text, lines);
}

/** What became of asking several witnesses. */
export interface WitnessRound {
  /** Names of those whose signature the checkpoint has now. */
  readonly signed: readonly string[];
  /** The others, and why not. */
  readonly failed: readonly { readonly name: string; readonly error: LogError }[];
  /** The log grew while they were asked: the signatures are of a checkpoint that is no longer the last one. */
  readonly superseded: boolean;
}

/**
 * Asks witnesses for the last checkpoint of a log, all at once, and puts their signatures below it.
 * @throws {LogError} `log/forked` or `log/rolled-back` when one of them saw another story: nothing is more urgent.
 */
export async function collectCosignatures(log: LogWriter, witnesses: readonly WitnessClient[]): Promise<WitnessRound> {
  const checkpoint = log.checkpoint();
  const asked = { checkpoint, reader: log.reader() };
  const lines: string[] = [];
  const signed: string[] = [];
  const failed: { name: string; error: LogError }[] = [];
  await Promise.all(
    witnesses.map(async (witness) => {
      const { name } = witness.verifier;
      try {
        lines.push(await witness.cosign(asked));
        signed.push(name);
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        failed.push({ name, error });
      }
    }),
  );
  const verifiers = witnesses.map(({ verifier }) => verifier);
  const added = lines.length === 0 || (await log.addCosignatures(lines, verifiers, checkpoint));
  const split = failed.find(({ error }) => error.code === 'log/forked' || error.code === 'log/rolled-back');
  if (split !== undefined) throw split.error;
  return { signed: signed.toSorted(), failed, superseded: !added };
}
