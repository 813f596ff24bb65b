import { describe, expect, it } from 'vitest';

import { createIdentities, memberIds, runRound, type RoundScript } from '../../../test/support/secagg-round.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { addRingInto, createRing } from '../../foundations/vector/index.ts';
import { restoreState } from './aggregator-state.ts';
import { resolveConfig } from './config.ts';
import { permutePlaces } from './graph.ts';
import {
  createSecAggAggregator,
  createSecAggParticipant,
  type SecAggConfig,
  type SecAggError,
  type SecAggErrorCode,
  type SecAggGraph,
  type SecAggIdentity,
  type SecAggParticipant,
  type SecAggStage,
} from './index.ts';
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
const SIGNATURES = 21;

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

describe('a coordinator that shows the parts of the graph different survivors', () => {
  const noise = { mechanism: 'skellam', shareVariance: 10 } as const;
  /** Everybody sees everybody: twelve neighbours and the seventeen others. */
  const graph: SecAggGraph = {
    kind: 'harary',
    degree: 12,
    dropoutFraction: 0.1,
    draw: 'commit-reveal',
    auditCount: 17,
  };
  const noisy = config('commit-reveal', { noise, graph });

  it('is not given noise to take out where nobody sees the whole cohort', () => {
    expect(() => runRound(script('commit-reveal', { config: config('commit-reveal', { noise }) }))).toThrow(
      expect.objectContaining({ code: 'secagg/unsafe-parameters', details: { auditCount: 17 } }),
    );
    const lostIn = new Map([['p0004', 'maskedInput' as const]]);
    const { result } = runRound(script('commit-reveal', { config: noisy, lostIn }));
    expect([result.contributors.length, result.noiseShares]).toEqual([29, 27]);
  });

  it('finds no majority for either set, though neighbours agree', () => {
    const { aggregator, members, messages } = stepToConsistency(noisy);
    const { graphSeed, cohort } = restoreState(aggregator.serialize(), resolveConfig(noisy));
    const order = [...permutePlaces(SIZE, graphSeed as Uint8Array)].map((place) => cohort[place] as string);
    const halves = [order.slice(0, 15), order.slice(15)];
    const lied = cohort.indexOf(order[7] as string);
    const refusals = halves.flatMap((half, which) => {
      const vouches = half.map((id) => {
        const shown = (messages.get(id) as Uint8Array).slice();
        // The second half is told that somebody in the middle of the first is lost.
        if (which === 1) {
          const byte = FRAME_BYTES + (lied >> 3);
          shown[byte] = (shown[byte] as number) & ~(1 << (lied & 7));
          shown[byte + 4] = (shown[byte + 4] as number) | (1 << (lied & 7));
        }
        return [cohort.indexOf(id), (members.get(id) as SecAggParticipant).handle(shown) as Uint8Array] as const;
      });
      const body = new Uint8Array(FRAME_BYTES + 4 + 68 * vouches.length);
      body.set((vouches[0] as readonly [number, Uint8Array])[1].subarray(0, FRAME_BYTES));
      body[1] = SIGNATURES;
      const view = new DataView(body.buffer);
      view.setUint32(FRAME_BYTES, vouches.length, true);
      vouches.forEach(([place, vouch], i) => {
        view.setUint32(FRAME_BYTES + 4 + 68 * i, place, true);
        body.set(vouch.subarray(FRAME_BYTES), FRAME_BYTES + 8 + 68 * i);
      });
      return half.map((id) => {
        try {
          (members.get(id) as SecAggParticipant).handle(body);
          return 'answered';
        } catch (error) {
          const { code, details } = error as SecAggError;
          return `${code}: ${String(details['participants'])} of ${String(details['threshold'])}`;
        }
      });
    });
    // Fifteen signed either set and sixteen would have to; most had the eight neighbours that bind a set locally.
    expect(refusals.every((refusal) => refusal.startsWith('secagg/no-consistency'))).toBe(true);
    expect(refusals.filter((refusal) => refusal.endsWith('15 of 16')).length).toBeGreaterThanOrEqual(20);
  });

  function stepToConsistency(settings: SecAggConfig) {
    const aggregator = createSecAggAggregator({ cohort: ids, config: settings, admission });
    const members = new Map<string, SecAggParticipant>();
    for (const [id, input] of inputs) {
      const identity = identities.get(id) as SecAggIdentity;
      const options = { id, config: settings, rng: rng.fork(`split/${id}`), policy: { admission }, identity };
      const member = createSecAggParticipant(options);
      member.setInput(input);
      members.set(id, member);
      aggregator.receive(id, member.start());
    }
    for (;;) {
      const step = aggregator.advance();
      if (step.kind === 'result') throw new Error('the round is over');
      if (step.stage === 'consistency') return { aggregator, members, messages: step.messages };
      for (const [id, message] of step.messages) {
        aggregator.receive(id, (members.get(id) as SecAggParticipant).handle(message) as Uint8Array);
      }
    }
  }
});
