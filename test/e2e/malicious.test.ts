/**
 * Served tasks whose masks hold against a malicious coordinator: participants that an authority has certified train
 * together, and one whose authority is another, or who has no certificate, is not believed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createSigningKey, toHex } from '../../src/foundations/crypto/index.ts';
import { readEntropy } from '../../src/foundations/random/index.ts';
import { participantIdOf } from '../../src/federation/wire/index.ts';
import type { ParticipantPolicy } from '../../src/runtime/client/index.ts';
import { issueCertificate } from '../../src/secure/secagg/index.ts';
import { bufferedTask } from '../harness/buffered.ts';
import {
  smallTask,
  startParticipant,
  startService,
  type TestParticipant,
  type TestService,
} from '../harness/service.ts';

const scope = 'hospitals';
const authority = createSigningKey(readEntropy(32));
const policy: ParticipantPolicy = {
  trust: ['nobody'],
  maxEpsilon: 10,
  requireMaliciousSecurity: true,
  admission: { kind: 'authority', authorityKey: toHex(authority.publicKey), scope },
};

let test: TestService;
beforeAll(async () => {
  test = await startService();
}, 60_000);
afterAll(() => test.close());

async function certified(taskId: string, name: string, by = authority): Promise<TestParticipant> {
  const keySeed = readEntropy(32);
  const identityKey = createSigningKey(keySeed).publicKey;
  const certificate = issueCertificate(by, { scope, id: participantIdOf(identityKey), identityKey });
  const { token } = await test.service.invite(taskId);
  return startParticipant(name, { taskId, token, fetch: test.fetch, keySeed, policy, certificate });
}

const malicious = (options: Parameters<typeof smallTask>[0]): string =>
  smallTask(options).replace('kind: secagg,', 'kind: secagg, adversary: malicious-coordinator,');

describe('a task against a malicious coordinator', () => {
  it('trains with participants that an authority has certified, and says whom it withstands', async () => {
    const task = await test.service.createTask(malicious({ rounds: 2, name: 'certified' }));
    const all = await Promise.all(['a', 'b', 'c', 'd'].map((name) => certified(task.status().id, name)));
    await Promise.all(all.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 2 });
    for (const { events } of all) {
      expect(events.find((event) => event.kind === 'joined')).toMatchObject({ adversary: 'malicious coordinator' });
      const rounds = events.flatMap((event) => (event.kind === 'round' ? [event.receipt] : []));
      expect(rounds.map(({ outcome, adversary }) => [outcome, adversary])).toEqual([
        ['committed', 'malicious coordinator'],
        ['committed', 'malicious coordinator'],
      ]);
    }
  });

  it('trains in cohorts that are open at once, each of whose sums withstands it', async () => {
    const text = bufferedTask({ name: 'certified-cohorts', rounds: 4, adversary: 'malicious-coordinator' });
    const task = await test.service.createTask(text);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const all = await Promise.all(names.map((name) => certified(task.status().id, name)));
    await Promise.all(all.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 4 });
    const receipts = all.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'round' ? [event.receipt] : [])),
    );
    expect(receipts.filter(({ outcome }) => outcome === 'committed')).toHaveLength(4 * 3);
    expect(new Set(receipts.map(({ adversary }) => adversary))).toEqual(new Set(['malicious coordinator']));
  });

  it('gives no sum when a member of the roster is not certified: the others leave, and send no contribution', async () => {
    const task = await test.service.createTask(malicious({ rounds: 1, name: 'stranger', stageTimeoutMs: 300 }));
    const { id } = task.status();
    const stranger = createSigningKey(readEntropy(32));
    const all = await Promise.all([
      ...['a', 'b'].map((name) => certified(id, name)),
      ...['x', 'y'].map((name) => certified(id, name, stranger)),
    ]);
    const reports = (): readonly unknown[] => test.reports.filter(({ outcome }) => outcome === 'committed');
    const before = reports().length;
    await expect
      .poll(() => all[0]?.events.filter(({ kind }) => kind === 'refused').length, { timeout: 10_000 })
      .toBeGreaterThan(0);
    await task.stop();
    await Promise.all(all.map(({ finished }) => finished));
    expect(reports().length).toBe(before);
    for (const { events } of all)
      expect(events.some((event) => event.kind === 'round' && event.receipt.contributed)).toBe(false);
  });

  it('is refused by policy when the task asks for less, or when only the coordinator admits', async () => {
    const task = await test.service.createTask(smallTask({ name: 'less' }));
    const less = await certified(task.status().id, 'a');
    await expect(less.finished).rejects.toMatchObject({
      code: 'client/policy-refused',
      details: { field: 'requireMaliciousSecurity' },
    });
  });
});
