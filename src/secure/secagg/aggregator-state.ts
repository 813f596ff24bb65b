/**
 * Everything an aggregator knows in the middle of a round, and its bytes, so that a coordinator that was killed goes on
 * where it was. It holds sealed bundles it cannot open, the running sum of masked vectors, and no contribution.
 *
 * @module
 */

import { ByteReader, ByteWriter } from './codec.ts';
import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import { vectorWords } from './input.ts';
import { readEntry, writeAbsentEntry, writeEntry, type RosterEntry } from './roster.ts';
import { SECAGG_STAGES, type SecAggStage } from './stages.ts';

/** State of an aggregator. Places index the cohort sorted by id. */
export interface AggregatorState {
  readonly cohort: readonly string[];
  stage: SecAggStage | 'done' | 'aborted';
  /** Who was asked in this stage. */
  awaited: Set<number>;
  /** Who has answered in this stage. */
  answered: Set<number>;
  /** Who was asked and did not answer, by stage. */
  readonly dropouts: Map<SecAggStage, readonly number[]>;
  readonly entries: Map<number, RosterEntry>;
  readonly reveals: Map<number, Uint8Array>;
  beacon: Uint8Array | undefined;
  graphSeed: Uint8Array | undefined;
  session: Uint8Array | undefined;
  /** Bodies of the shareKeys messages: sealed bundles, encapsulations and the deposit. */
  readonly bundles: Map<number, Uint8Array>;
  /** Members whose shares were routed. */
  sharers: Set<number>;
  accumulator: Uint32Array;
  survivors: Set<number>;
  readonly signatures: Map<number, Uint8Array>;
  /** Bodies of the unmask messages. */
  readonly answers: Map<number, Uint8Array>;
}

/** Creates the state before anything has arrived. @throws {RangeError} when the cohort repeats an id. */
export function createAggregatorState(cohort: readonly string[], config: ResolvedConfig): AggregatorState {
  const sorted = cohort.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  for (let i = 1; i < sorted.length; i += 1) {
    if (sorted[i] === sorted[i - 1]) throw new RangeError(`"cohort" names participant "${sorted[i]}" twice`);
  }
  return {
    cohort: sorted,
    stage: 'advertiseKeys',
    awaited: new Set(sorted.keys()),
    answered: new Set(),
    dropouts: new Map(),
    entries: new Map(),
    reveals: new Map(),
    beacon: undefined,
    graphSeed: undefined,
    session: undefined,
    bundles: new Map(),
    sharers: new Set(),
    accumulator: new Uint32Array(vectorWords(config)),
    survivors: new Set(),
    signatures: new Map(),
    answers: new Map(),
  };
}

const FORMAT = 1;
const STAGE_NAMES = [...SECAGG_STAGES, 'done', 'aborted'] as const;

function writePlaces(out: ByteWriter, places: Iterable<number>): void {
  const list = [...places];
  out.u32(list.length);
  for (const place of list) out.u32(place);
}

function readPlaces(reader: ByteReader, size: number): number[] {
  return Array.from({ length: readCount(reader, size) }, () => readPlace(reader, size));
}

function readCount(reader: ByteReader, size: number): number {
  const count = reader.u32();
  if (count > size) throw malformed('a list is longer than the cohort');
  return count;
}

function readPlace(reader: ByteReader, size: number): number {
  const place = reader.u32();
  if (place >= size) throw malformed('a place is beyond the cohort');
  return place;
}

function writeBlocks(out: ByteWriter, blocks: ReadonlyMap<number, Uint8Array>): void {
  out.u32(blocks.size);
  for (const [place, bytes] of blocks) out.u32(place).block(bytes);
}

function readBlocks(reader: ByteReader, size: number): Map<number, Uint8Array> {
  const blocks = new Map<number, Uint8Array>();
  for (let left = readCount(reader, size); left > 0; left -= 1) {
    blocks.set(readPlace(reader, size), reader.block().slice());
  }
  return blocks;
}

function writeOptional(out: ByteWriter, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) out.u8(0);
  else out.u8(1).block(bytes);
}

function readOptional(reader: ByteReader): Uint8Array | undefined {
  return reader.u8() === 0 ? undefined : reader.block().slice();
}

