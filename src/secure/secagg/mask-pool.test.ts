import { afterAll, describe, expect, it } from 'vitest';

import { memberIds } from '../../../test/support/secagg-round.ts';
import { addMasksInto, type Mask } from '../../foundations/kernels/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import {
  createMaskPool,
  createSecAggAggregator,
  createSecAggParticipant,
  type SecAggConfig,
  type SecAggParticipant,
} from './index.ts';

const rng = createSeededRng('mask pool');
const pool = createMaskPool({ workers: 2 });
afterAll(() => pool.close());

describe('createMaskPool', () => {
  it.each([
    ['u16', 2, 70_001],
    ['u32', 4, 3],
    ['u32', 4, 100_003],
    ['u64', 8, 20_005],
  ] as const)('expands %s words as the kernel in this thread does', async (words, wordBytes, entries) => {
    for (const cipher of ['chacha20', 'chacha12'] as const) {
      const masks: Mask[] = Array.from({ length: 11 }, (_, i) => ({ key: rng.bytes(32), sign: i % 2 === 0 ? 1 : -1 }));
      const here = rng.bytes(entries * wordBytes);
      const there = here.slice();
      addMasksInto(here, masks, { words, cipher });
      await pool.expand(there, masks, { words, cipher });
      expect(Buffer.compare(here, there)).toBe(0);
    }
  });

  it('gives the same round as one thread', async () => {
    const ids = memberIds(4);
    const config: SecAggConfig = {
      taskId: 'pool',
      round: 0,
      attempt: 0,
      bitWidth: 24,
      entries: 50_000,
      threshold: 3,
      maxCorrupt: 0,
      configDigest: new Uint8Array(32),
      adversary: 'honest-but-curious',
    };
    const aggregator = createSecAggAggregator({ cohort: ids, config });
    const members = new Map<string, SecAggParticipant>();
    for (const id of ids) {
      const member = createSecAggParticipant({ id, config, rng: rng.fork(id) });
      member.setInput(new Uint32Array(50_000).fill(3));
      members.set(id, member);
      aggregator.receive(id, member.start());
    }
    let step = await aggregator.advanceWith(pool.expand);
    while (step.kind === 'messages') {
      for (const [id, message] of step.messages) {
        if (id === 'p0000' && step.stage === 'maskedInput') continue;
        const answer = await (members.get(id) as SecAggParticipant).handleWith(message, pool.expand);
        aggregator.receive(id, answer as Uint8Array);
      }
      step = await aggregator.advanceWith(pool.expand);
    }
    expect(step.sum).toEqual(new Uint32Array(50_000).fill(9));
    expect(step.contributors).toEqual(ids.slice(1));
  });

  it('refuses to start without workers', () => {
    expect(() => createMaskPool({ workers: 0 })).toThrow(RangeError);
  });
});
