import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { planAggregation } from '../federation/rounds/plan-aggregation.ts';
import { parseTaskFile } from '../runtime/task/index.ts';
import { adviseOnMasks } from './mask-advice.ts';

const path = 'examples/digits/task.yaml';

function adviceFor(participants: number, changes: Readonly<Record<string, unknown>> = {}): string | undefined {
  const overrides = { participants, 'privacy.aggregation.threshold': Math.ceil(participants * 0.75), ...changes };
  const { privacy } = parseTaskFile(readFileSync(path, 'utf8'), { path, overrides });
  return adviseOnMasks({ participants, aggregation: planAggregation({ participants, privacy, rounds: {} } as never) });
}

describe('the advice on masks', () => {
  it('names the sparse graph where everybody of a large cohort masks with everybody', () => {
    const degree = Number(/no threshold it is (\d+) others/.exec(adviceFor(1000) ?? '')?.[1]);
    expect(degree).toBeGreaterThan(10);
    expect(degree).toBeLessThan(200);
    // What it advises is a plan, and has as many neighbors as it said.
    const { privacy } = parseTaskFile(
      readFileSync(path, 'utf8').replace(
        'threshold: 15, stageTimeoutMs: 10000',
        'shareRatio: auto, dropoutFraction: 0.1',
      ),
      { path, overrides: { participants: 1000 } },
    );
    expect(planAggregation({ participants: 1000, privacy, rounds: {} } as never)).toMatchObject({ degree });
  });

  it('is silent for few participants', () => {
    expect(adviceFor(20)).toBeUndefined();
    expect(adviceFor(200)).toBeUndefined();
  });
});
