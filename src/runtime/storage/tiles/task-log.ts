/**
 * A task's log as its runner writes it: leaves gather and are put under one signature at the points where somebody relies
 * on them, before a round is offered and after it has ended. The ledger's records enter the log after they are durable in
 * the ledger, so a ledger that was cut, replaced or rolled back is behind its log and is not continued.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { createSigningKey, fromHex, sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import type { LedgerStore } from '../../../privacy/accounting/index.ts';
import {
  commitTo,
  computeRosterRoot,
  createReceipt,
  decodeLeaf,
  encodeLeaf,
  type LeafContent,
  LogError,
  type LogLeaf,
  type LogReader,
  type LogWriter,
  openLog,
  type Receipt,
  type SaltStore,
  type TileStore,
} from '../../../trust/log/index.ts';

/** How a round ended, as the log says it. */
export interface RoundEnd {
  readonly attempt: number;
  /** The round that was committed; of an aborted attempt the round it was for. */
  readonly round: number;
  /** Where several cohorts are open: rounds that were committed while this attempt was. */
  readonly staleness?: number;
  readonly outcome: 'committed' | 'aborted';
  readonly contributors: number;
  readonly dropouts: number;
  /** Float32 little-endian, the model as it stands afterwards. */
  readonly parameters: Float32Array;
  readonly checkpoint: Uint8Array | null;
}

/** The log of a task. */
export interface TaskLog {
  readonly writer: LogWriter;
  /** Leaves that are there already, in order. */
  readonly leaves: readonly LogLeaf[];
  /** Whether a leaf of a kind is there or waiting; of an attempt, where one is named. */
  has(kind: LogLeaf['kind'], attempt?: number): boolean;
  /** Adds leaves to the next batch. @throws {LogError} `log/invalid-leaf` when one is not what the log records. */
  record(...contents: readonly LeafContent[]): void;
  /** Adds leaves of an earlier time. */
  recordAt(at: Date, ...contents: readonly LeafContent[]): void;
  /** Puts everything recorded under a signed checkpoint. */
  flush(): Promise<void>;
  /**
   * Wraps a ledger's store: every record goes into the log. Records that a crash kept from it are added now.
   * @throws {LogError} `log/ledger-behind` when the log has records that the ledger does not.
   */
  watch(store: LedgerStore, name: string): Promise<LedgerStore>;
  /**
   * Records that a round begins; resolves once that is signed.
   * @param round - `memberships`: of the member of the cohort that has the most, this one included, where they are
   * counted one by one and not every attempt is charged.
   */
  openRound(round: {
    attempt: number;
    round: number;
    cohort: readonly string[];
    parameters: Float32Array;
    memberships?: number;
  }): Promise<void>;
  closeRound(end: RoundEnd): void;
  /** Records an attempt's line of metrics. */
  report(line: string, facts: { attempt: number; round: number; accuracy?: number; loss?: number }): void;
  commit(subject: string, value?: string): Promise<string>;
  /**
   * Makes the receipts of participants for every round they were called to.
   * @param cohortOf - the cohort of an attempt, in the order it was recorded.
   */
  receipts(participants: readonly string[], cohortOf: (attempt: number) => readonly string[]): Promise<Receipt[]>;
}

/** Begins what stands in a cohort in the place of a member that was erased, before its commitment. */
export const ERASED = 'erased:';

/** Digest of a model's parameters as rounds offer them. */
export function digestParameters(parameters: Float32Array): string {
  return toHex(sha256(new Uint8Array(parameters.buffer, parameters.byteOffset, parameters.byteLength)));
}

/** Name of a task's log: readable, without spaces, and one of its key's own. */
export function originOf(task: string, seed: Uint8Array): string {
  const slug = task.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') || 'task';
  return `sotto/${slug}/${toHex(sha256(createSigningKey(seed).publicKey)).slice(0, 16)}`;
}

