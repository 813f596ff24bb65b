import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  configFor,
  everyPattern,
  expectedOutcome,
  outcomeOf,
  randomInputs,
  rng,
  STAGES,
} from '../../../test/support/secagg-patterns.ts';
import { createIdentities, memberIds } from '../../../test/support/secagg-round.ts';
import type { SecAggConfig, SecAggGraph, SecAggStage } from './index.ts';

function assertEveryPattern(members: number, patterns: Iterable<ReadonlyMap<string, SecAggStage>>): void {
  const ids = memberIds(members);
  const config = configFor(members);
  const inputs = randomInputs(ids, config);
  for (const lostIn of patterns) {
    expect({ lost: [...lostIn], ...outcomeOf({ config, inputs, rng, lostIn }) }).toEqual({
      lost: [...lostIn],
      ...expectedOutcome(ids, lostIn, { threshold: config.threshold, stages: STAGES }),
    });
  }
}

describe('every pattern of losses', () => {
  it('gives the exact sum, or says who is missing, among 5', () => {
    assertEveryPattern(5, everyPattern(5));
  });

  it('gives the exact sum, or says who is missing, for a sample of the patterns among 6', () => {
    assertEveryPattern(
      6,
      [...everyPattern(6)].filter(() => rng.uint32() % 20 === 0),
    );
  });
});

/** A random stage, or none, for every member. */
function drawLosses(ids: readonly string[], stages: readonly SecAggStage[], rate: number): Map<string, SecAggStage> {
  const lostIn = new Map<string, SecAggStage>();
  for (const id of ids) {
    const stage = stages[rng.uint32() % stages.length];
    if (rng.uint32() / 2 ** 32 < rate && stage !== undefined) lostIn.set(id, stage);
  }
  return lostIn;
}

describe('random losses among 200', () => {
  it('give the exact sum, or say who is missing, on the complete graph', () => {
    const ids = memberIds(200);
    const config = configFor(200);
    for (const rate of [0.1, 0.35, 0.6]) {
      const inputs = randomInputs(ids, config);
      const lostIn = drawLosses(ids, STAGES, rate);
      expect(outcomeOf({ config, inputs, rng, lostIn })).toEqual(
        expectedOutcome(ids, lostIn, { threshold: config.threshold, stages: STAGES }),
      );
    }
  });

  it('give the exact sum on sparse graphs for both adversaries', () => {
    const ids = memberIds(200);
    const { identities, admission } = createIdentities(ids, rng);
    const cases: readonly { graph: SecAggGraph; threshold: number; adversary: SecAggConfig['adversary'] }[] = [
      {
        graph: { kind: 'harary', degree: 36, dropoutFraction: 0.2, draw: 'coordinator' },
        threshold: 14,
        adversary: 'honest-but-curious',
      },
      {
        graph: { kind: 'harary', degree: 60, dropoutFraction: 0.1, draw: 'commit-reveal', auditCount: 20 },
        threshold: 40,
        adversary: 'malicious-coordinator',
      },
    ];
    for (const { graph, threshold, adversary } of cases) {
      const config = configFor(200, { graph, threshold, adversary, maxCorrupt: 10 });
      const inputs = randomInputs(ids, config);
      const stages = STAGES.filter((stage) => stage !== 'unmask');
      const lostIn = drawLosses(ids, stages, 0.07);
      const outcome = outcomeOf({ config, inputs, rng, lostIn, identities, policy: { admission }, restart: true });
      expect(outcome).toEqual({ contributors: ids.filter((id) => !lostIn.has(id)), exact: true });
    }
  });

  it('never give a wrong sum, whatever is lost', () => {
    const ids = memberIds(40);
    const graph: SecAggGraph = { kind: 'harary', degree: 14, dropoutFraction: 0.2, draw: 'coordinator' };
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.7, noNaN: true }), (rate) => {
        const config = configFor(40, { graph, threshold: 5, minSurvivors: 2 });
        const lostIn = drawLosses(ids, STAGES, rate);
        const outcome = outcomeOf({ config, inputs: randomInputs(ids, config), rng, lostIn });
        expect('stage' in outcome || outcome.exact).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});
