/** Buffered rounds when something goes wrong between two writes: what is open goes on as it was, and nothing is left over. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  decodeMail,
  decodeMessage,
  encodeMail,
  participantIdOf,
  type RoundOffer,
} from '../../src/federation/wire/index.ts';
import { createSigningKey, type SigningKey } from '../../src/foundations/crypto/index.ts';
import { createSystemRng, readEntropy } from '../../src/foundations/random/index.ts';
import { createTransport } from '../../src/runtime/client/transport.ts';
import { createLedgerTable, type OpenDatabase, openDatabase } from '../../src/runtime/storage/database/index.ts';
import { createMemoryObjectStore } from '../../src/runtime/storage/objects/index.ts';
import { verifyLedger } from '../../src/privacy/accounting/index.ts';
import { attemptsOf as attemptsIn, bufferedTask, membershipsIn } from '../harness/buffered.ts';
import {
  startParticipant,
  startService,
  type TestParticipant,
  type TestService,
  until,
  URL_OF_SERVICE,
} from '../harness/service.ts';

let database: OpenDatabase;
beforeAll(async () => {
  database = await openDatabase({ kind: 'memory' });
}, 60_000);
afterAll(() => database.close());

/** Ends a process at a point as a kill would: nothing is written after it. */
function dieAt(point: string) {
  const { promise: died, resolve } = Promise.withResolvers<void>();
  let isDead = false;
  return {
    died,
    onWrite: (name: string): void => {
      if (name === point) {
        isDead = true;
        resolve();
      }
      if (isDead) throw new Error('the process is gone');
    },
  };
}

const attemptsOf = (id: string) => attemptsIn(database.db, id);
const openOf = async (id: string) => (await attemptsOf(id)).filter(({ state }) => state === 'open');

const pause = (ms: number): Promise<unknown> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** How participants reach what serves now. */
interface Network {
  readonly now: () => TestService | undefined;
  /** Whether an offer does not reach somebody. */
  readonly loses?: (name: string, offer: RoundOffer) => boolean;
  /** Waited for before somebody says something in a round. */
  readonly before?: (name: string) => Promise<unknown>;
}

/** Lets six take part. */
async function joinAll(
  id: string,
  invite: () => Promise<{ token: string }>,
  { now, loses = () => false, before }: Network,
): Promise<readonly TestParticipant[]> {
  const isLost = (name: string, bytes: Uint8Array): boolean => {
    const message = decodeMessage(bytes);
    return message.kind === 'round-offer' && loses(name, message);
  };
  const all: TestParticipant[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const { token } = await invite();
    const participant = startParticipant(name, {
      token,
      taskId: id,
      policy: { trust: ['nobody', 'local', 'coordinator', 'off'] },
      async fetch(input, init) {
        const address = input instanceof Request ? input.url : input.toString();
        if (address.endsWith('/messages')) await before?.(name);
        const service = now();
        if (service === undefined) throw new TypeError('nobody is there');
        const response = await service.fetch(input, init);
        if (!address.includes('/mail') || !response.ok) return response;
        const mail = decodeMail(new Uint8Array(await response.clone().arrayBuffer()));
        if (!mail.some(({ bytes }) => isLost(name, bytes))) return response;
        await pause(50);
        return new Response(encodeMail([]).slice());
      },
    });
    all.push(participant);
  }
  return all;
}

/** How far a task is that outlives its first process. */
interface Course {
  readonly id: string;
  hasDied: boolean;
}

/** Runs a task whose process dies at a point, and another that takes it up. */
async function survive(text: string, point: string, network: (course: Course) => Omit<Network, 'now'> = () => ({})) {
  const objects = createMemoryObjectStore();
  const death = dieAt(point);
  let now: TestService | undefined = await startService({ database, objects, onWrite: death.onWrite });
  const first = now;
  const { id } = (await first.service.createTask(text)).status();
  const course: Course = { id, hasDied: false };
  const all = await joinAll(id, () => first.service.invite(id), { ...network(course), now: () => now });
  await death.died;
  now = undefined;
  course.hasDied = true;
  await first.close();
  const left = await openOf(id);
  const second = (now = await startService({ database, objects }));
  await until(() => second.service.task(id).status().state !== 'running', { timeoutMs: 60_000 });
  await Promise.all(all.map(({ finished }) => finished));
  const status = second.service.task(id).status();
  await second.close();
  return { id, objects, all, status, left };
}

