/**
 * Sign-in and what people do with their own rights and those of others. Every administrative act is recorded: grants and
 * tokens by access control, the rest in the audit events.
 *
 * @module
 */

import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';

import {
  type AccessControl,
  type AccessStore,
  type Action,
  ACTIONS,
  BUILT_IN_ROLES,
  formatScope,
  type Grant,
  parseScope,
} from '../../../trust/access/index.ts';
import { arrivalOf } from '../arrival.ts';
import { type Account, type Accounts } from './accounts.ts';
import { CoordinatorError } from '../errors.ts';
import { PeopleError } from './errors.ts';
import { type Gate, INSTALLATION, isSecure } from './gate.ts';
import type { Oidc, OidcFlight } from './oidc.ts';
import { createRefusalRecord } from './refusal-record.ts';
import type { Sessions } from './sessions.ts';

/** What the routes work with. */
export interface PeopleOptions {
  readonly gate: Gate;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly access: AccessControl;
  readonly store: AccessStore;
  readonly oidc: Oidc | undefined;
  /** Tells whether a code is the one that was printed where the coordinator was started. */
  readonly isSetupCode: (code: string) => boolean;
  readonly audit: (actor: string, action: string, subject: string, detail?: string) => Promise<void>;
  /** Administrative acts, the newest first. */
  readonly acts: () => Promise<readonly { at: Date; actor: string; action: string; subject: string; detail: string }[]>;
  readonly now: () => number;
}

const credentials = z.strictObject({ name: z.string().max(64), password: z.string().max(1024) });
const setup = credentials.extend({ code: z.string().max(200) });
const passwords = z.strictObject({ current: z.string().max(1024), next: z.string().max(1024) });
const newPerson = credentials.extend({ role: z.enum(BUILT_IN_ROLES.map(({ name }) => name)) });
const newGrant = z.strictObject({ subject: z.string().max(200), role: z.string().max(80), scope: z.string().max(220) });
const newToken = z.strictObject({
  label: z.string().min(1).max(80),
  scope: z.string().max(220),
  days: z.int().min(1).max(366),
  actions: z.array(z.enum(ACTIONS)).min(1),
});

const DAY_MS = 24 * 3600_000;
/** Lines of the record that are shown. */
const SHOWN = 500;
/** Forms of people are short, and whoever is not signed in may send some. */
const MAX_FORM_BYTES = 16_384;
const FIRST_ROLES = ['owner', 'operator', 'auditor'] as const;

