/**
 * A sum over parties in three lines: the `masks` form of `secureSum`, with the signature of the `shares` form of
 * `sotto/mpc`. Here a coordinator adds masked vectors and parties may leave; there every party talks to every other and
 * all have to stay.
 *
 * @module
 */

import { sha256, utf8 } from '../../foundations/crypto/index.ts';
import { assertInteger, assertPositive } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { createFixedPoint, type FixedPoint } from '../sharing/index.ts';
import { createSecAggAggregator } from './aggregator.ts';
import type { SecAggConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import { createSecAggParticipant, type SecAggParticipant } from './participant.ts';
import type { SecAggStage } from './stages.ts';

/** What one party brings: a number, a vector, or a table of named numbers and vectors. */
export type SumContribution = number | ArrayLike<number> | Readonly<Record<string, number | ArrayLike<number>>>;

/** The sum in the shape of the contributions. */
export type MaskedSumOf<C extends SumContribution> = C extends number
  ? number
  : C extends ArrayLike<number>
    ? Float64Array
    : { readonly [K in keyof C]: C[K] extends number ? number : Float64Array };

/** How a sum is computed. */
export interface MaskedSumOptions {
  /** Bound of the magnitude of one entry of one party. */
  readonly clampRange: number;
  /** Binary digits after the point; 16 by default, 0 for counts. */
  readonly fractionBits?: number;
  /** What happens to an entry beyond `clampRange`: refused by default. */
  readonly onOverflow?: 'reject' | 'clamp';
  /** Fewest parties in a sum; not below 3. */
  readonly minParties?: number;
  /** Parties that may collude with the coordinator. 0 by default. */
  readonly maxCorrupt?: number;
  /** Parties that fall silent in a stage, by index: to see what a loss does. */
  readonly lost?: Readonly<Record<number, SecAggStage>>;
}

/** The opened sum and what it cost. */
export interface MaskedSumResult<C extends SumContribution = SumContribution> {
  readonly sum: MaskedSumOf<C>;
  readonly parties: number;
  /** Indices of the parties in the sum. */
  readonly contributors: readonly number[];
  /** Largest error an entry can have from fixed point. */
  readonly maxError: number;
  readonly bitWidth: 32 | 64;
  /** Bytes this party sent and received. */
  readonly bytes: { readonly sent: number; readonly received: number };
  readonly rounds: number;
  /** SHA-256 of the session and the sum. */
  readonly transcript: Uint8Array;
  /** Who must not do what, in words. */
  readonly trust: string;
}

/**
 * Sums contributions in one process, with the whole protocol between its parties and a coordinator.
 * @returns each party's result, in the order of the contributions.
 * @throws {SecAggError} `secagg/unsafe-parameters` for fewer than three parties, `secagg/too-few-survivors` when too many
 *   were lost; `sharing/overflow` (a SharingError) when an entry is out of range.
 */
export function secureSum<C extends SumContribution>(
  contributions: readonly C[],
  options: MaskedSumOptions,
  rng: Rng,
): Promise<readonly MaskedSumResult<C>[]> {
  return new Promise((resolve) => resolve(sumWithMasks(contributions, options, rng)));
}

function sumWithMasks<C extends SumContribution>(
  contributions: readonly C[],
  { clampRange, fractionBits = 16, onOverflow = 'reject', minParties = 3, maxCorrupt = 0, lost = {} }: MaskedSumOptions,
  rng: Rng,
): readonly MaskedSumResult<C>[] {
  assertPositive(clampRange, 'clampRange');
  assertInteger(minParties, 'minParties', { min: 1 });
  const parties = contributions.length;
  const floor = Math.max(3, minParties);
  if (parties < floor) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `a sum of ${parties} parties is not opened, ${floor} are needed`,
      {
        details: { parties, floor },
      },
    );
  }
  const layouts = contributions.map((contribution) => flatten(contribution));
  const [first] = layouts as [Flat];
  if (layouts.some(({ signature }) => signature !== first.signature)) {
    throw new SecAggError('secagg/input', 'the contributions of a sum must have one shape');
  }
  const codec = createCodec({ parties, clampRange, fractionBits, onOverflow });
  const ids = contributions.map((_, party) => `party-${String(party).padStart(7, '0')}`);
  const config: SecAggConfig = {
    taskId: 'secure-sum',
    round: 0,
    attempt: 0,
    bitWidth: codec.ring.bitWidth,
    entries: first.values.length,
    threshold: Math.max(floor, Math.floor((parties + maxCorrupt) / 2) + 1),
    maxCorrupt,
    configDigest: sha256(utf8(JSON.stringify([first.signature, clampRange, fractionBits]))),
    adversary: 'honest-but-curious',
  };
  const members = ids.map((id, party) => {
    const member = createSecAggParticipant({ id, config, rng: rng.fork(id) });
    const residues = codec.encode((layouts[party] as Flat).values);
    member.setInput(residues);
    residues.fill(0);
    return member;
  });
  const result = drive(ids, { config, members, lost });
  const values = codec.decode(result.sum);
  const transcript = sha256(result.session, new Uint8Array(result.sum.buffer));
  return members.map(({ costs }) => ({
    sum: first.restore(values.slice()) as MaskedSumOf<C>,
    parties,
    contributors: result.contributors.map((id) => ids.indexOf(id)),
    maxError: codec.maxSumError(result.contributors.length),
    bitWidth: codec.ring.bitWidth as 32 | 64,
    bytes: { sent: costs.bytesSent, received: costs.bytesReceived },
    rounds: 4,
    transcript,
    trust: `${result.adversary}, with at most ${maxCorrupt} parties; it learns the sum`,
  }));
}

