import { describe, expect, it } from 'vitest';

import { createIdentities, memberIds, runRound } from '../../../test/support/secagg-round.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { createSecAggSetup, describeEstimate, dryRun, type SecAggConfig, type SecAggGraph } from './index.ts';

const rng = createSeededRng('dry run');

function config(options: Partial<SecAggConfig> = {}): SecAggConfig {
  return {
    taskId: 'dry',
    round: 0,
    attempt: 0,
    bitWidth: 26,
    entries: 1000,
    threshold: 7,
    maxCorrupt: 1,
    configDigest: new Uint8Array(32),
    adversary: 'honest-but-curious',
    ...options,
  };
}

/** Average bytes of the participants in a round without losses. */
function measure(settings: SecAggConfig, members: number) {
  const ids = memberIds(members);
  const { identities, admission } = createIdentities(ids, rng);
  const setups =
    settings.setup === 'task' ? new Map(ids.map((id) => [id, createSecAggSetup({ taskId: 'dry', rng })])) : undefined;
  const { result, participants } = runRound({
    config: settings,
    inputs: new Map(ids.map((id) => [id, new Uint32Array(settings.entries)])),
    rng,
    identities,
    policy: { admission },
    ...(setups === undefined ? {} : { setups }),
  });
  const costs = [...participants.values()].map((participant) => participant.costs);
  const mean = (pick: (cost: (typeof costs)[number]) => number) =>
    costs.reduce((sum, cost) => sum + pick(cost), 0) / costs.length;
  return {
    sent: mean(({ bytesSent }) => bytesSent),
    received: mean(({ bytesReceived }) => bytesReceived),
    agreements: mean(({ agreements }) => agreements),
    expansions: mean(({ maskExpansions }) => maskExpansions),
    coordinator: result.costs,
  };
}

describe('dryRun', () => {
  it.each([
    ['the complete graph', config()],
    ['signatures', config({ adversary: 'malicious-coordinator' })],
    ['the hybrid', config({ keyAgreement: 'x25519-mlkem768' })],
    ['keys for a task', config({ setup: 'task' })],
    ['noise', config({ noise: { mechanism: 'skellam', shareVariance: 4 } })],
  ] as const)('predicts the bytes of a round exactly: %s', (_label, settings) => {
    const estimate = dryRun(settings, { participants: 12, idBytes: 5 });
    const measured = measure(settings, 12);
    expect(Math.abs(estimate.participant.bytesSent - measured.sent)).toBeLessThan(
      // The hybrid's encapsulations go to members with a higher place: on average half of an odd number.
      settings.keyAgreement === 'x25519-mlkem768' ? 600 : settings.noise === undefined ? 1 : 32,
    );
    expect(Math.abs(estimate.participant.bytesReceived - measured.received)).toBeLessThan(
      settings.keyAgreement === 'x25519-mlkem768' ? 600 : 1,
    );
    expect(estimate.participant.maskExpansions).toBe(measured.expansions);
    expect(estimate.coordinator.maskExpansions).toBe(measured.coordinator.maskExpansions);
    expect(settings.setup === 'task' ? 22 : estimate.participant.agreements).toBe(measured.agreements);
  });

  it('predicts the bytes on a sparse graph, up to its proof', () => {
    const graph: SecAggGraph = {
      kind: 'harary',
      degree: 12,
      dropoutFraction: 0.1,
      draw: 'commit-reveal',
      auditCount: 3,
    };
    const settings = config({ graph, threshold: 8, maxCorrupt: 0, adversary: 'malicious-coordinator' });
    const estimate = dryRun(settings, { participants: 30, idBytes: 5 });
    const measured = measure(settings, 30);
    expect(estimate.participant.bytesSent).toBe(measured.sent);
    expect(Math.abs(estimate.participant.bytesReceived / measured.received - 1)).toBeLessThan(0.03);
    expect(estimate.stages).toEqual([
      'advertiseKeys',
      'drawGraph',
      'shareKeys',
      'maskedInput',
      'consistency',
      'unmask',
    ]);
  });

  it('keeps a thousand participants below 1.65 times the clear vector of a million 16-bit entries', () => {
    for (const dropoutFraction of [0.1, 0.3]) {
      const [degree, threshold] = dropoutFraction === 0.1 ? [48, 27] : [92, 37];
      const graph: SecAggGraph = { kind: 'harary', degree, dropoutFraction, draw: 'coordinator' };
      const { participant } = dryRun(
        config({ entries: 1_000_000, threshold, maxCorrupt: 100, maxMagnitude: 2 ** 15 - 1, graph }),
        { participants: 1000 },
      );
      expect((participant.bytesSent + participant.bytesReceived) / 2_000_000).toBeLessThan(1.65);
    }
  });

  it('counts survivors + lost × surviving neighbours, refuses what a round would refuse, and speaks', () => {
    const estimate = dryRun(config(), { participants: 12, dropoutFraction: 0.25 });
    expect(estimate.coordinator.maskExpansions).toBe(9 + 3 * 9);
    expect(() => dryRun(config({ threshold: 6 }), { participants: 12 })).toThrow(
      expect.objectContaining({ code: 'secagg/unsafe-parameters' }),
    );
    const lines = describeEstimate(estimate);
    expect(lines[0]).toBe('4 stages: advertiseKeys → shareKeys → maskedInput → unmask');
    expect(lines[1]).toBe('11 neighbours, threshold 7, at least 7 contributions in a sum');
    expect(lines.length).toBe(4);
  });
});
