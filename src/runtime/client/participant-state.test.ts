/** What a participant keeps over a restart: sealed, complete, never sent, and never an older state of keys. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  smallTask,
  startParticipant,
  startService,
  type TestParticipant,
  type TestService,
  until,
} from '../../../test/harness/service.ts';
import { createSigningKey } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { createMemoryLedgerStore, type LedgerStore } from '../../privacy/accounting/index.ts';
import type { TaskPlan } from '../../federation/rounds/index.ts';
import type { ContributorState } from '../training/federated/index.ts';
import { openParticipantState, type StateStore } from './participant-state.ts';

/** A store in memory; `kept` is what lies in it. */
function createStore(): StateStore & { kept: Uint8Array | undefined } {
  return {
    kept: undefined,
    load() {
      return Promise.resolve(this.kept?.slice());
    },
    save(sealed) {
      this.kept = sealed.slice();
      return Promise.resolve();
    },
  };
}

function createContributor(first: ContributorState) {
  let state = first;
  return {
    state: () => state,
    restore: (given: ContributorState) => void (state = given),
    change: (given: ContributorState) => void (state = given),
  };
}

const key = createSigningKey(readEntropy(32));
const plan = { aggregation: { kind: 'secagg', setup: 'round' } } as unknown as TaskPlan;
const open = (
  store: StateStore | undefined,
  contributor: ReturnType<typeof createContributor>,
  changes: Partial<Parameters<typeof openParticipantState>[0]> = {},
) =>
  openParticipantState({
    store,
    key,
    taskId: 'task',
    participant: 'p',
    plan,
    contributor: contributor as never,
    chargedAttempt: 0,
    ...changes,
  });

describe('the state of a participant', () => {
  it('is given back as it was, by the same identity in the same task alone', async () => {
    const store = createStore();
    const own = Float32Array.of(0.5, -2, 3);
    const contributor = createContributor({ own: own.map(() => 0) });
    const state = await open(store, contributor);
    contributor.change({ own, control: Float64Array.of(1, 2), residual: Float64Array.of(-0.1) });
    await state.save();
    const again = createContributor({});
    await open(store, again);
    expect(again.state()).toEqual({ own, control: Float64Array.of(1, 2), residual: Float64Array.of(-0.1) });
    for (const changes of [{ key: createSigningKey(readEntropy(32)) }, { taskId: 'other' }, { participant: 'q' }]) {
      await expect(open(store, createContributor({}), changes)).rejects.toMatchObject({ code: 'client/storage' });
    }
  });

  it('shows nothing of what is in it, and takes nothing that was changed', async () => {
    const store = createStore();
    const own = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i));
    const contributor = createContributor({ own: new Float32Array(500) });
    const state = await open(store, contributor);
    contributor.change({ own });
    await state.save();
    const sealed = Buffer.from(store.kept as Uint8Array);
    for (let i = 0; i < 500; i += 2) {
      expect(sealed.includes(Buffer.from(own.buffer, i * 4, 8))).toBe(false);
    }
    await fc.assert(
      fc.asyncProperty(
        fc.nat(sealed.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (at, to, cut) => {
          const changed = new Uint8Array(sealed.subarray(0, cut ? at : sealed.length));
          if (!cut) changed[at] = (changed[at] as number) ^ to;
          const given = { ...createStore(), kept: changed };
          await expect(open(given, createContributor({}))).rejects.toMatchObject({ code: 'client/storage' });
        },
      ),
    );
  });

  it('is written when it has changed, and not before there is any', async () => {
    const store = createStore();
    const contributor = createContributor({});
    const state = await open(store, contributor);
    await state.save();
    expect(store.kept).toBeUndefined();
    contributor.change({ own: Float32Array.of(1) });
    await state.save();
    const first = store.kept;
    await state.save();
    expect(store.kept).toBe(first);
    contributor.change({ own: Float32Array.of(2) });
    await state.save();
    expect(store.kept).not.toEqual(first);
  });
});

let test: TestService;
beforeAll(async () => {
  test = await startService();
}, 60_000);
afterAll(() => test.close());

interface Kept {
  readonly keySeed: Uint8Array;
  readonly ledgerStore: LedgerStore;
  readonly stateStore: ReturnType<typeof createStore>;
}

async function takePart(taskId: string, name: string, kept: Kept): Promise<TestParticipant> {
  const { token } = await test.service.invite(taskId);
  return startParticipant(name, { taskId, token, fetch: test.fetch, ...kept });
}

const fresh = (): Kept => ({
  keySeed: readEntropy(32),
  ledgerStore: createMemoryLedgerStore(),
  stateStore: createStore(),
});

const committedOf = ({ events }: TestParticipant): number =>
  events.filter((event) => event.kind === 'round' && event.outcome === 'committed' && event.receipt.contributed).length;