describe('a coordinator of buffered rounds that ends between two writes', () => {
  it('offers a whole cohort one model, though another cohort ends while the journal is replayed', async () => {
    let deaf: string | undefined;
    const { all, status, left } = await survive(
      bufferedTask({ name: 'one-base', stageTimeoutMs: 20_000 }),
      'before-checkpoint',
      (course) => ({
        // One member of the second attempt has not heard of it when the first one is about to be applied.
        loses(name, { attempt }) {
          if (attempt === 2) deaf ??= name;
          return name === deaf && !course.hasDied;
        },
        before: () => until(async () => course.hasDied || (await openOf(course.id)).length === 2),
      }),
    );
    expect(status).toMatchObject({ state: 'finished', round: 6 });
    expect(left.map(({ attempt, base }) => [attempt, base])).toEqual([
      [1, ''],
      [2, ''],
    ]);
    const bases = new Map<number, Set<string>>();
    for (const event of all.flatMap(({ events }) => events)) {
      if (event.kind !== 'round') continue;
      const { attempt, modelDigest } = event.receipt;
      bases.set(attempt, (bases.get(attempt) ?? new Set()).add(modelDigest));
    }
    expect(bases.size).toBeGreaterThanOrEqual(6);
    expect([...bases.values()].filter(({ size }) => size > 1)).toEqual([]);
  }, 90_000);

  it('uses the charge of an attempt that it could not open for the one that it opens in its place', async () => {
    // Six rounds of three among six are three memberships each, and the budget has no fourth.
    const text = bufferedTask({ name: 'charged-once', rounds: 6, spareRounds: 0, maxParticipations: 3 });
    const { id, status } = await survive(text, 'attempt-reserved');
    expect(status).toMatchObject({ state: 'finished', round: 6 });
    const { charges } = verifyLedger(await createLedgerTable(database.db, id).read());
    expect(charges).toHaveLength(3);
  }, 90_000);

  it.each([
    ['round-committed', 'all answer'],
    ['metrics-written', 'all answer'],
    ['timeout-journaled', 'one is silent'],
    ['ledger-aborted', 'one is silent'],
    ['round-aborted', 'one is silent'],
  ])(
    'at %s, where %s, it counts every membership once and keeps nothing of a round that is over',
    async (point, who) => {
      const { id, objects, status } = await survive(
        bufferedTask({ name: `swept-${point}`, stageTimeoutMs: who === 'all answer' ? 4000 : 700 }),
        point,
        (course) => ({
          before: (name) => until(() => who === 'all answer' || name !== 'a' || course.hasDied),
        }),
      );
      expect(status).toMatchObject({ state: 'finished', round: 6 });
      const left = await database.db.selectFrom('attempt_events').selectAll().where('task_id', '=', id).execute();
      expect([left, await objects.list(`tasks/${id}/attempts/`)]).toEqual([[], []]);
      const attempts = await attemptsOf(id);
      const committed = attempts.filter(({ state }) => state === 'committed');
      expect([committed.length, attempts.some(({ state }) => state === 'open')]).toEqual([6, false]);
      const { charges } = verifyLedger(await createLedgerTable(database.db, id).read());
      expect(charges).toHaveLength(Math.max(...membershipsIn(attempts).values()));
    },
    90_000,
  );
});

