import { beforeAll, describe, expect, it } from 'vitest';

import { createSigningKey } from '../../foundations/crypto/index.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import {
  contributeEncrypted,
  createEncryptedAggregator,
  createKeyHolder,
  createOpenedRounds,
  type EncryptedRound,
  type SignedCiphertext,
} from './aggregation.ts';
import { createPaillier } from './paillier/context.ts';
import { createBfv } from './seal/sums.ts';

const names = ['a', 'b', 'c', 'd'];
const identities = new Map(names.map((name, i) => [name, createSigningKey(new Uint8Array(32).fill(i + 1))]));
const roster = new Map([...identities].map(([name, { publicKey }]) => [name, publicKey]));
const round = (overrides: Partial<EncryptedRound> = {}): EncryptedRound => ({
  taskId: 'digits',
  round: 3,
  attempt: 0,
  configDigest: new Uint8Array(32),
  ...overrides,
});
const integers = (i: number) => Int32Array.from({ length: 50 }, (_, k) => (k - 25) * (i + 1));

describe.each(['bfv', 'paillier'] as const)('aggregation under %s', (scheme) => {
  const needs = { clampRange: 1000, fractionBits: 0, addends: 4 };
  const setUp = async () => {
    // The interface is the same; one type stands for both here.
    const context = (
      scheme === 'bfv'
        ? await createBfv(needs)
        : createPaillier({ ...needs, rng: createSeededRng('keys'), insecureKeyBits: 512 })
    ) as Awaited<ReturnType<typeof createBfv>>;
    return { context, keys: await context.createKeys() };
  };
  let context: Awaited<ReturnType<typeof setUp>>['context'];
  let keys: Awaited<ReturnType<typeof setUp>>['keys'];
  let contributions: SignedCiphertext[];
  const contribute = (from: string, about = round()) =>
    contributeEncrypted(integers(names.indexOf(from)), {
      context,
      publicKey: keys.publicKey,
      identity: identities.get(from) as never,
      from,
      round: about,
    });
  const add = (list: readonly SignedCiphertext[]) => {
    const aggregator = createEncryptedAggregator({
      context,
      publicKey: keys.publicKey,
      roster,
      entries: 50,
      round: round(),
    });
    for (const contribution of list) aggregator.receive(contribution);
    return aggregator.close();
  };
  const holder = (threshold = 3, opened = createOpenedRounds()) =>
    createKeyHolder({ context, ...keys, roster, entries: 50, threshold, opened });

  beforeAll(async () => {
    ({ context, keys } = await setUp());
    contributions = await Promise.all(names.map((name) => contribute(name)));
  });

  it('opens exactly the sum of those who contributed', async () => {
    const request = add(contributions.slice(0, 3));
    const { sum, contributors } = await holder().open(round(), request);
    expect(sum).toEqual(Float64Array.from({ length: 50 }, (_, k) => (k === 25 ? 0 : (k - 25) * 6)));
    expect(contributors).toEqual(['a', 'b', 'c']);
  });

  it('refuses too few signers, a second opening of a round whatever the attempt, and another sum', async () => {
    await expect(holder().open(round(), add(contributions.slice(0, 2)))).rejects.toMatchObject({
      code: 'homomorphic/too-few',
      details: { contributors: 2, threshold: 3 },
    });
    const opened = createOpenedRounds();
    await holder(3, opened).open(round(), add(contributions));
    await expect(holder(3, opened).open(round(), add(contributions.slice(1)))).rejects.toMatchObject({
      code: 'homomorphic/already-decrypted',
    });
    const { sum } = add(contributions.slice(1));
    await expect(holder().open(round(), { contributions, sum })).rejects.toMatchObject({
      code: 'homomorphic/sum-mismatch',
    });
  });

  it('refuses what is not signed for this round by somebody of the roster, and repeats', async () => {
    const [first, second] = contributions as [SignedCiphertext, SignedCiphertext];
    const forged = { ...first, ciphertext: second.ciphertext };
    expect(() => add([forged])).toThrow(
      expect.objectContaining({ code: 'homomorphic/unsigned', details: { participant: 'a' } }),
    );
    expect(() => add([{ ...first, from: 'b' }])).toThrow(expect.objectContaining({ code: 'homomorphic/unsigned' }));
    expect(() => add([{ ...first, from: 'nobody' }])).toThrow(
      expect.objectContaining({ code: 'homomorphic/unsigned' }),
    );
    expect(() => add([first, first])).toThrow(expect.objectContaining({ code: 'homomorphic/unsigned' }));
    const stale = await contribute('a', round({ round: 2 }));
    expect(() => add([stale])).toThrow(expect.objectContaining({ code: 'homomorphic/unsigned' }));
    const request = { contributions: [first, first, second], sum: add(contributions).sum };
    await expect(holder().open(round(), request)).rejects.toMatchObject({ code: 'homomorphic/unsigned' });
    await expect(
      holder().open(round(), { contributions: [stale, ...contributions.slice(1)], sum: request.sum }),
    ).rejects.toMatchObject({ code: 'homomorphic/unsigned' });
  });

  it('refuses, at its sender alone, what is signed and no fresh vector of this length', async () => {
    const sign = async (ciphertext: Uint8Array): Promise<SignedCiphertext> => {
      const fixed = { ...context, encrypt: () => Promise.resolve(ciphertext), serialize: (bytes: unknown) => bytes };
      return contributeEncrypted([], {
        context: fixed as never,
        publicKey: keys.publicKey,
        identity: identities.get('a') as never,
        from: 'a',
        round: round(),
      });
    };
    const vector = await context.encrypt(integers(0), keys.publicKey);
    const shorter = context.serialize(await context.encrypt(integers(0).slice(1), keys.publicKey));
    const sum = context.serialize(context.add(vector, vector));
    const good = context.serialize(vector);
    const changed = (from: string, to: string) => {
      const text = new TextDecoder('latin1').decode(good);
      expect(text).toContain(from);
      return Uint8Array.from(text.replace(from, to), (letter) => letter.charCodeAt(0));
    };
    const others = contributions.slice(1);
    const bad = [shorter, sum, changed('"entries":50', '"entries":49'), changed('"addends":1', '"addends":0')];
    const body = 4 + new DataView(good.buffer, good.byteOffset).getUint32(0);
    if (scheme === 'paillier') {
      const zeros = good.map((byte, i) => (i < body ? byte : 0));
      bad.push(zeros, changed('"fractionBits":0', '"fractionBits":9'), changed('"bound":"1001"', '"bound":"4001"'));
    } else bad.push(good.map((byte, i) => (i >= body && i < body + 64 ? byte ^ 255 : byte)));
    for (const ciphertext of bad) {
      const contribution = await sign(ciphertext);
      const aggregator = createEncryptedAggregator({
        context,
        publicKey: keys.publicKey,
        roster,
        entries: 50,
        round: round(),
      });
      // First of all: a sum that begins with it would refuse everybody else.
      expect(() => aggregator.receive(contribution)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^homomorphic\/(malformed|overflow)$/) }),
      );
      for (const other of others) aggregator.receive(other);
      const request = aggregator.close();
      const all = { ...request, contributions: [contribution, ...others] };
      await expect(holder().open(round(), all)).rejects.toMatchObject({
        code: expect.stringMatching(/^homomorphic\/(malformed|overflow)$/) as string,
      });
      await expect(holder().open(round(), request)).resolves.toMatchObject({ contributors: ['b', 'c', 'd'] });
    }
  });

  it('refuses a threshold that opens single contributions', () => {
    expect(() => holder(1)).toThrow(RangeError);
  });
});
