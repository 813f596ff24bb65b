import { describe, expect, it } from 'vitest';

import { createAgreementKey, createSigningKey } from '../../foundations/crypto/index.ts';
import { createSeededRng, createSystemRng } from '../../foundations/random/index.ts';
import {
  createAnsweredAttempts,
  createEncryptedGathering,
  createKeyHolderAssistant,
  createServerAssistant,
  createSumEncryption,
  decodeRequest,
  encodeRequest,
  encryptContribution,
  joinAnswers,
  readOpenedSum,
  sealShares,
} from './index.ts';
import { decodeParts } from './assistant.ts';

const taskId = 'digits';
const planDigest = new Uint8Array(32).fill(7);
const address = { taskId, round: 3, attempt: 4 };
const entries = 50;
const people = ['ada', 'bea', 'cyd'];
const inputs = people.map((id) => {
  const rng = createSeededRng(id);
  return Int32Array.from({ length: entries }, () => (rng.uint32() % 20_001) - 10_000);
});
const exact = Float64Array.from({ length: entries }, (_, i) =>
  inputs.reduce((sum, one) => sum + (one[i] as number), 0),
);
const identities = new Map(people.map((id) => [id, createSigningKey(createSeededRng(`identity ${id}`).bytes(32))]));
const identityOf = (id: string) => identities.get(id) as ReturnType<typeof createSigningKey>;
const roster = new Map([...identities].map(([id, { publicKey }]) => [id, publicKey]));
const ask = (
  assistant: string,
  contributions: readonly (readonly [string, ...Uint8Array[]])[],
  claim: Uint8Array = new Uint8Array(),
) => encodeRequest({ assistant, ...address, planDigest, contributions, claim });