describe('a message that belongs to another attempt', () => {
  it('is refused from a member of that one, of another and of none, and does no harm to either', async () => {
    const test = await startService({ database });
    const task = await test.service.createTask(
      bufferedTask({ name: 'mixed-up', participants: 7, stageTimeoutMs: 15_000 }),
    );
    const { id } = task.status();
    /** The first message that was sent in each attempt. */
    const first = new Map<number, Uint8Array>();
    const { promise: tried, resolve: goOn } = Promise.withResolvers<void>();
    const keys = new Map<string, SigningKey>();
    const all: TestParticipant[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      const keySeed = readEntropy(32);
      const key = createSigningKey(keySeed);
      keys.set(participantIdOf(key.publicKey), key);
      const { token } = await test.service.invite(id);
      const participant = startParticipant(name, {
        token,
        taskId: id,
        keySeed,
        async fetch(input, init) {
          if (init?.body instanceof Uint8Array && (input as URL).pathname.endsWith('/messages')) {
            const message = decodeMessage(init.body);
            if (message.kind === 'aggregation' && !first.has(message.attempt)) first.set(message.attempt, init.body);
            await tried;
          }
          return test.fetch(input, init);
        },
      });
      all.push(participant);
    }
    await until(() => first.has(1) && first.has(2));
    const send = async (who: string, bytes: Uint8Array | undefined): Promise<unknown> => {
      const options = { url: URL_OF_SERVICE, taskId: id, rng: createSystemRng(), now: () => Date.now() };
      const transport = createTransport({ ...options, key: keys.get(who) as SigningKey, fetch: test.fetch });
      return transport.send(bytes as Uint8Array).catch((error: unknown) => error);
    };
    const cohorts = (await openOf(id)).map(({ cohort }) => JSON.parse(cohort) as string[]);
    const [[one = ''] = [], [other = ''] = []] = cohorts;
    const [idle = ''] = [...keys.keys()].filter((who) => !cohorts.flat().includes(who));
    const events = () => database.db.selectFrom('attempt_events').selectAll().where('task_id', '=', id).execute();
    for (const [who, attempt] of [
      [one, 2],
      [other, 1],
      [idle, 1],
      [idle, 2],
    ] as const) {
      expect(await send(who, first.get(attempt))).toMatchObject({ details: { type: 'coordinator/message-refused' } });
    }
    expect(await events()).toEqual([]);
    goOn();
    await Promise.all(all.map(({ finished }) => finished));
    expect(task.status()).toMatchObject({ state: 'finished', round: 6 });
    // What was said in an attempt that is over is for nobody any more.
    expect(await send(one, first.get(1))).toMatchObject({ details: { type: 'coordinator/wrong-state' } });
    expect(test.reports.every(({ outcome, contributors }) => outcome === 'committed' && contributors === 3)).toBe(true);
    await test.close();
  }, 60_000);
});

describe('a task that is stopped with two attempts open', () => {
  it('opens nothing more, ends what is open, keeps what was charged, and is as it was after a restart', async () => {
    const objects = createMemoryObjectStore();
    const test = await startService({ database, objects });
    const task = await test.service.createTask(bufferedTask({ name: 'stopped', stageTimeoutMs: 500 }));
    const { id } = task.status();
    const { promise: stopped, resolve: goOn } = Promise.withResolvers<void>();
    const all = await joinAll(id, () => test.service.invite(id), { now: () => test, before: () => stopped });
    await until(async () => (await openOf(id)).length === 2);
    await task.stop();
    goOn();
    await Promise.all(all.map(({ finished }) => finished));
    await until(async () => (await openOf(id)).length === 0);
    const attempts = await attemptsOf(id);
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    await test.close();
    const again = await startService({ database, objects });
    expect(again.service.task(id).status().state).toBe('stopped');
    await again.close();
    const { charges } = verifyLedger(await createLedgerTable(database.db, id).read());
    expect(charges.map(({ attempt }) => attempt)).toEqual([1]);
    const left = await database.db.selectFrom('attempt_events').selectAll().where('task_id', '=', id).execute();
    expect(left).toEqual([]);
  }, 60_000);
});

describe('cohorts of a task without privacy', () => {
  it('are chosen as those of any other: several are open, nobody is in two, and all have their turn', async () => {
    const test = await startService({ database });
    const text = bufferedTask({ name: 'off' }).replace(
      /privacy:[^]*service:/,
      'privacy:\n  trust: off\n  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: 4000 }\nservice:',
    );
    const task = await test.service.createTask(text);
    const { id } = task.status();
    const all = await joinAll(id, () => test.service.invite(id), { now: () => test });
    await Promise.all(all.map(({ finished }) => finished));
    const attempts = await attemptsOf(id);
    await test.close();
    expect(attempts).toHaveLength(6);
    expect([...membershipsIn(attempts).values()]).toEqual([3, 3, 3, 3, 3, 3]);
  }, 60_000);
});

describe('a cohort that is too small for a sum', () => {
  it('is refused with the task', async () => {
    const test = await startService({ database });
    const text = bufferedTask({ name: 'small' }).replace('service: {', 'service: { startThreshold: 2,');
    await expect(test.service.createTask(text)).rejects.toThrow(/service.startThreshold/);
    await test.close();
  });
});