function drive(
  ids: readonly string[],
  {
    config,
    members,
    lost,
  }: {
    readonly config: SecAggConfig;
    readonly members: readonly SecAggParticipant[];
    readonly lost: Readonly<Record<number, SecAggStage>>;
  },
) {
  const aggregator = createSecAggAggregator({ cohort: ids, config });
  members.forEach((member, party) => {
    if (lost[party] !== 'advertiseKeys') aggregator.receive(member.id, member.start());
  });
  for (;;) {
    const step = aggregator.advance();
    if (step.kind === 'result') return step;
    for (const [id, message] of step.messages) {
      const party = ids.indexOf(id);
      if (lost[party] === step.stage) continue;
      const answer = (members[party] as SecAggParticipant).handle(message);
      if (answer !== null) aggregator.receive(id, answer);
    }
  }
}

function createCodec(options: {
  readonly parties: number;
  readonly clampRange: number;
  readonly fractionBits: number;
  readonly onOverflow: 'reject' | 'clamp';
}): FixedPoint {
  const { parties, clampRange, fractionBits, onOverflow } = options;
  const fits = BigInt(Math.floor(clampRange * 2 ** fractionBits) + 1) * BigInt(parties) < 2n ** 31n;
  return createFixedPoint({ bitWidth: fits ? 32 : 64, fractionBits, clampRange, addends: parties, onOverflow });
}

/** A contribution as one vector, and the way back. */
interface Flat {
  readonly signature: string;
  readonly values: Float64Array;
  restore(values: Float64Array): number | Float64Array | Readonly<Record<string, number | Float64Array>>;
}

function isVector(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function flatten(contribution: SumContribution): Flat {
  if (typeof contribution === 'number') {
    return { signature: 'number', values: Float64Array.of(contribution), restore: (values) => values[0] as number };
  }
  if (isVector(contribution)) {
    const values = Float64Array.from(contribution);
    assertInteger(values.length, 'length of a contribution', { min: 1 });
    return { signature: `vector ${values.length}`, values, restore: (sum) => sum };
  }
  const columns = Object.entries(contribution)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, column]) => ({ name, flat: flatten(column) }));
  const values = Float64Array.from(columns.flatMap(({ flat }) => [...flat.values]));
  assertInteger(values.length, 'length of a contribution', { min: 1 });
  return {
    signature: `table ${JSON.stringify(columns.map(({ name, flat }) => [name, flat.signature]))}`,
    values,
    restore(sum) {
      let at = 0;
      return Object.fromEntries(
        columns.map(({ name, flat }) => {
          const part = sum.slice(at, at + flat.values.length);
          at += flat.values.length;
          return [name, flat.restore(part) as number | Float64Array];
        }),
      );
    },
  };
}
