import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { type OidcProvider, startOidcProvider } from '../../../../test/harness/oidc-provider.ts';
import { PASSWORD, type PeopleService, type Person, startPeopleService } from '../../../../test/harness/people.ts';
import { OPERATOR, smallTask, URL_OF_SERVICE } from '../../../../test/harness/service.ts';
import { fromHex, sha256, toHex, utf8 } from '../../../foundations/crypto/index.ts';
import { parseTaskFile, taskFileSchema } from '../../task/index.ts';
import { describeTaskForm, EXPLANATIONS } from '../task-form.ts';
import { deriveTag, hashPassword, verifyPassword } from './passwords.ts';

describe('passwords', () => {
  it('are hashed alike by the platform and by noble', async () => {
    const cost = { salt: fromHex('02'.repeat(16)), memoryKiB: 64, passes: 3 };
    const tag = await deriveTag('password', cost);
    expect(toHex(await deriveTag('password', { ...cost, portable: true }))).toBe(toHex(tag));
    expect(toHex(await deriveTag('Password', cost))).not.toBe(toHex(tag));
  });

  it('are known again, and no other is', async () => {
    const hash = await hashPassword('correct horse battery');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await verifyPassword('correct horse battery', hash)).toBe(true);
    expect(await verifyPassword('correct horse batterz', hash)).toBe(false);
    expect(await verifyPassword('', '')).toBe(false);
    expect(utf8(hash).length).toBeLessThan(120);
  });

  it('are refused when they are short', async () => {
    await expect(hashPassword('elevenchars')).rejects.toMatchObject({ code: 'people/weak-password' });
  });
});

describe('the form of a task', () => {
  it('explains keys that exist, and begins with a task that parses', () => {
    const { schema, start } = describeTaskForm();
    const known = new Set<string>();
    interface Node {
      readonly properties?: Readonly<Record<string, Node>>;
      readonly anyOf?: readonly Node[];
      readonly oneOf?: readonly Node[];
    }
    const walk = (node: Node, path: string): void => {
      for (const choice of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) walk(choice, path);
      for (const [key, inner] of Object.entries(node.properties ?? {})) {
        const next = path === '' ? key : `${path}.${key}`;
        known.add(next);
        walk(inner, next);
      }
    };
    walk(schema as Node, '');
    expect(Object.keys(EXPLANATIONS).filter((path) => !known.has(path))).toEqual([]);
    const top = Object.keys(
      (z.toJSONSchema(taskFileSchema, { io: 'input', unrepresentable: 'any' }).properties ?? {}) as object,
    );
    expect(top.filter((key) => EXPLANATIONS[key] === undefined)).toEqual([]);
    expect(parseTaskFile(JSON.stringify(start), { path: 'start' }).task).toBe('my-task');
  });
});

