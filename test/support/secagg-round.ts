/**
 * Drives whole rounds in one process: the real state machines, with members lost where a script says so. Tests and
 * benchmarks only.
 *
 * @module
 */

import { createSigningKey } from '../../src/foundations/crypto/index.ts';
import type { Rng } from '../../src/foundations/random/index.ts';
import {
  createSecAggAggregator,
  createSecAggParticipant,
  restoreSecAggAggregator,
  type SecAggAdmission,
  type SecAggAggregator,
  type SecAggConfig,
  type SecAggIdentity,
  type SecAggParticipant,
  type SecAggPolicy,
  type SecAggResult,
  type SecAggSetup,
  type SecAggStage,
} from '../../src/secure/secagg/index.ts';

/** A script of a round. */
export interface RoundScript {
  readonly config: SecAggConfig;
  readonly inputs: ReadonlyMap<string, Uint32Array>;
  readonly rng: Rng;
  /** Stage in which a member falls silent; it answers everything before. */
  readonly lostIn?: ReadonlyMap<string, SecAggStage>;
  readonly policy?: Partial<SecAggPolicy>;
  readonly identities?: ReadonlyMap<string, SecAggIdentity>;
  readonly setups?: ReadonlyMap<string, SecAggSetup>;
  readonly beacon?: Uint8Array;
  /** Write the aggregator to bytes and restore it at every step. */
  readonly restart?: boolean;
  /** Sees, and may replace, every message: to a participant or to the coordinator. */
  readonly wire?: (step: { readonly from: string; readonly to: string; readonly message: Uint8Array }) => Uint8Array;
}

/** What came of a round. */
export interface RoundOutcome {
  readonly result: SecAggResult;
  readonly participants: ReadonlyMap<string, SecAggParticipant>;
}

/** Ids p0000, p0001, … in sorted order. */
export function memberIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `p${String(i).padStart(4, '0')}`);
}

/** Fresh pinned identities. */
export function createIdentities(
  ids: readonly string[],
  rng: Rng,
): { readonly identities: ReadonlyMap<string, SecAggIdentity>; readonly admission: SecAggAdmission } {
  const identities = new Map(ids.map((id) => [id, { signingKey: createSigningKey(rng.bytes(32)) }]));
  return {
    identities,
    admission: {
      kind: 'pinned',
      identities: new Map([...identities].map(([id, { signingKey }]) => [id, signingKey.publicKey])),
    },
  };
}

/** Runs a round to its result. */
export function runRound(script: RoundScript): RoundOutcome {
  const { config, inputs, rng, lostIn, identities, setups, beacon, restart } = script;
  const wire = script.wire ?? (({ message }) => message);
  const policy: SecAggPolicy = { admission: { kind: 'coordinator' }, ...script.policy };
  const participants = new Map<string, SecAggParticipant>();
  let aggregator: SecAggAggregator = createSecAggAggregator({
    cohort: [...inputs.keys()],
    config,
    admission: policy.admission,
  });
  if (beacon !== undefined) aggregator.setBeacon(beacon);
  for (const [id, input] of inputs) {
    const identity = identities?.get(id);
    const setup = setups?.get(id);
    const participant = createSecAggParticipant({
      id,
      config,
      rng: rng.fork(`participant/${id}`),
      policy,
      ...(identity === undefined ? {} : { identity }),
      ...(setup === undefined ? {} : { setup }),
    });
    participant.setInput(input);
    if (beacon !== undefined) participant.setBeacon(beacon);
    participants.set(id, participant);
    if (lostIn?.get(id) === 'advertiseKeys') continue;
    aggregator.receive(id, wire({ from: id, to: 'coordinator', message: participant.start() }));
  }
  for (;;) {
    if (restart === true) {
      aggregator = restoreSecAggAggregator(aggregator.serialize(), { config, admission: policy.admission });
    }
    const step = aggregator.advance();
    if (step.kind === 'result') return { result: step, participants };
    for (const [id, message] of step.messages) {
      if (lostIn?.get(id) === step.stage) continue;
      const participant = participants.get(id) as SecAggParticipant;
      const answer = participant.handle(wire({ from: 'coordinator', to: id, message }));
      if (answer !== null) aggregator.receive(id, wire({ from: id, to: 'coordinator', message: answer }));
    }
  }
}
