import { describe, expect, it } from 'vitest';

import {
  checkDropoutPatterns,
  DIMENSION,
  expectedSum,
  planFor,
  runAttempt,
  valueOf,
} from '../../../test/harness/rounds.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import { encodeMessage } from '../wire/index.ts';
import { createCoordinatorRound, createParticipantRounds, type ParticipantRounds } from './index.ts';

describe('a round', () => {
  it('gives exactly the sum of the contributions for every way in which three participants can drop out', async () => {
    expect(await checkDropoutPatterns(['a', 'c', 'z'], 3)).toBeGreaterThan(0);
  });

  it('aborts typed when too few are left, naming the stage, and the next attempt has new keys', async () => {
    const ids = ['a', 'c', 'e', 'g'];
    const plan = planFor(ids.length, 3);
    const participants = new Map<string, ParticipantRounds>();
    const first = await runAttempt({
      plan,
      ids,
      participants,
      answers: (id) => (id < 'e' ? 2 : 9),
      contribution: valueOf,
    });
    expect(first.error).toMatchObject({
      code: 'rounds/aborted',
      details: { round: 1, attempt: 1, stage: 'maskedInput' },
    });
    const second = await runAttempt({ plan, ids, participants, attempt: 2, answers: () => 9, contribution: valueOf });
    expect([...(second.result?.sum ?? [])]).toEqual(expectedSum(ids));
  });

  it('is refused by a participant when the offer is not what it agreed to', () => {
    const plan = planFor(4, 3);
    const rng = () => createSeededRng('x');
    const participant = createParticipantRounds({ id: 'a', taskId: 't', plan, rng });
    const parameters = new Float32Array(DIMENSION);
    const machine = createCoordinatorRound({
      plan,
      taskId: 't',
      round: 1,
      attempt: 1,
      cohort: ['a', 'b', 'c', 'd'],
      parameters,
    });
    const offer = machine.begin().find((effect) => effect.kind === 'send');
    if (offer?.kind !== 'send') throw new Error('no offer');
    const offerWith = (change: Record<string, unknown>): Uint8Array =>
      encodeMessage({
        kind: 'round-offer',
        taskId: 't',
        round: 1,
        attempt: 1,
        planDigest: plan.digest,
        modelDigest: new Uint8Array(32),
        cohort: ['a', 'b', 'c', 'd'],
        parameters: new Uint8Array(4 * DIMENSION),
        ...change,
      } as never);
    const refused = expect.objectContaining({ code: 'rounds/offer-refused' });
    expect(() => participant.receive(offerWith({ planDigest: new Uint8Array(32) }))).toThrow(refused);
    expect(() => participant.receive(offerWith({ taskId: 'other' }))).toThrow(refused);
    expect(() => participant.receive(offerWith({}))).toThrow(refused);
    expect(() => participant.receive(offerWith({ cohort: ['b', 'c'] }))).toThrow(refused);
    const careful = createParticipantRounds({ id: 'a', taskId: 't', plan, rng, minCohort: 5 });
    expect(() => careful.receive(offer.bytes)).toThrow(/the cohort has 4 members, my policy asks for at least 5/);
    participant.receive(offer.bytes);
    expect(() => participant.receive(offer.bytes)).toThrow(/attempts never repeat/);
  });

  it('asks for one contribution, though the message before it comes twice, and masks it when its time has come', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    const plan = planFor(4, 3);
    const parameters = new Float32Array(DIMENSION);
    const machine = createCoordinatorRound({ plan, taskId: 't', round: 1, attempt: 1, cohort: ids, parameters });
    const participants = new Map(
      ids.map((id) => [id, createParticipantRounds({ id, taskId: 't', plan, rng: () => createSeededRng(id) })]),
    );
    let asked = 0;
    const hear = async (id: string, bytes: Uint8Array): Promise<Uint8Array[]> => {
      const participant = participants.get(id) as ParticipantRounds;
      const answers: Uint8Array[] = [];
      for (const effect of participant.receive(bytes)) {
        if (effect.kind === 'send') answers.push(effect.bytes);
        if (effect.kind !== 'contribute') continue;
        if (id === 'a') asked += 1;
        const made = await participant.contribute(valueOf(id));
        answers.push(...made.flatMap((each) => (each.kind === 'send' ? [each.bytes] : [])));
      }
      return answers;
    };
    const queue = machine.begin();
    let sum: readonly number[] | undefined;
    for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
      if (effect.kind === 'finished') sum = [...effect.result.sum];
      if (effect.kind !== 'send') continue;
      const { to, bytes } = effect;
      for (const answer of await hear(to, bytes)) queue.push(...machine.receive(to, answer));
      if (to !== 'a' || machine.done) continue;
      await expect(hear(to, bytes)).rejects.toThrow();
    }
    expect(asked).toBe(1);
    expect(sum).toEqual(expectedSum(ids));
  });
});
