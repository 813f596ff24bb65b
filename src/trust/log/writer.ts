/**
 * The writer of a tiled log. Leaves that arrive while a batch is being written go into the next batch together, so that
 * one signature and a handful of files serve many leaves. Tiles and bundles are written before the checkpoint that
 * promises them: a crash at any point leaves the log of the last checkpoint, and what lies beyond it is cleared away.
 *
 * @module
 */

import { equalBytes, type SigningKey, toHex } from '../../foundations/crypto/index.ts';
import { assertConsistent, formatCheckpoint, openCheckpoint, type SignedCheckpoint } from './checkpoint.ts';
import { LogError } from './errors.ts';
import { computeRoot, hashLeaf } from './merkle.ts';
import {
  createNoteVerifier,
  formatNote,
  formatSignature,
  type NoteSignature,
  type NoteVerifier,
  parseNote,
  signNote,
  verifyNote,
} from './note.ts';
import { type CompactRange, createCompactRange, createLogReader, type LogReader } from './reader.ts';
import {
  CHECKPOINT_PATH,
  countAtLevel,
  encodeBundle,
  encodeTile,
  MAX_ENTRY_BYTES,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
  type TileName,
  type TileStore,
} from './tiles.ts';

/** A log that this process writes. */
export interface LogWriter {
  readonly verifier: NoteVerifier;
  /** Leaves under the last checkpoint. */
  size(): number;
  checkpoint(): SignedCheckpoint;
  /**
   * Appends leaves; resolves to the index of the first once they stand under a signed checkpoint.
   * @throws {LogError} `log/invalid-leaf` when one is longer than 65,535 bytes; then none is appended.
   */
  append(leaves: readonly Uint8Array[]): Promise<number>;
  /** Reads the log as of the last checkpoint. */
  reader(): LogReader;
  /**
   * Adds witnesses' lines to the checkpoint they signed; a line takes the place of an earlier one of the same witness.
   * @param of - the checkpoint that was signed, where the log may have grown since.
   * @returns false when it has: then nothing is added.
   * @throws {LogError} `log/signature-invalid` when a line is not of one of the witnesses.
   */
  addCosignatures(
    lines: readonly string[],
    witnesses: readonly NoteVerifier[],
    of?: SignedCheckpoint,
  ): Promise<boolean>;
}

/** How a log is opened. */
export interface LogWriterOptions {
  readonly store: TileStore;
  /** The log's name; also that of its key. */
  readonly origin: string;
  readonly key: SigningKey;
  /** A checkpoint seen before: a log that is behind it or forked from it is not continued. */
  readonly seen?: SignedCheckpoint;
  /**
   * `all` keeps partial tiles of every checkpoint until they are full, as [C2SP-tiles] asks of a served log. `latest` keeps
   * those of the last checkpoint: a deviation for logs in a run folder, whose bundles would otherwise be written hundreds
   * of times; older checkpoints stay provable from the newer tiles, which begin with the older ones.
   */
  readonly partials?: 'all' | 'latest';
}

interface Level {
  hashes: Uint8Array[];
  index: number;
}

interface Edge {
  readonly range: CompactRange;
  readonly levels: Level[];
  bundle: Uint8Array[];
}

/**
 * Creates a log in an empty store, or opens the one that is there.
 * @throws {LogError} `log/key-mismatch`, `log/signature-invalid`, `log/inconsistent`, `log/incomplete`, `log/rolled-back`,
 * `log/forked`: nothing was written then.
 */
