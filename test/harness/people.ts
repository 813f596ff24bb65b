/**
 * A coordinator with its pages' interface, and people who use it as a browser does: one cookie jar each, and an origin.
 *
 * @module
 */

import { createApp, mountPages, type OidcOptions } from '../../src/runtime/coordinator/index.ts';
import type { PageFiles } from '../../src/runtime/view/index.ts';
import { OPERATOR, startService, type TestService, URL_OF_SERVICE } from './service.ts';

/** Somebody at a browser. */
export interface Person {
  ask(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>;
  /** What the browser holds for the coordinator. */
  readonly cookies: Map<string, string>;
}

/** A coordinator with pages. */
export interface PeopleService extends TestService {
  newPerson(): Person;
  /** Signs a new account in that an owner has made; `role` where it has one. */
  signedIn(name: string, role: string): Promise<Person>;
  readonly owner: Person;
}

export const PASSWORD = 'four random words here';

/** Starts it, with the first account. */
export async function startPeopleService({
  oidc,
  withOwner = true,
  ...options
}: { oidc?: OidcOptions; withOwner?: boolean } & Parameters<typeof startService>[0] = {}): Promise<PeopleService> {
  const test = await startService(options);
  const none = (): Promise<PageFiles> => Promise.resolve(new Map());
  const mounted = mountPages(test.service, {
    dashboard: none,
    participant: none,
    version: '0',
    ...(oidc === undefined ? {} : { oidc }),
  });
  const app = createApp(test.service, { pages: mounted.routes });

  function newPerson(): Person {
    const cookies = new Map<string, string>();
    return {
      cookies,
      async ask(method, path, body, headers = {}) {
        const response = await app.request(new URL(path, URL_OF_SERVICE).href, {
          method,
          headers: {
            origin: URL_OF_SERVICE,
            host: new URL(URL_OF_SERVICE).host,
            'sec-fetch-site': 'same-origin',
            cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        for (const line of response.headers.getSetCookie()) {
          const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          if (value === '') cookies.delete(name);
          else cookies.set(name, value);
        }
        return response;
      },
    };
  }
  const owner = newPerson();
  const made = withOwner
    ? await owner.ask('POST', '/api/setup', { code: OPERATOR, name: 'olga', password: PASSWORD })
    : undefined;
  if (made !== undefined && made.status !== 204)
    throw new Error(`the first account was not made: ${await made.text()}`);
  return {
    ...test,
    owner,
    newPerson,
    async signedIn(name, role) {
      const created = await owner.ask('POST', '/api/people', { name, password: PASSWORD, role });
      if (created.status !== 201) throw new Error(`${name} was not made: ${await created.text()}`);
      const person = newPerson();
      await person.ask('POST', '/api/session', { name, password: PASSWORD });
      return person;
    },
    async close() {
      await mounted.close();
      await test.close();
    },
  };
}
