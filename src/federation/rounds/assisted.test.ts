import { beforeAll, describe, expect, it } from 'vitest';

import { createAgreementKey, createSigningKey } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import {
  type Assistant,
  createAnsweredAttempts,
  createKeyHolderAssistant,
  createServerAssistant,
} from '../assistants/index.ts';
import { encryptedSumOf, prepareAssistance, sharedSumOf } from './assistance.ts';
import { createCoordinatorRound, type RoundEffect, type RoundResult } from './coordinator-round.ts';
import { createParticipantRounds } from './participant-round.ts';
import { planTask } from './plan.ts';
import type { TaskPlan } from './plan-types.ts';
import { privacySchema, roundsSchema } from './task.ts';

const ids = ['ada', 'bea', 'cyd', 'dan'];
const DIMENSION = 6;
const taskId = 't';
const facts = { dimension: DIMENSION, clippedSumSensitivity: 1.0005 };
const rounds = roundsSchema.parse({ rounds: 5, samplingRate: 0.1, expectedBatchSize: 100 });

function planFor(aggregation: Record<string, unknown>): TaskPlan {
  const privacy = privacySchema.parse({
    privacyUnit: 'example',
    trust: 'nobody',
    epsilon: 3,
    delta: 1e-5,
    maxCorrupt: 1,
    aggregation,
  });
  return planTask({ name: 'test', participants: ids.length, privacy, rounds }, facts);
}

const identities = new Map(ids.map((id) => [id, createSigningKey(createSeededRng(`identity ${id}`).bytes(32))]));
const roster = new Map([...identities].map(([id, { publicKey }]) => [id, publicKey]));
const valueOf = (id: string) =>
  Int32Array.from({ length: DIMENSION }, (_, i) => (id.charCodeAt(0) - 98) * 1000 * (i + 1));
const sumOf = (who: readonly string[]) =>
  Array.from({ length: DIMENSION }, (_, i) => who.reduce((sum, id) => sum + (valueOf(id)[i] as number), 0));

/** The parties that help with a plan, and their public keys. */
async function assistantsFor(
  plan: TaskPlan,
): Promise<{ assistants: readonly Assistant[]; publicKeys: Record<string, Uint8Array> }> {
  const { aggregation } = plan;
  const common = () => ({ taskId, minContributors: 3, answered: createAnsweredAttempts() });
  if (aggregation.kind === 'homomorphic') {
    const { name } = aggregation.holder;
    const holder = await createKeyHolderAssistant({ ...common(), sum: encryptedSumOf(plan), name, roster });
    return { assistants: [holder], publicKeys: { [name]: holder.publicKey } };
  }
  if (aggregation.kind !== 'shares') throw new Error('nobody helps');
  const secrets = aggregation.servers.map(({ name }) => [name, createSeededRng(name).bytes(32)] as const);
  const publicKeys = Object.fromEntries(secrets.map(([name, key]) => [name, createAgreementKey(key).publicKey]));
  const sum = sharedSumOf(plan, { publicKeys });
  return {
    assistants: secrets.map(([name, privateKey]) =>
      createServerAssistant({ ...common(), sum, name, roster, privateKey }),
    ),
    publicKeys,
  };
}

