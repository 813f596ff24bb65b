/**
 * What access control must do, wherever its records are kept.
 *
 * @module
 */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createSeededRng } from '../../src/foundations/random/index.ts';
import {
  type AccessControl,
  type AccessStore,
  createAccessControl,
  type Principal,
} from '../../src/trust/access/index.ts';

const DAY_MS = 24 * 3600 * 1000;
const DIGEST = 'ab'.repeat(32);
const person = (subject: string, groups: readonly string[] = []): Principal => ({ subject, groups });
const task = (id: string) => ({ kind: 'task', id }) as const;
const everything = { kind: 'everything' } as const;

/** Describes a store; `open` gives an empty one. */
export function describeAccessStore(
  name: string,
  open: () => Promise<{ store: AccessStore; close(): Promise<void> }>,
): void {
  describe(`access: ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let access: AccessControl;
    let now = new Date('2026-01-01T00:00:00Z');
    const create = (fourEyes = false): AccessControl =>
      createAccessControl({
        store: opened.store,
        clock: () => now,
        rng: createSeededRng(`access/${name}/${Math.floor(now.getTime())}`),
        fourEyes,
      });
    beforeAll(async () => {
      opened = await open();
      access = create();
      await access.bootstrap('root', ['owner']);
      await access.grant(person('root'), { subject: 'olga', role: 'operator', scope: everything });
      await access.grant(person('root'), { subject: 'group:audit', role: 'auditor', scope: everything });
      await access.grant(person('root'), { subject: 'vera', role: 'viewer', scope: task('a') });
    }, 60_000);
    afterAll(async () => opened.close());
    beforeEach(() => {
      now = new Date(now.getTime() + 1000);
      access = create();
    });

    it('denies whoever has no grant, and writes the refusal down', async () => {
      const decision = await access.check(person('eve'), { action: 'task.view', resource: task('a') });
      expect(decision).toEqual({ allowed: false, reason: 'no-grant', grant: null });
      const records = await access.records(person('ada', ['audit']));
      expect(records.find(({ subject }) => subject === 'eve')).toMatchObject({
        action: 'task.view',
        resource: 'task:a',
        allowed: false,
        reason: 'no-grant',
      });
    });

    it('keeps a grant to its scope and what lies within it', async () => {
      const vera = person('vera');
      const model = { kind: 'model', id: 'm' } as const;
      expect(await access.check(vera, { action: 'task.view', resource: task('a') })).toMatchObject({ allowed: true });
      expect(await access.check(vera, { action: 'task.view', resource: task('b') })).toMatchObject({ allowed: false });
      expect(await access.check(vera, { action: 'model.view', resource: model })).toMatchObject({ allowed: false });
      const within = [task('a')];
      expect(await access.check(vera, { action: 'model.view', resource: model, within })).toMatchObject({
        allowed: true,
      });
      await expect(access.assert(vera, { action: 'task.stop', resource: task('a') })).rejects.toMatchObject({
        code: 'access/denied',
      });
    });

    it('ends a grant at its time and at its revocation', async () => {
      const root = person('root');
      const expiresAt = new Date(now.getTime() + 5000);
      const request = { action: 'metrics.view', resource: task('c') } as const;
      const short = await access.grant(root, { subject: 'kim', role: 'viewer', scope: task('c'), expiresAt });
      expect(await access.check(person('kim'), request)).toMatchObject({ allowed: true, grant: short.id });
      now = expiresAt;
      expect(await access.check(person('kim'), request)).toMatchObject({ allowed: false });
      const long = await access.grant(root, { subject: 'kim', role: 'viewer', scope: task('c') });
      expect(await access.check(person('kim'), request)).toMatchObject({ allowed: true });
      await access.revoke(root, long.id);
      expect(await access.check(person('kim'), request)).toMatchObject({ allowed: false });
    });

    it('gives fewer actions than the role where the grant says so, and those of custom roles', async () => {
      const root = person('root');
      await access.defineRole(root, { name: 'asker', actions: ['model.query', 'model.view'] });
      await access.grant(root, { subject: 'ann', role: 'asker', scope: everything, actions: ['model.query'] });
      const model = { kind: 'model', id: 'm' } as const;
      expect(await access.check(person('ann'), { action: 'model.query', resource: model })).toMatchObject({
        allowed: true,
      });
      expect(await access.check(person('ann'), { action: 'model.view', resource: model })).toMatchObject({
        allowed: false,
      });
      await expect(
        access.defineRole(root, { name: 'both', actions: ['task.create', 'model.release'] }),
      ).rejects.toMatchObject({ code: 'access/separation-of-duties' });
    });

    it('lets nobody grant to herself, nor without the right', async () => {
      const role = { role: 'auditor', scope: everything };
      await expect(access.grant(person('root'), { subject: 'root', ...role })).rejects.toMatchObject({
        code: 'access/separation-of-duties',
      });
      await expect(access.grant(person('olga'), { subject: 'eve', ...role })).rejects.toMatchObject({
        code: 'access/denied',
      });
      await expect(access.bootstrap('eve', ['owner'])).rejects.toMatchObject({ code: 'access/not-empty' });
    });

    it('issues tokens that narrow, expire, are revoked and are never stored', async () => {
      const olga = person('olga');
      const expiresAt = new Date(now.getTime() + DAY_MS);
      const { text, record } = await access.issueToken(olga, {
        label: 'pipeline',
        actions: ['task.create', 'model.release'],
        scope: task('a'),
        expiresAt,
      });
      expect(JSON.stringify(await opened.store.token(record.id))).not.toContain(text.slice(-64));
      const shown = await access.authenticate(text);
      expect(await access.check(shown, { action: 'task.create', resource: task('a') })).toMatchObject({
        allowed: true,
      });
      expect(await access.check(shown, { action: 'task.create', resource: task('b') })).toMatchObject({
        reason: 'token-scope',
      });
      expect(await access.check(shown, { action: 'task.stop', resource: task('a') })).toMatchObject({
        reason: 'token-scope',
      });
      expect(await access.check(shown, { action: 'model.release', resource: task('a') })).toMatchObject({
        allowed: false,
      });
      const last = text.at(-1) === '0' ? '1' : '0';
      await expect(access.authenticate(text.slice(0, -1) + last)).rejects.toMatchObject({
        code: 'access/token-invalid',
      });
      await access.revokeToken(olga, record.id);
      await expect(access.authenticate(text)).rejects.toMatchObject({ code: 'access/token-revoked' });
      const other = await access.issueToken(olga, { label: '', actions: ['task.view'], scope: task('a'), expiresAt });
      now = expiresAt;
      await expect(access.authenticate(other.text)).rejects.toMatchObject({ code: 'access/token-expired' });
      await expect(
        access.issueToken(olga, {
          label: '',
          actions: ['task.view'],
          scope: task('a'),
          expiresAt: new Date(now.getTime() + 400 * DAY_MS),
        }),
      ).rejects.toThrow('366 days');
    });

    it('lets an operator propose and not release, whatever else she holds', async () => {
      await access.grant(person('root'), { subject: 'olga', role: 'owner', scope: { kind: 'model', id: 'm1' } });
      const proposed = await access.propose(person('olga'), { model: 'm1', digest: DIGEST, within: [task('a')] });
      await expect(access.approve(person('olga'), { release: proposed.id, digest: DIGEST })).rejects.toMatchObject({
        code: 'access/separation-of-duties',
      });
      await expect(
        access.approve(person('root'), { release: proposed.id, digest: 'cd'.repeat(32) }),
      ).rejects.toMatchObject({ code: 'access/release-mismatch' });
      expect(await access.isReleased('m1', DIGEST)).toBe(false);
      await access.approve(person('root'), { release: proposed.id, digest: DIGEST });
      expect(await access.isReleased('m1', DIGEST)).toBe(true);
      await expect(access.approve(person('root'), { release: proposed.id, digest: DIGEST })).rejects.toMatchObject({
        code: 'access/release-closed',
      });
    });

    it('wants four eyes where told to, none of them the proposer’s', async () => {
      access = create(true);
      await access.grant(person('root'), { subject: 'rita', role: 'owner', scope: everything });
      await access.grant(person('root'), { subject: 'rolf', role: 'owner', scope: everything });
      const { id } = await access.propose(person('root'), { model: 'm2', digest: DIGEST });
      const approve = (who: string) => access.approve(person(who), { release: id, digest: DIGEST });
      await expect(approve('root')).rejects.toMatchObject({ code: 'access/separation-of-duties' });
      await approve('rita');
      await expect(approve('rita')).rejects.toMatchObject({ code: 'access/separation-of-duties' });
      expect(await access.isReleased('m2', DIGEST)).toBe(false);
      await approve('rolf');
      expect(await access.isReleased('m2', DIGEST)).toBe(true);
    });

    it('closes a proposal that was rejected or has expired', async () => {
      const rejected = await access.propose(person('olga'), { model: 'm3', digest: DIGEST });
      await access.reject(person('root'), { release: rejected.id });
      const late = await access.propose(person('olga'), { model: 'm3', digest: DIGEST });
      now = new Date(late.expiresAt.getTime());
      for (const { id } of [rejected, late]) {
        await expect(access.approve(person('root'), { release: id, digest: DIGEST })).rejects.toMatchObject({
          code: 'access/release-closed',
        });
      }
    });

    it('writes down what it refuses beyond grants, and tells strangers nothing of what there is', async () => {
      const root = person('root');
      const last = async () => (await opened.store.records({ limit: 100_000 })).at(-1);
      await expect(access.grant(root, { subject: 'root', role: 'auditor', scope: everything })).rejects.toMatchObject({
        code: 'access/separation-of-duties',
      });
      expect(await last()).toMatchObject({ subject: 'root', allowed: false, reason: 'separation-of-duties' });
      // A right over one's own role would be a grant to oneself.
      await access.defineRole(root, { name: 'curator', actions: ['dataset.view'] });
      await access.grant(root, { subject: 'cora', role: 'curator', scope: everything });
      await access.grant(root, { subject: 'cora', role: 'owner', scope: everything });
      await expect(
        access.defineRole(person('cora'), { name: 'curator', actions: ['audit.view'] }),
      ).rejects.toMatchObject({ code: 'access/separation-of-duties' });
      expect(await last()).toMatchObject({ subject: 'cora', action: 'access.grant', allowed: false });
      for (const act of [
        () => access.revoke(person('eve'), 'g-nothing'),
        () => access.revokeToken(person('eve'), '0'.repeat(16)),
        () => access.approve(person('eve'), { release: 'r-nothing', digest: DIGEST }),
        () => access.reject(person('eve'), { release: 'r-nothing' }),
        () => access.releases(person('eve'), 'm1'),
      ]) {
        await expect(act()).rejects.toMatchObject({ code: 'access/denied' });
        expect(await last()).toMatchObject({ subject: 'eve', allowed: false, reason: 'no-grant' });
      }
      await expect(access.revoke(root, 'g-nothing')).rejects.toMatchObject({ code: 'access/unknown-grant' });
      await expect(access.approve(root, { release: 'r-nothing', digest: DIGEST })).rejects.toMatchObject({
        code: 'access/unknown-release',
      });
      await expect(access.refuseUnreleased(root, { model: 'm9', digest: DIGEST })).rejects.toMatchObject({
        code: 'access/denied',
      });
      expect(await last()).toMatchObject({ action: 'model.download', resource: 'model:m9', reason: 'not-released' });
    });

    it('lets no token make a token, and keeps guesses from filling the record', async () => {
      const olga = person('olga');
      const request = {
        label: 'x',
        actions: ['token.issue', 'task.view'],
        scope: everything,
        expiresAt: new Date(now.getTime() + DAY_MS),
      } as const;
      const { text, record } = await access.issueToken(olga, request);
      const shown = await access.authenticate(text);
      await expect(access.issueToken(shown, request)).rejects.toMatchObject({ code: 'access/denied' });
      const all = async () => opened.store.records({ limit: 100_000 });
      expect((await all()).at(-1)).toMatchObject({ subject: 'olga', token: record.id, reason: 'token-scope' });
      now = new Date(now.getTime() + 120_000);
      const before = (await all()).length;
      for (let i = 0; i < 20; i += 1) {
        const guess = `sotto_${record.id}_${String(i).padStart(64, '0')}`;
        await expect(access.authenticate(i % 2 === 0 ? guess : 'nonsense')).rejects.toMatchObject({
          code: 'access/token-invalid',
        });
      }
      expect((await all()).slice(before)).toMatchObject([{ subject: 'unknown', token: null, reason: 'token-invalid' }]);
      now = new Date(now.getTime() + 61_000);
      await expect(access.authenticate('nonsense')).rejects.toMatchObject({ code: 'access/token-invalid' });
      expect((await all()).at(-1)?.detail).toBe('authenticate; 19 more since the last one');
      await access.revokeToken(olga, record.id);
      for (let i = 0; i < 2; i += 1) {
        await expect(access.authenticate(text)).rejects.toMatchObject({ code: 'access/token-revoked' });
      }
      // Who has the secret of a token that was revoked is told of by name, each time.
      expect((await all()).slice(-2).map(({ subject, reason }) => [subject, reason])).toEqual([
        ['olga', 'token-revoked'],
        ['olga', 'token-revoked'],
      ]);
    });

    it('records a look once a minute, and a refused one every time', async () => {
      await access.grant(person('root'), { subject: 'lena', role: 'viewer', scope: task('a') });
      const seen = async () =>
        (await opened.store.records({ limit: 100_000 })).filter(({ subject }) => subject === 'lena').length;
      const look = (resource: ReturnType<typeof task>) =>
        access.look(person('lena'), { action: 'task.view', resource });
      await look(task('a'));
      await look(task('a'));
      expect(await seen()).toBe(1);
      now = new Date(now.getTime() + 60_000);
      await look(task('a'));
      expect(await seen()).toBe(2);
      for (let i = 0; i < 2; i += 1) await expect(look(task('b'))).rejects.toMatchObject({ code: 'access/denied' });
      expect(await seen()).toBe(4);
      expect(await access.foresee(person('lena'), { action: 'task.stop', resource: task('a') })).toBe(false);
      expect(await seen()).toBe(4);
    });

    it('knows what a model lies within, whatever the proposal says, and takes a release back', async () => {
      access = createAccessControl({
        store: opened.store,
        clock: () => now,
        rng: createSeededRng(`within/${name}`),
        withinOf: (model) => [task(`of-${model}`)],
        standing: {
          roles: [{ name: 'standing', actions: ['task.view', 'model.propose'] }],
          grants: [
            {
              id: 'g-standing',
              subject: 'machine',
              role: 'standing',
              scope: everything,
              actions: null,
              grantedBy: 'configuration',
              grantedAt: new Date(0),
              expiresAt: null,
              revokedAt: null,
            },
          ],
        },
      });
      const root = person('root');
      // She owns everything and operates the task alone: a proposal that does not name the task must not hide it.
      await access.grant(root, { subject: 'nora', role: 'owner', scope: everything });
      await access.grant(root, { subject: 'nora', role: 'operator', scope: task('of-m7') });
      const { id } = await access.propose(person('machine'), { model: 'm7', digest: DIGEST });
      await expect(access.approve(person('nora'), { release: id, digest: DIGEST })).rejects.toMatchObject({
        code: 'access/separation-of-duties',
      });
      await expect(access.approve(root, { release: id, digest: DIGEST, model: 'm8' })).rejects.toMatchObject({
        code: 'access/unknown-release',
      });
      await access.approve(root, { release: id, digest: DIGEST, model: 'm7' });
      expect(await access.isReleased('m7', DIGEST)).toBe(true);
      await access.reject(root, { release: id });
      expect(await access.isReleased('m7', DIGEST)).toBe(false);
      await expect(access.reject(root, { release: id })).rejects.toMatchObject({ code: 'access/release-closed' });
      // Standing rights are nobody's to hand on.
      await expect(access.grant(root, { subject: 'eve', role: 'standing', scope: everything })).rejects.toMatchObject({
        code: 'access/unknown-role',
      });
    });

    it('refuses what cannot be written down', async () => {
      const failing = createAccessControl({
        store: opened.store,
        clock: () => now,
        rng: createSeededRng('failing'),
        onRecord: () => {
          throw new Error('the log is away');
        },
      });
      await expect(failing.check(person('root'), { action: 'audit.view', resource: task('a') })).rejects.toMatchObject({
        code: 'access/audit-failed',
      });
    });
  });
}
