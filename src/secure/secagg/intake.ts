/**
 * What an aggregator takes in: the answer of one participant to the stage that is open, checked as far as the coordinator
 * can and kept in the state of the attempt.
 *
 * @module
 */

import { equalBytes, toHex, verifySignature } from '../../foundations/crypto/index.ts';
import { assertNever } from '../../foundations/numerics/index.ts';
import { addPackedInto, packedLength } from '../../foundations/vector/index.ts';
import { FIELD_25519 } from '../sharing/index.ts';
import { encodeSurvivors, findOpenedNoise } from './aggregator-facts.ts';
import { copyEntry, type AggregatorState } from './aggregator-state.ts';
import type { ByteReader } from './codec.ts';
import type { ResolvedConfig } from './config.ts';
import { SecAggError } from './errors.ts';
import type { Graph } from './graph.ts';
import { admittedKey, type SecAggAdmission } from './identity.ts';
import {
  advertisementMessage,
  commitReveal,
  drawsByCommitment,
  readEntry,
  REVEAL_BYTES,
  survivorsMessage,
  type RosterEntry,
} from './roster.ts';
import type { SecAggStage } from './stages.ts';
import { bundleLayout, ownersHeldBy } from './unmasking.ts';

/** The attempt that answers are taken in for. */
export interface IntakeOptions {
  readonly state: AggregatorState;
  readonly config: ResolvedConfig;
  readonly admission: SecAggAdmission;
  /** The graph, asked for once it is drawn. */
  readonly graph: () => Graph;
}

/** What takes answers in. */
export interface Intake {
  /**
   * Checks and keeps the body of one answer.
   * @throws {SecAggError}, `SharingError` or `RangeError` when it is refused; nothing is changed then.
   */
  accept(stage: SecAggStage, place: number, body: ByteReader): void;
}

/** Creates the intake of an attempt. */
export function createIntake({ state, config, admission, graph }: IntakeOptions): Intake {
  let knownKeys: Set<string> | undefined;

  /** Keys that were advertised so far; rebuilt from the entries after a restart. */
  function advertisedKeys(): Set<string> {
    if (knownKeys === undefined) {
      knownKeys = new Set();
      for (const { channelKey, maskKey } of state.entries.values()) {
        knownKeys.add(toHex(channelKey)).add(toHex(maskKey));
      }
    }
    return knownKeys;
  }

  const presentNeighbors = (place: number): readonly number[] =>
    graph()
      .neighbors(place)
      .filter((neighbor) => state.entries.has(neighbor));

  function accept(stage: SecAggStage, place: number, body: ByteReader): void {
    switch (stage) {
      case 'advertiseKeys':
        return acceptKeys(place, body);
      case 'drawGraph': {
        const reveal = body.raw(drawsByCommitment(config) ? REVEAL_BYTES : 0);
        body.end();
        const { commitment } = state.entries.get(place) as RosterEntry;
        if (commitment !== undefined && !equalBytes(commitReveal(config, reveal), commitment)) {
          throw new SecAggError('secagg/bad-draw', 'the reveal does not fit its commitment');
        }
        state.reveals.set(place, reveal.slice());
        return;
      }
      case 'shareKeys': {
        const { length } = bundleLayout(config, place, presentNeighbors(place));
        const bundles = body.raw(length).slice();
        body.end();
        state.bundles.set(place, bundles);
        return;
      }
      case 'maskedInput': {
        const packed = body.raw(packedLength(config.entries + config.countEntries, config.ring));
        body.end();
        addPackedInto(state.accumulator, packed, config.ring);
        return;
      }
      case 'consistency': {
        const signature = body.raw(64).slice();
        body.end();
        const entry = state.entries.get(place) as RosterEntry;
        const message = survivorsMessage(state.session as Uint8Array, encodeSurvivors(state));
        if (!verifySignature(admittedKey(admission, entry), message, signature)) {
          throw new SecAggError('secagg/bad-signature', 'the signature on the survivor set does not verify');
        }
        state.signatures.set(place, signature);
        return;
      }
      case 'unmask': {
        const owners = ownersHeldBy(place, state.sharers, graph());
        const opened = findOpenedNoise(state, config);
        const noise = owners.filter((owner) => opened.has(owner)).length;
        const shares = body.raw(32 * (owners.length + noise)).slice();
        body.end();
        for (let at = 0; at < shares.length; at += 32) FIELD_25519.decode(shares.subarray(at, at + 32));
        state.answers.set(place, shares);
        return;
      }
      default:
        assertNever(stage, 'stage');
    }
  }

  function acceptKeys(place: number, body: ByteReader): void {
    const { entries, cohort } = state;
    const { id, entry } = readEntry(body, config);
    body.end();
    if (entry === undefined || id !== cohort[place]) {
      throw new SecAggError('secagg/malformed-message', 'the advertisement carries another id than its sender');
    }
    for (const key of [entry.channelKey, entry.maskKey]) {
      if (advertisedKeys().has(toHex(key))) {
        throw new SecAggError('secagg/bad-roster', 'it advertises a key that another participant has');
      }
    }
    if (config.malicious) {
      const key = admittedKey(admission, entry);
      if (
        entry.signature === undefined ||
        !verifySignature(key, advertisementMessage(config, entry), entry.signature)
      ) {
        throw new SecAggError('secagg/bad-signature', 'the advertised keys are not signed');
      }
    }
    entries.set(place, copyEntry(entry));
    for (const key of [entry.channelKey, entry.maskKey]) advertisedKeys().add(toHex(key));
  }

  return { accept };
}
