/**
 * Who asks: a person with a session's cookie, or a program with an API token. A cookie counts only when the request comes
 * from a page of this very address, so that another site cannot use the browser that holds it.
 *
 * @module
 */

import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

import {
  type AccessControl,
  type AccessRequest,
  type Action,
  INSTALLATION,
  type Principal,
  type Resource,
} from '../../../trust/access/index.ts';
import { arrivalOf } from '../arrival.ts';
import { PeopleError } from './errors.ts';
import { type PersonSession, SESSION_MS, type Sessions } from './sessions.ts';

/** Somebody who asks. */
export interface Asking {
  readonly principal: Principal;
  /** Absent when an API token was shown. */
  readonly session?: PersonSession;
}

/** Tells who asks and what they may. */
export interface Gate {
  /** Who asks, or undefined. @throws {@link PeopleError} `people/foreign-origin`. */
  who(context: Context): Promise<Asking | undefined>;
  /** @throws {@link PeopleError} `people/signed-out`. */
  require(context: Context): Promise<Asking>;
  /** What somebody may, for pages that leave out what she may not: lets nobody through. */
  allowed(principal: Principal, request: AccessRequest): Promise<boolean>;
  /** Lets a look through; it is written down, repeated ones once a minute. */
  look(context: Context, action: Action, resource: Resource): Promise<Asking>;
  /** Lets an act through; it is written down either way. */
  act(context: Context, request: AccessRequest, detail?: string): Promise<Asking>;
  /** Gives the browser a session. */
  admit(context: Context, secret: string): void;
  dismiss(context: Context): void;
  /** @throws {@link PeopleError} `people/foreign-origin` unless a page of this address asks. */
  assertOwnPage(context: Context): void;
  /**
   * Makes the headers of a request good at another node of this installation, whose sessions are the same: to be called
   * before it is passed on. @throws {@link PeopleError} unless somebody who is signed in asks from a page of this address.
   */
  passOn(context: Context, headers: Headers, url: string): Promise<void>;
}

export { INSTALLATION };

const isChanging = (method: string): boolean => method !== 'GET' && method !== 'HEAD';
/** Whether whoever asks came over TLS. */
export const isSecure = (context: Context): boolean => arrivalOf(context).origin.startsWith('https:');
/** The prefix binds the cookie to this host and to TLS; without TLS no browser would take it. */
const cookieNameAt = (isTls: boolean): string => (isTls ? '__Host-sotto' : 'sotto');
const cookieName = (context: Context): string => cookieNameAt(isSecure(context));

const UNKNOWN_PROXY =
  '; it says that a proxy passed it on, and none such was named: start the coordinator with --trust-proxy';
const isBehindStranger = (context: Context): boolean =>
  !arrivalOf(context).isProxied && ['x-forwarded-proto', 'forwarded'].some((name) => context.req.header(name));

/** Creates the gate. */
export function createGate({ sessions, access }: { sessions: Sessions; access: AccessControl }): Gate {
  function assertOwnPage(context: Context): void {
    const { method } = context.req;
    const site = context.req.header('sec-fetch-site');
    const origin = context.req.header('origin');
    const foreignSite = site !== undefined && site !== 'same-origin' && (site !== 'none' || isChanging(method));
    const foreignOrigin =
      origin === undefined
        ? isChanging(method)
        : !URL.canParse(origin) || new URL(origin).origin !== arrivalOf(context).origin;
    if (foreignSite || foreignOrigin) {
      throw new PeopleError(
        'people/foreign-origin',
        `this request does not come from a page of this address${isBehindStranger(context) ? UNKNOWN_PROXY : ''}`,
      );
    }
  }

  async function who(context: Context): Promise<Asking | undefined> {
    const shown = /^Bearer (sotto_[0-9a-f_]+)$/.exec(context.req.header('authorization') ?? '')?.[1];
    if (shown !== undefined) return { principal: await access.authenticate(shown) };
    const secret = getCookie(context, cookieName(context));
    if (secret === undefined) return undefined;
    assertOwnPage(context);
    const session = await sessions.find(secret);
    if (session === undefined) return undefined;
    return { session, principal: { subject: session.account.subject, groups: session.groups } };
  }

  async function require(context: Context): Promise<Asking> {
    const asking = await who(context);
    if (asking === undefined) throw new PeopleError('people/signed-out', 'sign in first');
    return asking;
  }

  return {
    who,
    require,
    allowed: (principal, request) => access.foresee(principal, request),
    assertOwnPage,
    async look(context, action, resource) {
      const asking = await require(context);
      await access.look(asking.principal, { action, resource });
      return asking;
    },
    async act(context, request, detail) {
      const asking = await require(context);
      await access.assert(asking.principal, request, detail);
      return asking;
    },
    async passOn(context, headers, url) {
      await require(context);
      const secret = getCookie(context, cookieName(context));
      for (const name of ['cookie', 'referer', 'origin', 'sec-fetch-site']) headers.delete(name);
      if (secret === undefined) return;
      const { origin, protocol } = new URL(url);
      headers.set('cookie', `${cookieNameAt(protocol === 'https:')}=${secret}`);
      headers.set('origin', origin);
      headers.set('sec-fetch-site', 'same-origin');
    },
    admit(context, secret) {
      setCookie(context, cookieName(context), secret, {
        httpOnly: true,
        sameSite: 'Strict',
        secure: isSecure(context),
        path: '/',
        maxAge: SESSION_MS / 1000,
      });
    },
    dismiss(context) {
      deleteCookie(context, cookieName(context), { path: '/', secure: isSecure(context) });
    },
  };
}
