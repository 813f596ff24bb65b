import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { configFor, randomInputs, rng } from '../../../test/support/secagg-patterns.ts';
import { memberIds, runRound } from '../../../test/support/secagg-round.ts';
import {
  createSecAggAggregator,
  createSecAggParticipant,
  createSecAggSetup,
  restoreSecAggAggregator,
  restoreSecAggSetup,
  SecAggError,
  type SecAggParticipant,
} from './index.ts';

const ids = memberIds(5);

/** The code of the error that `run` throws, or what it threw instead. */
function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error instanceof SecAggError ? error.code : error;
  }
  return undefined;
}

describe('an aggregator that is restored', () => {
  it('goes on after every single message, to the same sum', () => {
    const config = configFor(5);
    const inputs = randomInputs(ids, config);
    const members = new Map<string, SecAggParticipant>();
    let aggregator = createSecAggAggregator({ cohort: ids, config });
    const receive = (id: string, message: Uint8Array) => {
      aggregator.receive(id, message);
      aggregator = restoreSecAggAggregator(aggregator.serialize(), { config });
      expect(failureOf(() => aggregator.receive(id, message))).toBe('secagg/duplicate-message');
    };
    for (const id of ids) {
      const member = createSecAggParticipant({ id, config, rng: rng.fork(id) });
      member.setInput(inputs.get(id) as Uint32Array);
      members.set(id, member);
      receive(id, member.start());
    }
    let step = aggregator.advance();
    while (step.kind === 'messages') {
      expect(restoreSecAggAggregator(aggregator.serialize(), { config }).pending).toEqual(ids);
      for (const [id, message] of step.messages) {
        receive(id, (members.get(id) as SecAggParticipant).handle(message) as Uint8Array);
      }
      step = aggregator.advance();
    }
    const first = ids.map((id) => (inputs.get(id) as Uint32Array)[0] as number);
    expect(step.sum[0]).toBe(first.reduce((sum, value) => sum + value, 0) % 2 ** config.bitWidth);
  });

  it('is refused under another configuration, and from altered bytes by name', () => {
    const config = configFor(5);
    const aggregator = createSecAggAggregator({ cohort: ids, config });
    const member = createSecAggParticipant({ id: 'p0000', config, rng: rng.fork('state') });
    aggregator.receive('p0000', member.start());
    const bytes = aggregator.serialize();
    expect(failureOf(() => restoreSecAggAggregator(bytes, { config: configFor(5, { round: 2 }) }))).toBe(
      'secagg/config-mismatch',
    );
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, change, cut) => {
        const altered = cut ? bytes.slice(0, at) : bytes.slice();
        if (!cut) altered[at] = (altered[at] as number) ^ change;
        const failure = failureOf(() => restoreSecAggAggregator(altered, { config }));
        expect([undefined, 'secagg/malformed-message', 'secagg/config-mismatch']).toContain(failure);
      }),
    );
  });

  it('gives nothing more once it has aborted', () => {
    const aggregator = createSecAggAggregator({ cohort: ids, config: configFor(5) });
    expect(failureOf(() => aggregator.advance())).toBe('secagg/too-few-survivors');
    expect(aggregator.stage).toBe('aborted');
    expect(failureOf(() => aggregator.advance())).toBe('secagg/aborted');
    expect(failureOf(() => aggregator.receive('p0000', new Uint8Array(3)))).toBe('secagg/aborted');
  });
});

describe('a setup that is restored', () => {
  it('agrees with nobody anew about old keys, and refuses altered bytes by name', () => {
    let setups = new Map(ids.map((id) => [id, createSecAggSetup({ taskId: 'rounds', rng })]));
    for (let round = 1; round <= 2; round += 1) {
      const config = configFor(5, { round, setup: 'task' });
      const inputs = randomInputs(ids, config);
      const lostIn = new Map([['p0003', 'maskedInput' as const]]);
      const { result } = runRound({ config, inputs, rng, setups, lostIn });
      expect(result.contributors.length).toBe(4);
      setups = new Map([...setups].map(([id, setup]) => [id, restoreSecAggSetup(setup.serialize())]));
    }
    const bytes = (setups.get('p0000') as ReturnType<typeof createSecAggSetup>).serialize();
    expect(failureOf(() => restoreSecAggSetup(bytes.subarray(0, bytes.length - 1)))).toBe('secagg/malformed-message');
    expect(failureOf(() => restoreSecAggSetup(Uint8Array.of(...bytes, 0)))).toBe('secagg/malformed-message');
    expect(failureOf(() => restoreSecAggSetup(Uint8Array.of(9)))).toBe('secagg/malformed-message');
  });
});

it.each(['chacha20', 'chacha12'] as const)('sums with masks of %s', (cipher) => {
  const config = configFor(3, { cipher });
  const inputs = new Map(memberIds(3).map((id) => [id, Uint32Array.of(1, 2, 3)]));
  expect([...runRound({ config, inputs, rng }).result.sum]).toEqual([3, 6, 9]);
});
