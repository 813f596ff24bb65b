import { expect, it } from 'vitest';

import { DIMENSION, expectedSum, planFor, valueOf } from '../../../test/harness/rounds.ts';
import { createCoordinatorRound } from '../../federation/rounds/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import type { Contributor } from '../training/federated/index.ts';
import { createParticipant } from './participant.ts';

it('makes one contribution, charged and sealed once, though every message comes twice', async () => {
  const ids = ['a', 'b', 'c', 'd'];
  const plan = planFor(4, 3);
  const machine = createCoordinatorRound({
    plan,
    taskId: 't',
    round: 1,
    attempt: 1,
    cohort: ids,
    parameters: new Float32Array(DIMENSION),
  });
  const done: string[] = [];
  const sealed = new Set<Uint8Array>();
  const participants = new Map(
    ids.map((id) => [
      id,
      createParticipant({
        id,
        taskId: 't',
        plan,
        rng: () => createSeededRng(id),
        contributor: {
          contribute: () => valueOf(id),
          state: () => ({}),
          restore: () => {},
          ownModel: (parameters) => parameters,
          seconds: {} as Contributor['seconds'],
          nonFinite: 0,
        },
        beforeContribution: () => Promise.resolve(void done.push(`charged ${id}`)),
        seal(message) {
          done.push(`sealed ${id} at ${machine.stage}`);
          const bytes = message.slice();
          sealed.add(bytes);
          return Promise.resolve(bytes);
        },
      }),
    ]),
  );
  const queue = machine.begin();
  let sum: readonly number[] | undefined;
  let carried = 0;
  for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
    if (effect.kind === 'finished') sum = [...effect.result.sum];
    if (effect.kind !== 'send') continue;
    const { to, bytes } = effect;
    const participant = participants.get(to);
    for (const answer of (await participant?.receive(bytes)) ?? []) {
      if (sealed.has(answer)) carried += 1;
      queue.push(...machine.receive(to, answer));
    }
    await expect((async () => participant?.receive(bytes))()).rejects.toThrow();
  }
  expect(sum).toEqual(expectedSum(ids));
  expect(carried).toBe(4);
  expect(done.toSorted()).toEqual(ids.flatMap((id) => [`charged ${id}`, `sealed ${id} at maskedInput`]).toSorted());
});