describe('people at a coordinator', () => {
  let test: PeopleService;
  let task: string;
  let people: Record<'viewer' | 'operator' | 'owner' | 'auditor', Person>;
  beforeAll(async () => {
    test = await startPeopleService();
    task = (await test.service.createTask(smallTask())).status().id;
    people = {
      viewer: await test.signedIn('vera', 'viewer'),
      operator: await test.signedIn('oskar', 'operator'),
      owner: await test.signedIn('ossip', 'owner'),
      auditor: await test.signedIn('audrey', 'auditor'),
    };
  }, 60_000);
  afterAll(() => test.close());

  const digest = 'ab'.repeat(32);
  const statusOf = async (who: Person, method: string, path: string, body?: unknown): Promise<number> =>
    (await who.ask(method, path, body)).status;
  const changes = (): [method: string, path: string, body?: unknown][] => [
    ['POST', '/api/tasks', { task: smallTask({ name: 'other' }) }],
    ['POST', '/api/preview', { task: smallTask() }],
    ['GET', '/api/form'],
    ['POST', `/api/tasks/${task}/pause`],
    ['POST', `/api/tasks/${task}/resume`],
    ['POST', `/api/tasks/${task}/stop`],
    ['POST', `/api/tasks/${task}/invitations`],
    ['POST', `/api/tasks/${task}/releases`, { digest }],
    ['POST', '/api/people', { name: 'mallory', password: PASSWORD, role: 'owner' }],
    ['POST', '/api/grants', { subject: 'local:vera', role: 'owner', scope: 'everything' }],
    ['GET', `/api/tasks/${task}/model`],
    ['GET', '/api/people'],
    ['GET', '/api/record'],
  ];

  it('lets nobody see or do anything without signing in', async () => {
    const nobody = test.newPerson();
    const looks: [string, string][] = [
      ['GET', '/api/tasks'],
      ['GET', `/api/tasks/${task}`],
      ['GET', `/api/tasks/${task}/feed`],
      ['GET', '/api/feed'],
      ['GET', `/api/tasks/${task}/ledger`],
      ['GET', `/api/tasks/${task}/definition`],
    ];
    for (const [method, path, body] of [...changes(), ...looks]) {
      expect([path, await statusOf(nobody, method, path, body as unknown)]).toEqual([path, 401]);
    }
  });

  it('lets a viewer look and change nothing', async () => {
    expect(await statusOf(people.viewer, 'GET', `/api/tasks/${task}`)).toBe(200);
    const before = test.service.task(task).status();
    for (const [method, path, body] of changes()) {
      expect([path, await statusOf(people.viewer, method, path, body)]).toEqual([path, 403]);
    }
    expect(await statusOf(people.viewer, 'GET', `/api/tasks/${task}/ledger`)).toBe(403);
    expect(test.service.task(task).status()).toEqual(before);
    expect(test.service.tasks()).toHaveLength(1);
  });

  it('tells what somebody may do with one task where her role is of that task alone', async () => {
    const other = (await test.service.createTask(smallTask({ name: 'beside' }))).status().id;
    const olive = await test.signedIn('olive', 'viewer');
    const grant = { subject: 'local:olive', role: 'owner', scope: `task:${task}` };
    expect(await statusOf(test.owner, 'POST', '/api/grants', grant)).toBe(201);
    const rightsOf = async (id: string): Promise<unknown> => (await olive.ask('GET', `/api/tasks/${id}/rights`)).json();
    const none = { steer: false, invite: false, propose: false, release: false, erase: false };
    expect(await rightsOf(task)).toMatchObject({ ...none, propose: true, release: true, erase: true });
    expect(await rightsOf(other)).toMatchObject(none);
    const session = (await (await olive.ask('GET', '/api/session')).json()) as { can: unknown };
    expect(session.can).toMatchObject(none);
    expect(await statusOf(test.newPerson(), 'GET', `/api/tasks/${task}/rights`)).toBe(401);
    await test.service.task(other).stop();
  });

  it('lets an operator steer and invite, and not release', async () => {
    expect(await statusOf(people.operator, 'POST', `/api/tasks/${task}/pause`)).toBe(204);
    expect(test.service.task(task).status().state).toBe('paused');
    expect(await statusOf(people.operator, 'POST', `/api/tasks/${task}/resume`)).toBe(204);
    const invited = (await (await people.operator.ask('POST', `/api/tasks/${task}/invitations`)).json()) as {
      link: string;
    };
    expect(invited.link).toMatch(new RegExp(`^${URL_OF_SERVICE}/participant/#task=${task}&token=[0-9a-f]+$`));
    expect(await statusOf(people.operator, 'GET', `/api/tasks/${task}/model`)).toBe(403);
    const proposed = (await (await people.operator.ask('POST', `/api/tasks/${task}/releases`, { digest })).json()) as {
      id: string;
    };
    const approve = `/api/tasks/${task}/releases/${proposed.id}/approve`;
    expect(await statusOf(people.operator, 'POST', approve, { digest })).toBe(403);
    // The first account runs the installation, so it does not release either.
    expect(await statusOf(test.owner, 'POST', approve, { digest })).toBe(403);
    expect(await statusOf(people.owner, 'POST', approve, { digest: 'cd'.repeat(32) })).toBe(409);
    const released = (await (await people.owner.ask('POST', approve, { digest })).json()) as { state: string };
    expect(released.state).toBe('released');
  });

  it('lets no model out but the bytes that were approved, once there is somebody to approve them', async () => {
    const path = `/api/tasks/${task}`;
    expect(await statusOf(people.owner, 'GET', `${path}/model`)).toBe(403);
    expect(await statusOf(test.owner, 'GET', `${path}/model`)).toBe(403);
    const own = toHex(sha256(test.service.task(task).model()));
    const { id } = (await (await people.operator.ask('POST', `${path}/releases`, { digest: own })).json()) as {
      id: string;
    };
    const elsewhere = `/api/tasks/another/releases/${id}/approve`;
    expect(await statusOf(people.owner, 'POST', elsewhere, { digest: own })).toBe(404);
    expect(await statusOf(people.owner, 'POST', `${path}/releases/${id}/approve`, { digest: own })).toBe(200);
    expect(await statusOf(people.owner, 'GET', `${path}/model`)).toBe(200);
    expect(await statusOf(people.operator, 'GET', `${path}/model`)).toBe(403);
  });

  it('gives nothing to a stolen cookie from another origin', async () => {
    const thief = test.newPerson();
    for (const [name, value] of people.operator.cookies) thief.cookies.set(name, value);
    const foreign: Readonly<Record<string, string>>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `${URL_OF_SERVICE}.evil.example` },
      { origin: URL_OF_SERVICE, 'sec-fetch-site': 'cross-site' },
      { origin: URL_OF_SERVICE, 'sec-fetch-site': 'same-site' },
      { origin: URL_OF_SERVICE.replace('http:', 'https:') },
    ];
    for (const headers of foreign) {
      const response = await thief.ask('POST', `/api/tasks/${task}/pause`, undefined, headers);
      expect([headers, response.status]).toEqual([headers, 403]);
      const look = await thief.ask('GET', `/api/tasks/${task}`, undefined, {
        ...headers,
        'sec-fetch-site': 'cross-site',
      });
      expect(look.status).toBe(403);
    }
    expect(test.service.task(task).status().state).toBe('running');
  });

  it('gives a cookie that no script reads and no other site sends', async () => {
    const person = test.newPerson();
    const response = await person.ask('POST', '/api/session', { name: 'vera', password: PASSWORD });
    const [cookie = ''] = response.headers.getSetCookie();
    expect(cookie).toMatch(/^sotto=[0-9a-f]{64};/);
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect(cookie).not.toMatch(/Domain/);
  });

  it('shows sessions, and ends them one by one', async () => {
    const first = await test.signedIn('twice', 'viewer');
    const second = test.newPerson();
    await second.ask('POST', '/api/session', { name: 'twice', password: PASSWORD });
    const lines = (await (await first.ask('GET', '/api/sessions')).json()) as { id: string; current: boolean }[];
    expect(lines.filter(({ current }) => current)).toHaveLength(1);
    expect(lines).toHaveLength(2);
    const other = lines.find(({ current }) => !current);
    expect(await statusOf(first, 'DELETE', `/api/sessions/${other?.id ?? ''}`)).toBe(204);
    expect(await statusOf(second, 'GET', '/api/tasks')).toBe(401);
    expect(await statusOf(first, 'GET', '/api/tasks')).toBe(200);
    const kept = new Map(first.cookies);
    expect(await statusOf(first, 'DELETE', '/api/session')).toBe(204);
    for (const [name, value] of kept) first.cookies.set(name, value);
    expect(await statusOf(first, 'GET', '/api/tasks')).toBe(401);
  });

  it('shuts somebody out at once, and nobody shuts herself out', async () => {
    const person = await test.signedIn('gone', 'viewer');
    const list = (await (await people.owner.ask('GET', '/api/people')).json()) as { id: string; name: string }[];
    const idOf = (name: string): string => list.find((each) => each.name === name)?.id ?? '';
    expect(await statusOf(people.owner, 'PATCH', `/api/people/${idOf('gone')}`, { disabled: true })).toBe(204);
    expect(await statusOf(person, 'GET', '/api/tasks')).toBe(401);
    expect(await statusOf(person, 'POST', '/api/session', { name: 'gone', password: PASSWORD })).toBe(403);
    expect(await statusOf(people.owner, 'PATCH', `/api/people/${idOf('ossip')}`, { disabled: true })).toBe(409);
  });

  it('lets a program do what its token says, and no more', async () => {
    const issue = { label: 'reader', scope: `task:${task}`, days: 1, actions: ['task.view'] };
    const { text, id } = (await (await people.operator.ask('POST', '/api/tokens', issue)).json()) as {
      text: string;
      id: string;
    };
    const program = test.newPerson();
    const bearer = { authorization: `Bearer ${text}`, origin: 'https://elsewhere.example' };
    const ask = async (method: string, path: string): Promise<number> =>
      (await program.ask(method, path, undefined, bearer)).status;
    expect(await ask('GET', `/api/tasks/${task}`)).toBe(200);
    expect(await ask('POST', `/api/tasks/${task}/pause`)).toBe(403);
    expect(await ask('GET', '/api/tasks')).toBe(403);
    expect(await statusOf(people.operator, 'DELETE', `/api/tokens/${id}`)).toBe(204);
    expect(await ask('GET', `/api/tasks/${task}`)).toBe(401);
    const beyond = { ...issue, actions: ['model.release'] };
    const { text: wide } = (await (await people.operator.ask('POST', '/api/tokens', beyond)).json()) as {
      text: string;
    };
    const response = await program.ask('GET', `/api/tasks/${task}`, undefined, { authorization: `Bearer ${wide}` });
    expect(response.status).toBe(403);
  });

  it('decides what tokens do at the interface of programs as on the pages, the operator’s own among them', async () => {
    const issue = { label: 'watch', scope: `task:${task}`, days: 1, actions: ['task.view'] };
    const { text } = (await (await people.operator.ask('POST', '/api/tokens', issue)).json()) as { text: string };
    const ask = async (method: string, path: string, token: string): Promise<[number, string]> => {
      const response = await test.fetch(`${URL_OF_SERVICE}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}` },
      });
      const { type = '' } = (await response.json().catch(() => ({}))) as { type?: string };
      return [response.status, type];
    };
    expect(await ask('GET', `/v1/tasks/${task}`, text)).toEqual([200, '']);
    expect(await ask('POST', `/v1/tasks/${task}/pause`, text)).toEqual([403, 'access/denied']);
    expect(await ask('GET', `/v1/tasks/${task}/model`, text)).toEqual([403, 'access/denied']);
    expect(await ask('GET', `/v1/tasks/${task}`, `${text.slice(0, -1)}x`)).toEqual([401, 'coordinator/not-authorized']);
    expect(await ask('GET', '/v1/tasks', OPERATOR)).toEqual([200, '']);
    // There are people to approve a model: the operator's token is no way around them.
    const { access } = test.service.record;
    const digest = toHex(sha256(test.service.task(task).model()));
    if (!(await access.isReleased(task, digest))) {
      expect(await ask('GET', `/v1/tasks/${task}/model`, OPERATOR)).toEqual([403, 'access/denied']);
    }
    await expect(
      access.grant({ subject: 'operator' }, { subject: 'eve', role: 'viewer', scope: { kind: 'everything' } }),
    ).rejects.toMatchObject({ code: 'access/denied' });
    const records = await test.service.record.store.records({ limit: 100_000 });
    const said = records.map(({ subject, action, allowed }) => `${subject} ${action} ${allowed}`);
    expect(said).toContain('operator task.view true');
    expect(said).toContain('operator access.grant false');
    expect(said).toContain('local:oskar task.pause false');
  });

  it('makes guessing wait', async () => {
    await test.signedIn('guessed', 'viewer');
    const nobody = test.newPerson();
    const guess = (): Promise<number> =>
      statusOf(nobody, 'POST', '/api/session', { name: 'guessed', password: 'wrong' });
    const seen: number[] = [];
    for (let i = 0; i < 9; i += 1) seen.push(await guess());
    expect(seen).toEqual([403, 403, 403, 403, 403, 403, 403, 403, 429]);
    expect(await statusOf(nobody, 'POST', '/api/session', { name: 'guessed', password: PASSWORD })).toBe(429);
  });

  it('makes guessing wait, though all guesses come at once', async () => {
    const nobody = test.newPerson();
    const guesses = Array.from({ length: 20 }, () =>
      statusOf(nobody, 'POST', '/api/session', { name: 'olga-at-once', password: 'wrong' }),
    );
    const seen = await Promise.all(guesses);
    expect(seen.filter((status) => status === 403)).toHaveLength(8);
    expect(seen.filter((status) => status === 429)).toHaveLength(12);
  });

  it('reads no long body of somebody it does not know', async () => {
    const long = { name: 'x', password: 'y'.repeat(100_000) };
    expect(await statusOf(test.newPerson(), 'POST', '/api/session', long)).toBe(413);
  });

  it('makes the first account once', async () => {
    const late = test.newPerson();
    const again = { name: 'late', password: PASSWORD };
    expect(await statusOf(late, 'POST', '/api/setup', { code: OPERATOR, ...again })).toBe(409);
    expect(await statusOf(late, 'POST', '/api/setup', { code: 'guess-the-code', ...again })).toBe(403);
  });

  it('previews a task: epsilon, bytes, time, and no made-up accuracy', async () => {
    const { preview } = (await (await people.operator.ask('POST', '/api/preview', { task: smallTask() })).json()) as {
      preview: Record<string, unknown> & { accuracy: { kind: string } };
    };
    expect(preview).toMatchObject({ parameters: 14, rounds: 2, attempts: 8, accuracy: { kind: 'unknown' } });
    expect(preview.epsilonAtEnd).toBeLessThanOrEqual(8);
    expect(preview.epsilonAtEnd).toBeGreaterThan(7.9);
    expect(preview.bytesTotal).toBe(2 * Number(preview.bytesPerRound));
    const wrong = await people.operator.ask('POST', '/api/preview', {
      task: smallTask().replace('epsilon: 8', 'epsilon: -1'),
    });
    expect(wrong.status).toBe(422);
    expect(((await wrong.json()) as { detail: string }).detail).toMatch(/privacy\.epsilon/);
  });

  it('records every administrative act and every refusal', async () => {
    const lines = (await (await people.auditor.ask('GET', '/api/record')).json()) as {
      subject: string;
      action: string;
      outcome: string;
    }[];
    const said = new Set(lines.map(({ subject, action, outcome }) => `${subject} ${action} ${outcome}`));
    for (const line of [
      'local:olga set-up done',
      'local:olga create-account done',
      'local:oskar pause done',
      'local:oskar task.pause allowed',
      'local:oskar invite done',
      'local:oskar model.release refused',
      'local:ossip release done',
      'local:ossip disable-account done',
      'local:vera task.stop refused',
      'local:vera sign-in done',
      'local:guessed sign-in-refused done',
      'unknown sign-in-refused done',
      'local:oskar task.view allowed',
    ]) {
      expect([line, said.has(line)]).toEqual([line, true]);
    }
  });
});