/** Runs one attempt; whoever is in `lost` never answers, whoever is in `deaf` is an assistant that does not. */
async function run(
  plan: TaskPlan,
  {
    assistants,
    publicKeys,
    attempt = 1,
    lost = [],
    deaf = false,
  }: Awaited<ReturnType<typeof assistantsFor>> & { attempt?: number; lost?: readonly string[]; deaf?: boolean },
): Promise<{ result?: RoundResult; error?: unknown; requests: readonly Uint8Array[] }> {
  const assistance = await prepareAssistance(plan, { publicKeys });
  const machine = createCoordinatorRound({
    plan,
    taskId,
    round: attempt,
    attempt,
    cohort: ids,
    parameters: new Float32Array(DIMENSION),
    assistance,
    roster,
  });
  const participants = new Map(
    ids.map((id) => {
      const security = { assistance, identity: { signingKey: identities.get(id) as never } };
      const rng = () => createSeededRng(`${id}/${attempt}`);
      return [id, createParticipantRounds({ id, taskId, plan, rng, security })];
    }),
  );
  const queue: RoundEffect[] = machine.begin();
  const requests: Uint8Array[] = [];
  let stage = '';
  for (;;) {
    const effect = queue.shift();
    if (effect === undefined) queue.push(...machine.timeout(stage));
    else if (effect.kind === 'timer') ({ stage } = effect);
    else if (effect.kind === 'finished') return { result: effect.result, requests };
    else if (effect.kind === 'aborted') return { error: effect.error, requests };
    else if (effect.kind === 'ask') {
      requests.push(effect.bytes);
      const assistant = assistants.find(({ name }) => name === effect.assistant);
      if (!deaf) queue.push(...machine.answer(effect.assistant, (await assistant?.answer(effect.bytes)) as Uint8Array));
    } else if (effect.kind === 'send' && !lost.includes(effect.to)) {
      const { to } = effect;
      const participant = participants.get(to) as ReturnType<typeof createParticipantRounds>;
      for (const reply of participant.receive(effect.bytes)) {
        if (reply.kind !== 'contribute') continue;
        for (const send of await participant.contribute(valueOf(to))) {
          if (send.kind === 'send') queue.push(...machine.receive(to, send.bytes));
        }
      }
    }
  }
}

describe.each([
  ['shares of two servers', { kind: 'shares', threshold: 3 }],
  ['shares of three servers', { kind: 'shares', threshold: 3, servers: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }],
  ['BFV', { kind: 'homomorphic', threshold: 3 }],
] as const)('a round by %s', (_, aggregation) => {
  const plan = planFor(aggregation);
  let helpers: Awaited<ReturnType<typeof assistantsFor>>;
  beforeAll(async () => {
    helpers = await assistantsFor(plan);
  });

  it('gives exactly the sum of those who contributed, for everybody who may be missing', async () => {
    let attempt = 0;
    for (const lost of [[], ...ids.map((id) => [id])]) {
      attempt += 1;
      const { result } = await run(plan, { ...helpers, attempt, lost });
      const there = ids.filter((id) => !lost.includes(id));
      expect([...(result?.sum ?? [])]).toEqual(sumOf(there));
      expect(result?.contributors.toSorted()).toEqual(there);
      expect(result?.dropouts).toEqual(lost);
    }
  });

  it('is aborted when fewer than the threshold contribute, before anybody is asked, or when an assistant is silent', async () => {
    const few = await run(plan, { ...helpers, attempt: 20, lost: ['ada', 'bea'] });
    expect(few.error).toMatchObject({ code: 'rounds/aborted' });
    expect(few.requests).toEqual([]);
    const silent = await run(plan, { ...helpers, attempt: 21, deaf: true });
    expect(silent.error).toMatchObject({ code: 'rounds/aborted', message: expect.stringContaining('did not answer') });
  });

  it('charges the noise of the honest among the fewest contributors', () => {
    expect(plan.noise).toMatchObject({ addedBy: 'participants', honestShares: 2 });
  });

  it('is refused without the assistants’ keys, or with keys that are not those the task pins', async () => {
    await expect(prepareAssistance(plan, undefined)).rejects.toMatchObject({ code: 'rounds/offer-refused' });
    const foreign = { publicKeys: await assistantsFor(plan).then(({ publicKeys }) => publicKeys) };
    const pinned =
      aggregation.kind === 'shares'
        ? planFor({
            kind: 'shares',
            threshold: 3,
            servers: [{ name: 'server-1', publicKey: 'ab'.repeat(32) }, { name: 'server-2' }],
          })
        : planFor({ ...aggregation, holder: { name: 'key-holder', keyDigest: 'ab'.repeat(32) } });
    await expect(prepareAssistance(pinned, foreign)).rejects.toMatchObject({ code: 'rounds/offer-refused' });
  });
});

describe('settings', () => {
  it('refuse a single server, a threshold that two sums could share, and shares in the clear under nobody', () => {
    expect(() => planFor({ kind: 'shares', servers: [{ name: 'alone' }] })).toThrow(/at least two/);
    expect(() => planFor({ kind: 'shares', threshold: 2 })).toThrow(/2 · threshold/);
    expect(() => planFor({ kind: 'clear' })).toThrow(/secagg \| shares \| homomorphic/);
  });
});