describe('aggregation servers', () => {
  const names = ['north', 'south'];
  const keys = names.map((name) => createSeededRng(name).bytes(32));
  const sum = {
    bitWidth: 27,
    entries,
    participants: 3,
    planDigest,
    servers: names.map((name, i) => ({ name, publicKey: createAgreementKey(keys[i] as Uint8Array).publicKey })),
  };
  const start = () =>
    names.map((name, i) =>
      createServerAssistant({
        sum,
        name,
        taskId,
        roster,
        minContributors: 2,
        privateKey: keys[i] as Uint8Array,
        answered: createAnsweredAttempts(),
      }),
    );
  const messages = people.map((from, i) =>
    sealShares(inputs[i] as Int32Array, { sum, address, from, identity: identityOf(from) }, createSystemRng()),
  );
  const forServer = (server: number, who = people) =>
    who.map((from): readonly [string, Uint8Array] => [
      from,
      decodeParts(messages[people.indexOf(from)] as Uint8Array, 2)[server] as Uint8Array,
    ]);

  it('give the exact sum together', async () => {
    const servers = start();
    const answers = await Promise.all(servers.map((server, i) => server.answer(ask(server.name, forServer(i)))));
    expect(joinAnswers(answers, sum)).toEqual(exact);
    for (const [i, server] of servers.entries())
      expect(ask(server.name, forServer(i)).length).toBeLessThanOrEqual(server.maxRequestBytes);
  });

  it('answer the same request again, and no other one for the attempt', async () => {
    const [north] = start();
    const request = ask('north', forServer(0));
    const first = await north?.answer(request);
    expect(await north?.answer(request)).toEqual(first);
    await expect(north?.answer(ask('north', forServer(0, ['ada', 'bea'])))).rejects.toMatchObject({
      code: 'assistants/already-answered',
    });
  });

  it('refuse too few contributors, a name twice, another task, another server’s shares, and bytes that are nothing', async () => {
    const [north] = start();
    const refused = (request: Uint8Array) => north?.answer(request).catch((error: { code?: string }) => error.code);
    expect(await refused(ask('north', forServer(0, ['ada'])))).toBe('assistants/too-few');
    expect(await refused(ask('north', [...forServer(0), ...forServer(0, ['ada'])]))).toBe('assistants/malformed');
    expect(await refused(ask('south', forServer(0)))).toBe('assistants/wrong-task');
    expect(await refused(ask('north', forServer(1)))).toBe('mpc/unsigned');
    expect(await refused(Uint8Array.of(1, 2, 3))).toBe('assistants/malformed');
    const request = ask('north', forServer(0));
    for (let i = 0; i < request.length; i += 37) {
      const flipped = request.slice();
      flipped[i] = (flipped[i] as number) ^ 1;
      expect(await refused(flipped), `byte ${i}`).toMatch(/^(assistants|mpc)\//);
    }
  });
});

describe('a coordinator that wants to be alone with somebody', () => {
  const keys = ['north', 'south'].map((name) => createSeededRng(name).bytes(32));
  const sum = {
    bitWidth: 27,
    entries,
    participants: 3,
    planDigest,
    servers: ['north', 'south'].map((name, i) => ({
      name,
      publicKey: createAgreementKey(keys[i] as Uint8Array).publicKey,
    })),
  };
  const sealed = (from: string, identity: ReturnType<typeof createSigningKey>) =>
    sealShares(new Int32Array(entries), { sum, address, from, identity }, createSystemRng());
  const north = () =>
    createServerAssistant({
      sum,
      name: 'north',
      taskId,
      roster,
      minContributors: 3,
      privateKey: keys[0] as Uint8Array,
      answered: createAnsweredAttempts(),
    });
  const entryOf = (from: string, message: Uint8Array): readonly [string, Uint8Array] => [
    from,
    decodeParts(message, 2)[0] as Uint8Array,
  ];
  const ada = entryOf('ada', sealed('ada', identityOf('ada')));
  const own = createSigningKey(createSeededRng('coordinator').bytes(32));

  it('cannot make participants up at an aggregation server', async () => {
    const made = ['eve', 'fay'].map((id) => entryOf(id, sealed(id, own)));
    await expect(north().answer(ask('north', [ada, ...made]))).rejects.toMatchObject({
      code: 'assistants/unknown-contributor',
      details: { participants: ['eve', 'fay'] },
    });
  });

  it('cannot contribute for those who did not, nor twice for one, nor with what was signed for another attempt', async () => {
    const forged = ['bea', 'cyd'].map((id) => entryOf(id, sealed(id, own)));
    await expect(north().answer(ask('north', [ada, ...forged]))).rejects.toMatchObject({ code: 'mpc/unsigned' });
    const again = ['bea', 'cyd'].map((id): readonly [string, Uint8Array] => [id, ada[1]]);
    await expect(north().answer(ask('north', [ada, ...again]))).rejects.toMatchObject({ code: 'mpc/unsigned' });
    const earlier = ['bea', 'cyd'].map((from) => {
      const before = { ...address, attempt: address.attempt - 1 };
      const options = { sum, address: before, from, identity: identityOf(from) };
      return entryOf(from, sealShares(new Int32Array(entries), options, createSystemRng()));
    });
    await expect(north().answer(ask('north', [ada, ...earlier]))).rejects.toMatchObject({ code: 'mpc/unsigned' });
    const honest = ['bea', 'cyd'].map((id) => entryOf(id, sealed(id, identityOf(id))));
    await expect(north().answer(ask('north', [ada, ...honest]))).resolves.toHaveLength(32 + 4 * entries);
  });
});

describe.each(['bfv', 'paillier', 'ckks'] as const)('a key holder with %s', (scheme) => {
  const sum = { scheme, bitWidth: 27, entries, participants: 3, keyBits: 2048 as const, planDigest };
  it('opens the exact sum of signed contributions, once, and no smaller one', async () => {
    const holder = await createKeyHolderAssistant({
      sum,
      name: 'holder',
      taskId,
      roster,
      minContributors: 2,
      answered: createAnsweredAttempts(),
    });
    const encryption = await createSumEncryption(sum, holder.publicKey);
    const gathering = createEncryptedGathering({ encryption, roster, address });
    const sent = await Promise.all(
      people.map((from, i) =>
        encryptContribution(inputs[i] as Int32Array, {
          encryption,
          from,
          address,
          identity: identityOf(from),
        }),
      ),
    );
    sent.forEach((payload, i) => gathering.receive(people[i] as string, payload));
    expect(() => gathering.receive('ada', sent[0] as Uint8Array)).toThrow();
    expect(() => gathering.receive('bea', sent[0] as Uint8Array)).toThrow(
      expect.objectContaining({ code: 'homomorphic/unsigned' }),
    );
    const { contributions, sum: claim } = gathering.close();
    const code = (request: Uint8Array) => holder.answer(request).catch((error: { code?: string }) => error.code);
    expect(await code(ask('holder', contributions.slice(0, 1), claim))).toBe('assistants/too-few');
    expect(await code(ask('holder', contributions.slice(0, 2), claim))).toBe('homomorphic/sum-mismatch');
    const request = ask('holder', contributions, claim);
    expect(readOpenedSum(await holder.answer(request), sum)).toEqual(exact);
    expect(decodeRequest(request).contributions.length).toBe(3);
    // The server in front of it refuses longer ones unread.
    expect(request.length).toBeLessThanOrEqual(holder.maxRequestBytes);
    expect(request.length).toBeGreaterThan(0.9 * holder.maxRequestBytes - 20_000);
    const pair = createEncryptedGathering({ encryption, roster, address });
    sent.slice(0, 2).forEach((payload, i) => pair.receive(people[i] as string, payload));
    const smaller = pair.close();
    expect(await code(ask('holder', smaller.contributions, smaller.sum))).toBe('assistants/already-answered');
  });
});