export async function openLog({ store, origin, key, seen, partials = 'all' }: LogWriterOptions): Promise<LogWriter> {
  const verifier = createNoteVerifier('ed25519', origin, key.publicKey);
  let checkpoint = await load();
  let edge = await edgeOf(checkpoint);
  let superseded: string[] = [];
  let pending: {
    readonly leaves: readonly Uint8Array[];
    readonly done: (first: number) => void;
    readonly fail: (error: unknown) => void;
  }[] = [];
  let writing = false;
  let stale = false;
  let turn: Promise<unknown> = Promise.resolve();
  await clearBeyond();

  /** Lets what replaces the checkpoint run one after another, so that none puts an older one in the place of a newer. */
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = turn.then(act);
    turn = done.catch(() => {});
    return done;
  }

  async function load(): Promise<SignedCheckpoint> {
    const found = await store.read(CHECKPOINT_PATH);
    if (found === undefined) {
      const first = sign(0, createCompactRange().root());
      if (seen !== undefined && seen.size > 0) assertConsistent(seen, first, []);
      await store.write([[CHECKPOINT_PATH, new TextEncoder().encode(first.note)]]);
      return first;
    }
    const { signatures } = parseNote(found);
    if (!signatures.some(({ name, keyId }) => name === origin && equalBytes(keyId, verifier.keyId))) {
      throw new LogError(
        'log/key-mismatch',
        `the log here is not signed by ${origin} with this key; nothing was appended`,
      );
    }
    const read = openCheckpoint(found, { verifiers: [verifier] });
    if (seen !== undefined) {
      const older = seen.size <= read.size;
      const proof = older ? await createLogReader(store, read.size).consistencyProof(seen.size) : [];
      assertConsistent(seen, read, proof);
    }
    return read;
  }

  function sign(size: number, root: Uint8Array): SignedCheckpoint {
    const text = formatCheckpoint({ origin, size, root });
    const note = formatNote(text, [signNote(text, { name: origin, key })]);
    return { origin, size, root, note, signatures: [{ verifier }] };
  }

  /** Reads the right edge and checks that it is the one that was signed. */
  async function edgeOf({ size, root }: SignedCheckpoint): Promise<Edge> {
    const reader = createLogReader(store, size);
    const levels: Level[] = [];
    for (let level = 0; level === 0 || countAtLevel(size, level) > 0; level += 1) {
      const count = countAtLevel(size, level);
      const index = Math.floor(count / TILE_WIDTH);
      levels.push({ index, hashes: await partialHashes(level, index, count % TILE_WIDTH) });
    }
    const start = size - (size % TILE_WIDTH);
    const bundle: Uint8Array[] = [];
    for await (const entry of reader.entries(start, size)) bundle.push(entry.slice());
    const perfect: Uint8Array[] = [];
    for (let at = 0, rest = size; rest > 0;) {
      let width = 1;
      while (width * 2 <= rest) width *= 2;
      perfect.push(await rangeOf(at, width));
      at += width;
      rest -= width;
    }
    const range = createCompactRange(size, perfect);
    const leaves = levels[0]?.hashes ?? [];
    if (
      !equalBytes(range.root(), root) ||
      bundle.some((entry, i) => !equalBytes(hashLeaf(entry), leaves[i] as Uint8Array))
    ) {
      throw new LogError('log/inconsistent', `the tiles of ${origin} do not have the root that its checkpoint signs`);
    }
    return { range, levels, bundle };

    /** Hash of the perfect subtree of `width` leaves at `at`, from the tile that holds it. */
    async function rangeOf(at: number, width: number): Promise<Uint8Array> {
      const level = Math.floor(Math.log2(width) / 8);
      const span = width / TILE_WIDTH ** level;
      const first = at / TILE_WIDTH ** level;
      const index = Math.floor(first / TILE_WIDTH);
      const whole = Math.min(TILE_WIDTH, countAtLevel(size, level) - index * TILE_WIDTH);
      const hashes = await partialHashes(level, index, whole);
      return computeRoot(hashes.slice(first % TILE_WIDTH, (first % TILE_WIDTH) + span));
    }

    async function partialHashes(level: number, index: number, width: number): Promise<Uint8Array[]> {
      if (width === 0) return [];
      const bytes =
        (await store.read(tilePath({ level, index, width }))) ??
        (await store.read(tilePath({ level, index, width: TILE_WIDTH })));
      if (bytes === undefined || bytes.length < width * 32) {
        throw new LogError('log/incomplete', `the log has no ${tilePath({ level, index, width })}`);
      }
      return Array.from({ length: width }, (_, i) => bytes.slice(32 * i, 32 * i + 32));
    }
  }

  /** Removes what a crash left beyond the checkpoint. */
  async function clearBeyond(): Promise<void> {
    const { size } = checkpoint;
    const beyond = (await store.list()).filter((path) => {
      const name = parseTilePath(path);
      if (name === undefined) return false;
      const count = name.level === 'entries' ? size : countAtLevel(size, name.level);
      return name.index * TILE_WIDTH + name.width > count;
    });
    await store.remove(beyond);
    if (partials === 'latest') superseded = pathsOf(partialsOf(edge));
  }

  function partialsOf({ levels, bundle, range }: Edge): TileName[] {
    const names: TileName[] = levels
      .map(({ hashes, index }, level) => ({ level, index, width: hashes.length }))
      .filter(({ width }) => width > 0);
    if (bundle.length > 0) {
      names.push({ level: 'entries', index: Math.floor(range.size() / TILE_WIDTH), width: bundle.length });
    }
    return names;
  }

  function pathsOf(names: readonly TileName[]): string[] {
    return names.map(tilePath);
  }

  /** Adds leaves to the edge in memory and returns the files that hold what became of it. */
  function grow(leaves: readonly Uint8Array[]): (readonly [string, Uint8Array])[] {
    const files: (readonly [string, Uint8Array])[] = [];
    const touched = new Set<number>();
    for (const leaf of leaves) {
      const hash = hashLeaf(leaf);
      edge.range.push(hash);
      edge.bundle.push(leaf);
      if (edge.bundle.length === TILE_WIDTH) {
        const index = edge.range.size() / TILE_WIDTH - 1;
        files.push([tilePath({ level: 'entries', index, width: TILE_WIDTH }), encodeBundle(edge.bundle)]);
        edge.bundle = [];
      }
      for (let level = 0, up: Uint8Array | undefined = hash; up !== undefined; level += 1) {
        const at = (edge.levels[level] ??= { hashes: [], index: 0 });
        at.hashes.push(up);
        touched.add(level);
        up = undefined;
        if (at.hashes.length === TILE_WIDTH) {
          files.push([tilePath({ level, index: at.index, width: TILE_WIDTH }), encodeTile(at.hashes)]);
          up = computeRoot(at.hashes);
          edge.levels[level] = { hashes: [], index: at.index + 1 };
        }
      }
    }
    for (const name of partialsOf(edge)) {
      if (name.level === 'entries') files.push([tilePath(name), encodeBundle(edge.bundle)]);
      else if (touched.has(name.level)) {
        files.push([tilePath(name), encodeTile((edge.levels[name.level] as Level).hashes)]);
      }
    }
    return files;
  }

  /** Puts leaves under a new checkpoint. Returns the index of the first. */
  async function writeBatch(leaves: readonly Uint8Array[]): Promise<number> {
    if (stale) {
      // Memory may be ahead of the store: go back to what is signed there.
      checkpoint = await load();
      edge = await edgeOf(checkpoint);
    }
    stale = true;
    const at = checkpoint.size;
    const files = grow(leaves);
    const next = sign(edge.range.size(), edge.range.root());
    await store.write(files);
    await store.write([[CHECKPOINT_PATH, new TextEncoder().encode(next.note)]]);
    checkpoint = next;
    stale = false;
    return at;
  }

  /** Writes batch after batch. Ends and says so in one step, so that no leaf is left waiting for a writer that is gone. */
  async function flush(): Promise<void> {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      try {
        let at = await inTurn(() => writeBatch(batch.flatMap(({ leaves }) => leaves)));
        for (const { leaves, done } of batch) {
          done(at);
          at += leaves.length;
        }
      } catch (error) {
        for (const { fail } of batch) fail(error);
        continue;
      }
      // What stays behind takes room and is in nobody's way.
      await prune().catch(() => {});
    }
    writing = false;
  }

  /** Removes partial tiles that nobody needs any more. */
  async function prune(): Promise<void> {
    const current = pathsOf(partialsOf(edge));
    if (partials === 'latest') {
      const old = superseded.filter((path) => !current.includes(path));
      superseded = current;
      await store.remove(old);
      return;
    }
    const filled = superseded.filter((path) => {
      const name = parseTilePath(path) as TileName;
      const count = name.level === 'entries' ? checkpoint.size : countAtLevel(checkpoint.size, name.level);
      return (name.index + 1) * TILE_WIDTH <= count;
    });
    superseded = [
      ...superseded.filter((path) => !filled.includes(path)),
      ...current.filter((path) => !superseded.includes(path)),
    ];
    await store.remove(filled);
  }

  return {
    verifier,
    size: () => checkpoint.size,
    checkpoint: () => checkpoint,
    append(leaves) {
      const long = leaves.find(({ length }) => length > MAX_ENTRY_BYTES);
      if (long !== undefined) {
        return Promise.reject(
          new LogError('log/invalid-leaf', `a leaf has ${long.length} bytes, more than ${MAX_ENTRY_BYTES}`),
        );
      }
      if (leaves.length === 0) return Promise.resolve(checkpoint.size);
      return new Promise((done, fail) => {
        pending.push({ leaves: leaves.map((leaf) => leaf.slice()), done, fail });
        if (writing) return;
        writing = true;
        void flush();
      });
    },
    reader: () => createLogReader(store, checkpoint.size),
    addCosignatures: (lines, witnesses, of) =>
      inTurn(async () => {
        const { text, signatures: own } = parseNote(checkpoint.note);
        if (stale || (of !== undefined && parseNote(of.note).text !== text)) return false;
        const added = parseNote(formatNote(text, lines)).signatures;
        if (verifyNote({ text, signatures: added }, witnesses).length !== added.length) {
          throw new LogError(
            'log/signature-invalid',
            'a line is not of one of the witnesses, or one of them signed twice',
          );
        }
        const sameKey = (a: NoteSignature, b: NoteSignature): boolean =>
          a.name === b.name && equalBytes(a.keyId, b.keyId);
        const kept = own.filter((line) => !added.some((each) => sameKey(each, line)));
        const note = formatNote(text, [...kept, ...added].map(formatSignature));
        const next = openCheckpoint(note, { verifiers: [verifier, ...witnesses] });
        await store.write([[CHECKPOINT_PATH, new TextEncoder().encode(note)]]);
        checkpoint = next;
        return true;
      }),
  };
}

/** Names a key for people: the first bytes of its SHA-256-based id and its name. */
export function describeKey({ name, keyId }: NoteVerifier): string {
  return `${name} (${toHex(keyId)})`;
}
