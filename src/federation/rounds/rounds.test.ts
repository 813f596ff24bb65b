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
});