/** Writes a state. The bytes contain no input and no secret, but shares once the unmask stage has begun. */
export function serializeState(state: AggregatorState, config: ResolvedConfig): Uint8Array {
  const out = new ByteWriter(1024 + state.accumulator.byteLength).u8(FORMAT).raw(config.contextDigest);
  out.u32(state.cohort.length);
  state.cohort.forEach((id, place) => {
    const entry = state.entries.get(place);
    if (entry === undefined) writeAbsentEntry(out, id);
    else writeEntry(out, entry);
  });
  out.u8(STAGE_NAMES.indexOf(state.stage));
  writePlaces(out, state.awaited);
  writePlaces(out, state.answered);
  out.u8(state.dropouts.size);
  for (const [stage, places] of state.dropouts) {
    out.u8(STAGE_NAMES.indexOf(stage));
    writePlaces(out, places);
  }
  writeBlocks(out, state.reveals);
  for (const bytes of [state.beacon, state.graphSeed, state.session]) writeOptional(out, bytes);
  writeBlocks(out, state.bundles);
  writePlaces(out, state.sharers);
  const { accumulator } = state;
  out.block(new Uint8Array(accumulator.buffer, accumulator.byteOffset, accumulator.byteLength));
  writePlaces(out, state.survivors);
  writeBlocks(out, state.signatures);
  writeBlocks(out, state.answers);
  return out.finish();
}

/** Reads a state. @throws {SecAggError} `secagg/malformed-message`, or `secagg/config-mismatch` for another round's. */
export function restoreState(bytes: Uint8Array, config: ResolvedConfig): AggregatorState {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== FORMAT) throw malformed('it has another format');
  const context = reader.raw(32);
  if (!context.every((byte, i) => byte === config.contextDigest[i])) {
    throw new SecAggError('secagg/config-mismatch', 'the stored state belongs to another round or configuration');
  }
  const size = reader.u32();
  if (size > 2 ** 20) throw malformed('the cohort is too large');
  const cohort: string[] = [];
  const entries = new Map<number, RosterEntry>();
  for (let place = 0; place < size; place += 1) {
    const { id, entry } = readEntry(reader, config);
    cohort.push(id);
    if (entry !== undefined) entries.set(place, copyEntry(entry));
  }
  const stage = STAGE_NAMES[reader.u8()];
  if (stage === undefined) throw malformed('it is in no known stage');
  const awaited = new Set(readPlaces(reader, size));
  const answered = new Set(readPlaces(reader, size));
  const dropouts = new Map<SecAggStage, readonly number[]>();
  for (let left = reader.u8(); left > 0; left -= 1) {
    const lostIn = SECAGG_STAGES[reader.u8()];
    if (lostIn === undefined) throw malformed('it names an unknown stage');
    dropouts.set(lostIn, readPlaces(reader, size));
  }
  const reveals = readBlocks(reader, size);
  const [beacon, graphSeed, session] = [readOptional(reader), readOptional(reader), readOptional(reader)];
  const bundles = readBlocks(reader, size);
  const sharers = new Set(readPlaces(reader, size));
  const sum = reader.block();
  const accumulator = new Uint32Array(vectorWords(config));
  if (sum.length !== accumulator.byteLength) throw malformed('its sum has the wrong length');
  new Uint8Array(accumulator.buffer).set(sum);
  const survivors = new Set(readPlaces(reader, size));
  const signatures = readBlocks(reader, size);
  const answers = readBlocks(reader, size);
  reader.end();
  return {
    cohort,
    stage,
    awaited,
    answered,
    dropouts,
    entries,
    reveals,
    beacon,
    graphSeed,
    session,
    bundles,
    sharers,
    accumulator,
    survivors,
    signatures,
    answers,
  };
}

/** Copies an entry out of the message it was read from. */
export function copyEntry(entry: RosterEntry): RosterEntry {
  const copy: { -readonly [K in keyof RosterEntry]: RosterEntry[K] } = {
    id: entry.id,
    channelKey: entry.channelKey.slice(),
    maskKey: entry.maskKey.slice(),
  };
  if (entry.commitment !== undefined) copy.commitment = entry.commitment.slice();
  if (entry.identityKey !== undefined) copy.identityKey = entry.identityKey.slice();
  if (entry.certificate !== undefined) copy.certificate = entry.certificate.slice();
  if (entry.signature !== undefined) copy.signature = entry.signature.slice();
  return copy;
}

function malformed(what: string): SecAggError {
  return new SecAggError('secagg/malformed-message', `a stored aggregator cannot be restored: ${what}`);
}
