import { describe, expect, it } from 'vitest';

import { createIdentities, memberIds, runRound, type RoundScript } from '../../../test/support/secagg-round.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { addRingInto, createRing } from '../../foundations/vector/index.ts';
import type { SecAggConfig, SecAggErrorCode, SecAggGraph, SecAggStage } from './index.ts';
import { FRAME_BYTES } from './messages.ts';

const rng = createSeededRng('sparse graphs');
const SIZE = 30;
const ids = memberIds(SIZE);
const { identities, admission } = createIdentities(ids, rng);
const ring = createRing({ bitWidth: 32 });
const inputs = new Map(
  ids.map((id) => {
    const words = new Uint32Array(6);
    rng.fill(new Uint8Array(words.buffer));
    return [id, words];
  }),
);

function config(draw: 'commit-reveal' | 'beacon' | 'coordinator', options: Partial<SecAggConfig> = {}): SecAggConfig {
  const graph: SecAggGraph = { kind: 'harary', degree: 12, dropoutFraction: 0.1, draw, auditCount: 4 };
  return {
    taskId: 'sparse',
    round: 0,
    attempt: 0,
    bitWidth: 32,
    entries: 6,
    threshold: draw === 'coordinator' ? 4 : 8,
    maxCorrupt: 0,
    configDigest: new Uint8Array(32),
    adversary: draw === 'coordinator' ? 'honest-but-curious' : 'malicious-coordinator',
    graph,
    ...options,
  };
}

function script(draw: 'commit-reveal' | 'beacon' | 'coordinator', options: Partial<RoundScript> = {}): RoundScript {
  const beacon = draw === 'beacon' ? { beacon: new Uint8Array(32).fill(7) } : {};
  return { config: config(draw), inputs, rng, identities, policy: { admission }, ...beacon, ...options };
}

function assertRefused(code: SecAggErrorCode, run: () => unknown): void {
  expect(run).toThrow(expect.objectContaining({ name: 'SecAggError', code }));
}

const ROSTER_ROOT = 17;
const ROSTER = 18;
const DRAW = 2;

describe.each(['coordinator', 'commit-reveal', 'beacon'] as const)('a round on a graph drawn by %s', (draw) => {
  it('gives the exact sum with losses in every stage, and restarts of the aggregator', () => {
    const stages: readonly SecAggStage[] = [
      'advertiseKeys',
      'shareKeys',
      'maskedInput',
      ...(draw === 'coordinator' ? [] : (['consistency'] as const)),
      'unmask',
    ];
    // One lost member at a time in each stage, and three at once where it matters most.
    const scripts = [
      ...stages.map((stage, i) => new Map([[ids[3 * i] as string, stage]])),
      new Map(ids.slice(4, 7).map((id) => [id, 'maskedInput' as const])),
    ];
    for (const lostIn of scripts) {
      const { result } = runRound(script(draw, { lostIn, restart: true }));
      const sum = new Uint32Array(6);
      for (const id of result.contributors) addRingInto(sum, inputs.get(id) as Uint32Array, ring);
      expect(result.sum).toEqual(sum);
      expect(result.contributors.length).toBeGreaterThanOrEqual(SIZE - lostIn.size);
    }
  });

  it('costs a participant its degree and the coordinator survivors + lost × surviving neighbours', () => {
    const lostIn = new Map([['p0007', 'maskedInput' as const]]);
    const { result, participants } = runRound(script(draw, { lostIn }));
    expect(result.costs).toEqual({ maskExpansions: 29 + 12, agreements: 12 });
    expect(participants.get('p0000')?.costs.maskExpansions).toBe(13);
    expect(participants.get('p0000')?.costs.agreements).toBe(24);
  });
});

describe('a coordinator that wants to choose the neighbours', () => {
  it('voids the draw when a part of it is missing', () => {
    const lostIn = new Map([['p0011', 'drawGraph' as const]]);
    expect(() => runRound(script('commit-reveal', { lostIn }))).toThrow(
      expect.objectContaining({ code: 'secagg/draw-void', details: { stage: 'drawGraph', participants: ['p0011'] } }),
    );
  });

  it('is refused when a reveal differs from its commitment, with the coordinator and with the participants', () => {
    const own: RoundScript['wire'] = ({ from, message }) => {
      if (from !== 'p0002' || message[1] !== DRAW) return message;
      const changed = message.slice();
      changed[FRAME_BYTES] = (changed[FRAME_BYTES] as number) ^ 1;
      return changed;
    };
    assertRefused('secagg/bad-draw', () => runRound(script('commit-reveal', { wire: own })));
    const theirs: RoundScript['wire'] = ({ to, message }) => {
      if (to !== 'p0002' || message[1] !== ROSTER) return message;
      const changed = message.slice();
      // Size, place and root come first; then the reveals, in order.
      const at = FRAME_BYTES + 40 + 16 * 9;
      changed[at] = (changed[at] as number) ^ 1;
      return changed;
    };
    assertRefused('secagg/bad-draw', () => runRound(script('commit-reveal', { wire: theirs })));
  });

  it('is refused when it draws itself, or shows another roster after the draw', () => {
    assertRefused('secagg/unsafe-parameters', () =>
      runRound(script('coordinator', { config: config('coordinator', { adversary: 'malicious-coordinator' }) })),
    );
    const swap: RoundScript['wire'] = ({ to, message }) => {
      if (to !== 'p0002' || message[1] !== ROSTER_ROOT) return message;
      const changed = message.slice();
      changed[FRAME_BYTES + 4] = (changed[FRAME_BYTES + 4] as number) ^ 1;
      return changed;
    };
    assertRefused('secagg/bad-roster', () => runRound(script('commit-reveal', { wire: swap })));
  });

  it('is refused when an entry does not stand under the root, or a neighbour is replaced', () => {
    const proof: RoundScript['wire'] = ({ to, message }) => {
      if (to !== 'p0002' || message[1] !== ROSTER) return message;
      const changed = message.slice();
      changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
      return changed;
    };
    assertRefused('secagg/bad-proof', () => runRound(script('commit-reveal', { wire: proof })));
    const beacons: RoundScript['wire'] = ({ message }) => message;
    const other = script('beacon', { wire: beacons, beacon: new Uint8Array(32).fill(8) });
    expect(() => runRound(other)).not.toThrow();
    assertRefused('secagg/bad-draw', () => {
      const { beacon: _beacon, ...without } = script('beacon');
      runRound(without);
    });
  });

  it('leaves every participant a view of its neighbours and of others that nobody chose', () => {
    const { participants } = runRound(script('commit-reveal', { policy: { admission, minCohort: 17 } }));
    // Itself, twelve neighbours and four others.
    expect(participants.size).toBe(SIZE);
    assertRefused('secagg/policy-refused', () =>
      runRound(script('commit-reveal', { policy: { admission, minCohort: 18 } })),
    );
  });
});

it('refuses parameters that are too small for the stated fractions', () => {
  assertRefused('secagg/unsafe-parameters', () =>
    runRound(script('coordinator', { config: config('coordinator', { threshold: 4, maxCorrupt: 9 }) })),
  );
});