describe('sign-in at a provider', () => {
  let provider: OidcProvider;
  let test: PeopleService;
  beforeAll(async () => {
    provider = await startOidcProvider();
    test = await startPeopleService({ oidc: { ...provider, name: 'the provider' } });
  }, 60_000);
  afterAll(async () => {
    await test.close();
    await provider.close();
  });

  /** Goes to the provider and comes back; what the browser would do. */
  async function signIn(person: Person, meddle: (back: URL) => void = () => {}): Promise<string | null> {
    const start = await person.ask('GET', '/api/oidc/start');
    const there = await fetch(start.headers.get('location') ?? '', { redirect: 'manual' });
    const back = new URL(there.headers.get('location') ?? '');
    meddle(back);
    const landed = await person.ask('GET', `${back.pathname}${back.search}`, undefined, {
      'sec-fetch-site': 'cross-site',
    });
    return landed.headers.get('location');
  }
  const sessionOf = async (person: Person): Promise<Record<string, unknown>> =>
    (await (await person.ask('GET', '/api/session')).json()) as Record<string, unknown>;

  it('lets in whom the provider vouches for, with the roles of her groups and no others', async () => {
    const person = test.newPerson();
    provider.persona = { sub: 'ada 1', name: 'ada', groups: ['research'] };
    expect(await signIn(person)).toBe('/');
    expect(await sessionOf(person)).toMatchObject({ mode: 'signed-in', name: 'ada', roles: [] });
    expect((await person.ask('GET', '/api/tasks')).status).toBe(403);
    const grant = { subject: 'group:research', role: 'viewer', scope: 'everything' };
    expect((await test.owner.ask('POST', '/api/grants', grant)).status).toBe(201);
    expect((await person.ask('GET', '/api/tasks')).status).toBe(200);
  });

  it.each(['audience', 'nonce', 'signature', 'expired', 'none-algorithm'] as const)(
    'refuses an ID token whose %s is not as it must be',
    async (fault) => {
      const person = test.newPerson();
      provider.persona = { sub: 'u2', name: 'eve', fault };
      expect(await signIn(person)).toBe('/#/sign-in-failed');
      expect(await sessionOf(person)).toMatchObject({ mode: 'signed-out' });
    },
  );

  it('lets the first account be made though somebody came from the provider before', async () => {
    const other = await startOidcProvider();
    const fresh = await startPeopleService({ oidc: { ...other, name: 'another' }, withOwner: false });
    const early = fresh.newPerson();
    other.persona = { sub: 'early', name: 'early' };
    expect(await signIn(early)).toBe('/');
    const made = { code: OPERATOR, name: 'olga', password: PASSWORD };
    expect((await fresh.owner.ask('POST', '/api/setup', made)).status).toBe(204);
    expect((await sessionOf(fresh.owner)).roles).toContain('owner');
    expect((await sessionOf(early)).roles).toEqual([]);
    await fresh.close();
    await other.close();
  });

  it('refuses a code of somebody else’s sign-in, and one that was used', async () => {
    provider.persona = { sub: 'u3', name: 'mo' };
    const person = test.newPerson();
    expect(await signIn(person, (back) => back.searchParams.set('state', 'forged'))).toBe('/#/sign-in-failed');
    let used = '';
    expect(await signIn(person, (back) => (used = back.searchParams.get('code') ?? ''))).toBe('/');
    const other = test.newPerson();
    expect(await signIn(other, (back) => back.searchParams.set('code', used))).toBe('/#/sign-in-failed');
  });
});