describe('a task whose keys are agreed on once', () => {
  const taskWide = (rounds: number): string =>
    smallTask({ rounds, name: `setup-${rounds}`, stageTimeoutMs: 1500 }).replace(
      'kind: secagg,',
      'kind: secagg, setup: task,',
    );

  it('trains to its end, through the restart of a participant that has kept them', async () => {
    const { id } = (await test.service.createTask(taskWide(4))).status();
    const kept = [fresh(), fresh(), fresh(), fresh()] as const;
    const others = await Promise.all(kept.slice(1).map((mine, i) => takePart(id, `p${i}`, mine)));
    const first = await takePart(id, 'back', kept[0]);
    await until(() => committedOf(first) >= 1);
    first.leave();
    await first.finished;
    expect(kept[0].stateStore.kept).toBeDefined();
    const second = await takePart(id, 'back', kept[0]);
    await Promise.all([second, ...others].map(({ finished }) => finished));
    expect(test.service.task(id).status()).toMatchObject({ state: 'finished', round: 4 });
    // Under the same keys: the others would have refused other ones, as substituted.
    expect(committedOf(second)).toBeGreaterThan(0);
    const refused = [second, ...others].flatMap(({ events }) => events.filter(({ kind }) => kind === 'refused'));
    expect(JSON.stringify(refused)).not.toMatch(/have changed/);
  });

  it('is not taken up again with keys that were lost, or are from an older copy', async () => {
    const { id } = (await test.service.createTask(taskWide(3))).status();
    const kept = [fresh(), fresh(), fresh(), fresh()] as const;
    const others = await Promise.all(kept.slice(1).map((mine, i) => takePart(id, `p${i}`, mine)));
    const first = await takePart(id, 'back', kept[0]);
    await until(() => first.events.some(({ kind }) => kind === 'round'));
    const older = kept[0].stateStore.kept?.slice();
    await until(() => committedOf(first) >= 2);
    first.leave();
    await first.finished;
    for (const wrong of [undefined, older]) {
      const stateStore = { ...createStore(), kept: wrong };
      const again = await takePart(id, 'back', { ...kept[0], stateStore });
      await expect(again.finished).rejects.toMatchObject({ code: 'client/storage' });
    }
    for (const other of others) other.leave();
    await Promise.all(others.map(({ finished }) => finished));
  });
});

describe('layers that a participant keeps to itself', () => {
  it('go on after a restart from where they were, and are in no message', async () => {
    const text = smallTask({ rounds: 3, name: 'personal', stageTimeoutMs: 1500 })
      .replace(
        /model: .*/,
        'model: { input: [6], layers: [{ kind: dense, out: 3, name: body }, { kind: dense, out: 2, name: head }], loss: softmaxCrossEntropy }',
      )
      .replace(
        /  samplingRate[\s\S]*?learningRate: 0.5 }\n/,
        '  local: { epochs: 1, batchSize: 8, learningRate: 0.5 }\n  personal: [head]\n',
      )
      .replace('privacyUnit: example', 'privacyUnit: client');
    const { id } = (await test.service.createTask(text)).status();
    const kept = [fresh(), fresh(), fresh(), fresh()] as const;
    const sent: Buffer[] = [];
    const start = async (name: string, mine: Kept): Promise<TestParticipant> => {
      const { token } = await test.service.invite(id);
      return startParticipant(name, {
        taskId: id,
        token,
        ...mine,
        fetch(input, init) {
          if (init?.body instanceof Uint8Array) sent.push(Buffer.from(init.body));
          return test.fetch(input, init);
        },
      });
    };
    const others = await Promise.all(kept.slice(1).map((mine, i) => start(`p${i}`, mine)));
    const first = await start('back', kept[0]);
    await until(() => committedOf(first) >= 1);
    first.leave();
    await first.finished;
    const own = await readOwn(id, kept[0]);
    expect(own?.length).toBe(3 * 2 + 2);
    const second = await start('back', kept[0]);
    await Promise.all([second, ...others].map(({ finished }) => finished));
    expect(test.service.task(id).status()).toMatchObject({ state: 'finished', round: 3 });
    const later = await readOwn(id, kept[0]);
    expect(later).not.toEqual(own);
    for (const values of [own, later]) {
      const bytes = Buffer.from(values?.buffer as ArrayBuffer);
      expect(sent.some((body) => body.includes(bytes.subarray(0, 8)))).toBe(false);
    }
  });

  /** The personal layers that were kept, read with the participant's own key. */
  async function readOwn(id: string, { keySeed, stateStore }: Kept): Promise<Float32Array | undefined> {
    const signing = createSigningKey(keySeed);
    const contributor = createContributor({});
    const { participantIdOf } = await import('../../federation/wire/index.ts');
    await open(stateStore, contributor, {
      key: signing,
      taskId: test.service.task(id).run.taskId,
      participant: participantIdOf(signing.publicKey),
    });
    return contributor.state().own;
  }
});
