/**
 * The pages of a coordinator: the dashboard with sign-in at `/`, the participant page below its own path, and the
 * interface they use below `/api`.
 *
 * @module
 */

import { Hono } from 'hono';
import { ZodError, z } from 'zod';

import { PARTICIPANT_PAGE_PATH } from '../../federation/wire/index.ts';
import { createViewRoutes, isolate, type PageFiles, servePage } from '../view/index.ts';
import { arrivalOf } from './arrival.ts';
import { CoordinatorError } from './errors.ts';
import { createForwarding, createOverview, forwardedFrom } from './forwarding.ts';
import { createAccounts } from './people/accounts.ts';
import { createGate } from './people/gate.ts';
import { createOidc, type OidcOptions } from './people/oidc.ts';
import { createPeopleRoutes } from './people/people-routes.ts';
import { createSessions } from './people/sessions.ts';
import { createPreviews } from './previews.ts';
import { assertMayLeave } from './release-gate.ts';
import type { Service } from './service.ts';
import { createServiceSource } from './service-source.ts';
import { createSteerRoutes } from './steer-routes.ts';

/** Which pages there are, and who may sign in. */
export interface PagesOptions {
  readonly dashboard: () => Promise<PageFiles>;
  readonly participant: () => Promise<PageFiles>;
  readonly version: string;
  readonly oidc?: OidcOptions;
  /** Address that invitations name, where it is another than the one people use. */
  readonly publicUrl?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** The pages of a coordinator. */
export interface MountedPages {
  readonly routes: Hono;
  close(): Promise<void>;
}

const LAST_ACTS = 500;

/** Creates the pages over a service. Errors are the application's to answer. */
export function mountPages(
  service: Service,
  { dashboard, participant, version, oidc, publicUrl, now = () => Date.now() }: PagesOptions,
): MountedPages {
  const { db } = service;
  const { access, store } = service.record;
  const sessions = createSessions({ db, now });
  const accounts = createAccounts({ db, now });
  const gate = createGate({ sessions, access });
  const previews = createPreviews();
  const actions = { read: 'task.view', release: 'model.download' } as const;

  const api = new Hono();
  api.use(async (context, next) => {
    context.header('cache-control', 'no-store');
    await next();
  });
  api.onError((error) => {
    if (error instanceof ZodError) throw new CoordinatorError('coordinator/malformed-request', z.prettifyError(error));
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw new CoordinatorError('coordinator/malformed-request', error.message);
    }
    throw error;
  });
  api.route(
    '/',
    createPeopleRoutes({
      gate,
      sessions,
      access,
      store,
      now,
      accounts,
      oidc: oidc === undefined ? undefined : createOidc(oidc),
      isSetupCode(code) {
        try {
          service.registry.assertOperator(`Bearer ${code}`);
          return true;
        } catch {
          return false;
        }
      },
      audit: (...act) => service.audit(...act),
      acts: () => db.selectFrom('audit_events').selectAll().orderBy('id', 'desc').limit(LAST_ACTS).execute(),
    }),
  );
  // A task that another node serves: looked at and steered there, by whoever may.
  const passOn = createForwarding(service, (...request) => gate.passOn(...request));
  api.use('/tasks/:task', passOn);
  api.use('/tasks/:task/*', passOn);
  api.route(
    '/',
    createSteerRoutes({
      service,
      gate,
      access,
      previews,
      addressOf: (context) => publicUrl ?? forwardedFrom(context) ?? arrivalOf(context).origin,
    }),
  );
  api.route(
    '/',
    createViewRoutes({
      source: createServiceSource(service, () => publicUrl ?? ''),
      version,
      others: createOverview(service, (...request) => gate.passOn(...request)),
      async authorize(context, action) {
        const task = context.req.param('task');
        const resource = task === undefined ? { kind: 'service', id: 'installation' } : { kind: 'task', id: task };
        const asked = context.req.path.includes('/ledger') ? 'ledger.view' : actions[action];
        const of = resource as { kind: 'task' | 'service'; id: string };
        if (action === 'release') await gate.act(context, { action: asked, resource: of });
        else await gate.look(context, asked, of);
      },
      async onRelease(context, task, model) {
        const { principal } = await gate.require(context);
        const released = await assertMayLeave({ task, model }, { access, db, principal });
        await service.audit(principal.subject, 'download', task, released);
      },
    }),
  );

  const routes = new Hono();
  routes.use(isolate());
  routes.route('/api', api);
  routes.get(`${PARTICIPANT_PAGE_PATH}*`, servePage({ files: participant, base: PARTICIPANT_PAGE_PATH }));
  routes.get('*', servePage({ files: dashboard, base: '/' }));
  return { routes, close: () => previews.close() };
}