/** Creates the routes below `/api`. */
export function createPeopleRoutes({
  gate,
  accounts,
  sessions,
  access,
  store,
  oidc,
  isSetupCode,
  audit,
  acts,
  now,
}: PeopleOptions): Hono {
  const routes = new Hono();
  const limit = bodyLimit({
    maxSize: MAX_FORM_BYTES,
    onError: () => {
      throw new CoordinatorError('coordinator/too-large', `a form may have at most ${MAX_FORM_BYTES} bytes`);
    },
  });
  for (const path of ['/setup', '/session', '/password', '/tokens', '/people', '/people/:id', '/grants']) {
    routes.use(path, limit);
  }
  // Somebody whom a provider vouches for may come before there is an owner: only a grant ends the setting up.
  const isNew = async (): Promise<boolean> => (await store.listGrants()).length === 0;

  async function begin(context: Context, account: Account, groups: readonly string[] = []): Promise<void> {
    const secret = await sessions.begin(account, { agent: agentOf(context), groups });
    gate.admit(context, secret);
    await audit(account.subject, 'sign-in', account.subject);
  }
  const may = async (context: Context, action: Action): Promise<boolean> => {
    const asking = await gate.who(context);
    return asking !== undefined && gate.allowed(asking.principal, { action, resource: INSTALLATION });
  };
  const refusals = createRefusalRecord({ audit, now });
  const inForce = ({ expiresAt, revokedAt }: Grant): boolean =>
    revokedAt === null && (expiresAt === null || expiresAt.getTime() > now());

  routes.get('/session', async (context) => {
    const asking = await gate.who(context);
    if (asking?.session === undefined) {
      return context.json({ mode: 'signed-out', setup: await isNew(), oidc: oidc?.name ?? null });
    }
    const { account, groups } = asking.session;
    const grants = await store.grantsOf([account.subject, ...groups.map((group) => `group:${group}`)]);
    const [create, pause, invite, propose, release, erase, download, ledger, people, grant, record] = await Promise.all(
      (
        [
          'task.create',
          'task.pause',
          'task.invite',
          'model.propose',
          'model.release',
          'dataset.erase',
          'model.download',
          'ledger.view',
          'access.view',
          'access.grant',
          'audit.view',
        ] as const
      ).map((action) => may(context, action)),
    );
    return context.json({
      mode: 'signed-in',
      name: account.name,
      subject: account.subject,
      roles: [...new Set(grants.filter(inForce).map(({ role }) => role))],
      alone: (await accounts.list()).filter(({ disabled }) => !disabled).length <= 1,
      can: { create, steer: pause, invite, propose, release, erase, download, ledger, people, grant, audit: record },
    });
  });

  routes.post('/setup', async (context) => {
    gate.assertOwnPage(context);
    const { code, name, password } = setup.parse(await context.req.json());
    if (!isSetupCode(code)) throw new PeopleError('people/wrong-password', 'this is not the code');
    if (!(await isNew())) {
      throw new PeopleError('people/set-up-done', 'there are accounts already: sign in, or ask an owner for one');
    }
    const account = await accounts.create(name, password);
    await access.bootstrap(account.subject, FIRST_ROLES);
    await audit(account.subject, 'set-up', account.subject, FIRST_ROLES.join(' '));
    await begin(context, account);
    return context.body(null, 204);
  });

  routes.post('/session', async (context) => {
    gate.assertOwnPage(context);
    const { name, password } = credentials.parse(await context.req.json());
    try {
      await begin(context, await accounts.verify(name, password));
    } catch (error) {
      await refusals.record(error, await accounts.subjectOf(name));
      throw error;
    }
    return context.body(null, 204);
  });
  routes.delete('/session', async (context) => {
    const { session } = await gate.require(context);
    if (session !== undefined) {
      await sessions.revoke(session.account.id, session.id);
      await audit(session.account.subject, 'sign-out', session.account.subject);
    }
    gate.dismiss(context);
    return context.body(null, 204);
  });

  routes.get('/oidc/start', async (context) => {
    if (oidc === undefined) throw new PeopleError('people/not-offered', 'no provider was set up here');
    const { url, flight } = await oidc.start(callbackOf(context));
    // Lax, since the way back begins at the provider; it holds nothing but this one attempt.
    setCookie(context, flightName(context), Buffer.from(JSON.stringify(flight)).toString('base64url'), {
      httpOnly: true,
      sameSite: 'Lax',
      secure: isSecure(context),
      path: '/',
      maxAge: 600,
    });
    return context.redirect(url);
  });
  routes.get('/oidc/callback', async (context) => {
    const flight = getCookie(context, flightName(context));
    deleteCookie(context, flightName(context), { path: '/', secure: isSecure(context) });
    const { code, state } = context.req.query();
    try {
      if (oidc === undefined || flight === undefined || code === undefined || state === undefined) {
        throw new PeopleError('people/provider-refused', 'the sign-in was not begun here, or took too long');
      }
      const begun = JSON.parse(Buffer.from(flight, 'base64url').toString()) as OidcFlight;
      const vouched = await oidc.finish({ code, state }, begun, callbackOf(context));
      await begin(context, await accounts.vouchedFor(vouched.subject, vouched.name), vouched.groups);
    } catch (error) {
      await refusals.record(error, undefined);
      return context.redirect('/#/sign-in-failed');
    }
    return context.redirect('/');
  });

  routes.post('/password', async (context) => {
    const { session } = await gate.require(context);
    if (session === undefined) throw new PeopleError('people/signed-out', 'a token has no password');
    await accounts.changePassword(session.account.id, passwords.parse(await context.req.json()));
    await sessions.revokeOthers(session.account.id, session.id);
    await audit(session.account.subject, 'change-password', session.account.subject);
    return context.body(null, 204);
  });
  routes.get('/sessions', async (context) => {
    const { session } = await gate.require(context);
    if (session === undefined) return context.json([]);
    const lines = await sessions.list(session.account.id);
    return context.json(lines.map((line) => ({ ...line, current: line.id === session.id })));
  });
  routes.delete('/sessions/:id', async (context) => {
    const { session } = await gate.require(context);
    if (session === undefined) throw new PeopleError('people/signed-out', 'a token has no sessions');
    await sessions.revoke(session.account.id, context.req.param('id'));
    await audit(session.account.subject, 'revoke-session', context.req.param('id'));
    return context.body(null, 204);
  });

  routes.get('/tokens', async (context) => {
    const { principal } = await gate.require(context);
    const tokens = await store.listTokens(principal.subject);
    const may: Action[] = [];
    for (const action of ACTIONS) {
      if (await gate.allowed(principal, { action, resource: INSTALLATION })) may.push(action);
    }
    return context.json({
      actions: may,
      tokens: tokens.map(({ id, label, actions, scope, expiresAt, revokedAt }) => ({
        id,
        label,
        actions,
        scope: formatScope(scope),
        expiresAt: expiresAt.toISOString(),
        revoked: revokedAt !== null,
      })),
    });
  });
  routes.post('/tokens', async (context) => {
    const { principal } = await gate.require(context);
    const { label, scope, days, actions } = newToken.parse(await context.req.json());
    const expiresAt = new Date(now() + days * DAY_MS);
    const { text, record } = await access.issueToken(principal, {
      label,
      scope: parseScope(scope),
      actions,
      expiresAt,
    });
    return context.json({ text, id: record.id, expiresAt: expiresAt.toISOString() }, 201);
  });
  routes.delete('/tokens/:id', async (context) => {
    const { principal } = await gate.require(context);
    await access.revokeToken(principal, context.req.param('id'));
    return context.body(null, 204);
  });

  routes.get('/people', async (context) => {
    await gate.look(context, 'access.view', INSTALLATION);
    const [list, grants] = await Promise.all([accounts.list(), store.listGrants()]);
    return context.json(
      list.map((account) => ({
        ...account,
        grants: grants
          .filter((grant) => grant.subject === account.subject && inForce(grant))
          .map(({ id, role, scope }) => ({ id, role, scope: formatScope(scope) })),
      })),
    );
  });
  routes.post('/people', async (context) => {
    const { name, password, role } = newPerson.parse(await context.req.json());
    const { principal } = await gate.act(
      context,
      { action: 'access.grant', resource: INSTALLATION },
      `account ${name}`,
    );
    const account = await accounts.create(name, password);
    await access.grant(principal, { subject: account.subject, role, scope: { kind: 'everything' } });
    await audit(principal.subject, 'create-account', account.subject, role);
    return context.json({ id: account.id, subject: account.subject }, 201);
  });
  routes.patch('/people/:id', async (context) => {
    const { disabled } = z.strictObject({ disabled: z.boolean() }).parse(await context.req.json());
    const id = context.req.param('id');
    const account = await accounts.get(id);
    const what = `${disabled ? 'shut out' : 'let in'} ${account?.subject ?? id.slice(0, 80)}`;
    const { principal } = await gate.act(context, { action: 'access.grant', resource: INSTALLATION }, what);
    if (account === undefined) throw new PeopleError('people/unknown', 'there is no such account');
    if (account.subject === principal.subject) {
      throw new PeopleError('people/not-offered', 'nobody shuts herself out: ask another owner');
    }
    await accounts.setDisabled(account.id, disabled);
    if (disabled) await sessions.revokeOthers(account.id, undefined);
    await audit(principal.subject, disabled ? 'disable-account' : 'enable-account', account.subject);
    return context.body(null, 204);
  });
  routes.post('/grants', async (context) => {
    const { principal } = await gate.require(context);
    const { subject, role, scope } = newGrant.parse(await context.req.json());
    const { id } = await access.grant(principal, { subject, role, scope: parseScope(scope) });
    await audit(principal.subject, 'grant', subject, `${role} over ${scope}`);
    return context.json({ id }, 201);
  });
  routes.delete('/grants/:id', async (context) => {
    const { principal } = await gate.require(context);
    await access.revoke(principal, context.req.param('id'));
    await audit(principal.subject, 'revoke-grant', context.req.param('id'));
    return context.body(null, 204);
  });

  routes.get('/record', async (context) => {
    await gate.look(context, 'audit.view', INSTALLATION);
    const decided = (await store.records({ limit: 100_000 })).map(
      ({ at, subject, action, resource, allowed, reason, detail }) => ({
        at: at.toISOString(),
        subject,
        action,
        resource,
        outcome: allowed ? 'allowed' : 'refused',
        detail: detail === '' ? reason : detail,
      }),
    );
    const done = (await acts()).map(({ at, actor, action, subject, detail }) => ({
      at: at.toISOString(),
      subject: actor,
      action,
      resource: subject,
      outcome: 'done',
      detail,
    }));
    const lines = [...decided, ...done].toSorted((a, b) => (a.at < b.at ? 1 : -1));
    return context.json(lines.slice(0, SHOWN));
  });
  return routes;
}

/** The prefix keeps hosts beside this one from planting an attempt of their own. */
const flightName = (context: Context): string => (isSecure(context) ? '__Host-sotto-flight' : 'sotto-flight');
const callbackOf = (context: Context): string => new URL('/api/oidc/callback', arrivalOf(context).origin).href;

/** What a browser says of itself, short. */
function agentOf(context: Context): string {
  const agent = context.req.header('user-agent') ?? '';
  const browser = /(Firefox|Edg|Chrome|Safari)\/[\d.]+/.exec(agent)?.[1] ?? 'a program';
  const system = /\((?:[^;)]*; )*?(Windows|Macintosh|X11|Linux|Android|iPhone|iPad)/.exec(agent)?.[1] ?? '';
  return [browser.replace('Edg', 'Edge'), system.replace('X11', 'Linux')].filter((part) => part !== '').join(', ');
}
