/**
 * The survivor set as one participant checks it: against everything it has seen itself, against its policy, and, where
 * the coordinator may lie, against the signatures of others on the very same set.
 *
 * @module
 */

import { verifySignature } from '../../foundations/crypto/index.ts';
import { readBitmap, type PlaceSet } from './bitmap.ts';
import type { ByteReader } from './codec.ts';
import { computeMinSurvivors, countSignaturesNeeded, type ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import { admittedKey } from './identity.ts';
import { chooseOpenedNoise } from './noise.ts';
import { assertPolicyAcceptsSurvivors, type SecAggPolicy } from './policy.ts';
import { assertNoDifferencing, type SecAggMemory } from './progress.ts';
import type { RosterView } from './roster-view.ts';
import { survivorsMessage } from './roster.ts';

/** A survivor set that a participant has accepted. */
export interface SurvivorSet {
  readonly bitmap: Uint8Array;
  readonly places: PlaceSet;
  /** Survivors whose noise shares are opened. */
  readonly opened: ReadonlySet<number>;
  /** Ids of the survivors this participant sees. */
  readonly contributors: ReadonlySet<string>;
}

/** What a survivor set is checked against. */
export interface SurvivorContext {
  readonly config: ResolvedConfig;
  readonly view: RosterView;
  readonly policy: SecAggPolicy;
  readonly memory: SecAggMemory;
  /** Places whose shares the participant holds. */
  readonly held: { has(place: number): boolean; keys(): Iterable<number> };
  readonly stage: string;
}

/** Reads the survivor set and checks it. @throws {SecAggError} naming what does not hold. */
export function readSurvivorSet(
  body: ByteReader,
  { config, view, policy, memory, held, stage }: SurvivorContext,
): SurvivorSet {
  const { size, members, session } = view;
  const bitmap = body.raw(Math.ceil(size / 8)).slice();
  const places = readBitmap(bitmap, size);
  const lostBitmap = body.raw(bitmap.length);
  const lost = readBitmap(lostBitmap, size);
  body.end();
  const both = bitmap.findIndex((byte, i) => (byte & (lostBitmap[i] as number)) !== 0);
  if (both !== -1) {
    throw new SecAggError(
      'secagg/peer-alive-and-dead',
      'the unmask request names a peer alive and dead at once: both shares would reveal its input',
      { details: { nearPlace: 8 * both } },
    );
  }
  assertFitsOwnView(view, { places, lost, held });
  const minSurvivors = computeMinSurvivors(config, size);
  if (places.size < minSurvivors) {
    throw new SecAggError('secagg/too-few-survivors', `${places.size} survivors, the round needs ${minSurvivors}`, {
      details: { stage, participants: places.size, threshold: minSurvivors },
    });
  }
  const holders = [...held.keys()].filter((owner) => places.has(owner)).length;
  if (holders < config.threshold) throw tooFewHolders(stage, holders, config);
  const opened =
    config.noise === undefined
      ? new Set<number>()
      : chooseOpenedNoise({ bitmap, places }, { session, size, minSurvivors });
  const visible = [...members].filter(([member]) => places.has(member));
  const closed = visible.filter(([member]) => !opened.has(member)).length;
  assertPolicyAcceptsSurvivors(policy, config, { verified: visible.length, closed });
  const contributors = new Set(visible.map(([, { id }]) => id));
  assertNoDifferencing(memory, config, { policy, contributors });
  return { bitmap, places, opened, contributors };
}

/** Checks the set against what the participant knows of itself and of its neighbours. */
function assertFitsOwnView(
  { place, neighbors }: RosterView,
  {
    places,
    lost,
    held,
  }: { readonly places: PlaceSet; readonly lost: PlaceSet; readonly held: SurvivorContext['held'] },
): void {
  if (!places.has(place)) throw inconsistent('leaves out my own contribution');
  for (const neighbor of neighbors) {
    const shared = held.has(neighbor);
    if (shared !== (places.has(neighbor) || lost.has(neighbor))) {
      throw inconsistent(
        shared ? 'forgets a neighbour whose shares I hold' : 'names a neighbour that never sent me shares',
      );
    }
  }
}

/**
 * Counts who vouches for the very same survivor set: holders of this participant's secrets, and where everybody is seen
 * also members at large, enough of them that no other set can find as many.
 * @throws {SecAggError} `secagg/no-consistency`.
 */
export function assertVouchedFor(
  body: ByteReader,
  { bitmap, places }: SurvivorSet,
  { config, view, policy, held }: Pick<SurvivorContext, 'config' | 'view' | 'policy' | 'held'>,
): void {
  const { session, place, members, size } = view;
  const message = survivorsMessage(session, bitmap);
  const vouching = new Set([place]);
  for (let left = body.u32(); left > 0; left -= 1) {
    const signer = body.u32();
    const signature = body.raw(64);
    const entry = members.get(signer);
    if (entry === undefined || !places.has(signer) || vouching.has(signer)) continue;
    if (verifySignature(admittedKey(policy.admission, entry), message, signature)) vouching.add(signer);
  }
  body.end();
  const needed = countSignaturesNeeded(config, size);
  const holders = [...vouching].filter((signer) => held.has(signer)).length;
  const [who, found, wanted] =
    holders < needed.holders
      ? ['of my neighbours', holders, needed.holders]
      : ['members', vouching.size, needed.members];
  if (found >= wanted) return;
  throw new SecAggError(
    'secagg/no-consistency',
    `${found} ${who} vouch for the survivor set I was shown, ${wanted} have to`,
    { details: { stage: 'unmask', participants: found, threshold: wanted } },
  );
}

/** The refusal of a round in which too few could rebuild this participant's secrets. */
export function tooFewHolders(stage: string, participants: number, { threshold }: ResolvedConfig): SecAggError {
  return new SecAggError(
    'secagg/too-few-survivors',
    `${participants} holders of my secrets are left in stage ${stage}, ${threshold} have to be`,
    { details: { stage, participants, threshold } },
  );
}

function inconsistent(what: string): SecAggError {
  return new SecAggError('secagg/inconsistent-survivors', `the survivor set ${what}`);
}