/** Opens the log of a task. @throws {LogError} when it cannot be continued. */
export async function openTaskLog({
  store,
  task,
  seed,
  salts,
  clock,
  partials = 'latest',
}: {
  readonly store: TileStore;
  readonly task: string;
  /** The log's private key, 32 bytes. */
  readonly seed: Uint8Array;
  readonly salts: SaltStore;
  readonly clock: () => Date;
  readonly partials?: 'all' | 'latest';
}): Promise<TaskLog> {
  const writer = await openLog({ store, origin: originOf(task, seed), key: createSigningKey(seed), partials });
  const leaves: LogLeaf[] = [];
  for await (const entry of writer.reader().entries(0, writer.size())) leaves.push(decodeLeaf(entry));
  let waiting: LogLeaf[] = [];

  const recordAt: TaskLog['recordAt'] = (at, ...contents) => {
    const time = at.toISOString();
    const found = contents.map((content) => ({ ...content, time }) as LogLeaf);
    // Refused here and not at the next flush, where a leaf that cannot be written would keep all others back.
    for (const leaf of found) encodeLeaf(leaf);
    waiting.push(...found);
  };
  const record: TaskLog['record'] = (...contents) => recordAt(clock(), ...contents);

  const has: TaskLog['has'] = (kind, attempt) =>
    [...leaves, ...waiting].some(
      (leaf) => leaf.kind === kind && (attempt === undefined || ('attempt' in leaf && leaf.attempt === attempt)),
    );

  const commit = async (subject: string, value = subject): Promise<string> =>
    commitTo(value, await salts.saltOf(subject));

  async function flush(): Promise<void> {
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    try {
      await writer.append(batch.map(encodeLeaf));
    } catch (error) {
      waiting = [...batch, ...waiting];
      throw error;
    }
    leaves.push(...batch);
  }

  const recordLedger = (ledger: string, bytes: Uint8Array): void =>
    record({ kind: 'ledger', ledger, record: JSON.parse(new TextDecoder().decode(bytes)) as Record<string, never> });

  return {
    writer,
    leaves,
    has,
    record,
    recordAt,
    flush,
    async watch(ledger, name) {
      const logged = leaves.flatMap((leaf) => (leaf.kind === 'ledger' && leaf.ledger === name ? [leaf.record] : []));
      const records = await ledger.read();
      for (const [i, entry] of logged.entries()) {
        const found = records[i] === undefined ? undefined : new TextDecoder().decode(records[i]);
        if (found !== canonicalize(entry)) {
          throw new LogError(
            'log/ledger-behind',
            `the log has ${logged.length} records of the ledger "${name}", the ledger ${found === undefined ? `only ${records.length}` : `another record ${i}`}: ` +
              'it was cut or replaced, and nothing was charged to it. Restore it, or rebuild it from the log',
            { details: { ledger: name, record: i } },
          );
        }
      }
      for (const bytes of records.slice(logged.length)) recordLedger(name, bytes);
      let known = records.length;
      return {
        read: () => ledger.read(),
        async append(bytes, options) {
          await ledger.append(bytes, options);
          // A write that was reported as failed and was made, or another writer's, is caught up with.
          const missed = options.expectedLength > known ? (await ledger.read()).slice(known, -1) : [];
          for (const each of missed) recordLedger(name, each);
          recordLedger(name, bytes);
          known = options.expectedLength + 1;
        },
      };
    },
    async openRound({ attempt, round, cohort, parameters, memberships }) {
      if (has('round-opened', attempt)) return;
      const commitments = await Promise.all(cohort.map((member) => commit(member)));
      record({
        kind: 'round-opened',
        attempt,
        round,
        rosterDigest: computeRosterRoot(commitments),
        cohort: cohort.length,
        ...(memberships === undefined ? {} : { memberships }),
        modelDigest: digestParameters(parameters),
      });
      await flush();
    },
    closeRound({ attempt, round, staleness, outcome, contributors, dropouts, parameters, checkpoint }) {
      if (has('round-closed', attempt)) return;
      record({
        kind: 'round-closed',
        attempt,
        round,
        ...(staleness === undefined ? {} : { staleness }),
        outcome,
        contributors,
        dropouts,
        modelDigest: digestParameters(parameters),
        checkpointDigest: checkpoint === null ? null : toHex(sha256(checkpoint)),
      });
    },
    report(line, { attempt, round, accuracy, loss }) {
      if (has('evaluation', attempt)) return;
      record({
        kind: 'evaluation',
        attempt,
        round,
        reportDigest: toHex(sha256(utf8(line))),
        accuracy: accuracy ?? null,
        loss: loss ?? null,
      });
    },
    commit,
    async receipts(participants, cohortOf) {
      await flush();
      const checkpoint = writer.checkpoint();
      const reader = rememberProofs(writer.reader());
      const opened = leaves.flatMap((leaf, index) => (leaf.kind === 'round-opened' ? [{ index, leaf }] : []));
      const commitments = new Map<string, string>();
      const commitmentOf = async (member: string): Promise<string> => {
        // Whoever was erased stands in a cohort as what the log says of it, and as nothing else.
        if (member.startsWith(ERASED)) return member.slice(ERASED.length);
        const known = commitments.get(member) ?? (await commit(member));
        commitments.set(member, known);
        return known;
      };
      const rosters = await Promise.all(
        opened.map(async ({ index, leaf }) => {
          const cohort = cohortOf(leaf.attempt);
          return { index, cohort, commitments: await Promise.all(cohort.map(commitmentOf)) };
        }),
      );
      return Promise.all(
        participants.map(async (participant) =>
          createReceipt({
            participant,
            salt: await salts.saltOf(participant),
            rounds: rosters
              .map(({ cohort, ...roster }) => ({ ...roster, position: cohort.indexOf(participant) }))
              .filter(({ position }) => position >= 0),
            reader,
            checkpoint,
          }),
        ),
      );
    },
  };
}

/** Remembers what is read: the receipts of a cohort share the rounds they prove. */
function rememberProofs(reader: LogReader): LogReader {
  const entries = new Map<number, Promise<Uint8Array>>();
  const proofs = new Map<string, Promise<readonly Uint8Array[]>>();
  return {
    ...reader,
    entry(index) {
      const entry = entries.get(index) ?? reader.entry(index);
      entries.set(index, entry);
      return entry;
    },
    inclusionProof(index, size) {
      const name = `${index}/${size}`;
      const proof = proofs.get(name) ?? reader.inclusionProof(index, size);
      proofs.set(name, proof);
      return proof;
    },
  };
}

/** Reads a private key file's text strictly. Undefined when it is none. */
export function parseKeyText(text: string): Uint8Array | undefined {
  return /^[0-9a-f]{64}\n$/.test(text) ? fromHex(text.trim()) : undefined;
}
