/** Who looks at the page, and what she may do. */

import { signal } from '@preact/signals';

import { getJson } from './api.ts';
import { report } from './report.ts';

/** What may be done by whoever is signed in. */
export interface Permissions {
  readonly create: boolean;
  readonly steer: boolean;
  readonly invite: boolean;
  readonly propose: boolean;
  readonly release: boolean;
  readonly erase: boolean;
  readonly download: boolean;
  readonly ledger: boolean;
  readonly people: boolean;
  readonly grant: boolean;
  readonly audit: boolean;
}

export type Session =
  | { readonly mode: 'open' }
  | {
      readonly mode: 'signed-out';
      readonly setup: boolean;
      readonly oidc: string | null;
    }
  | {
      readonly mode: 'signed-in';
      readonly name: string;
      readonly subject: string;
      readonly roles: readonly string[];
      readonly can: Permissions;
      /** Whether nobody else has an account here. */
      readonly alone: boolean;
    };

export const session = signal<Session | undefined>(report === undefined ? undefined : { mode: 'open' });

export async function loadSession(): Promise<void> {
  if (report !== undefined) return;
  session.value = await getJson<Session>('/session');
}

/** Whether whoever is signed in is the only one. */
export const isAlone = (): boolean => session.value?.mode === 'signed-in' && session.value.alone;

const OPEN: Permissions = {
  create: false,
  steer: false,
  invite: false,
  propose: false,
  release: false,
  erase: false,
  download: true,
  ledger: true,
  people: false,
  grant: false,
  audit: false,
};
const NOTHING: Permissions = { ...OPEN, download: false, ledger: false };

/** Why somebody who is signed in may not do what an owner may: for beside the button that is not enabled. */
export function whyOnlyAnOwner(what: string): string {
  const current = session.value;
  const roles = current?.mode === 'signed-in' ? current.roles : [];
  return `An owner ${what}; ${roles.length === 0 ? 'you have no role here' : `you are ${roles.join(', ')}`}.`;
}

/** What may be done with one task: a role may be somebody's there and nowhere else. */
const rights = signal<{ readonly task: string; readonly can: Partial<Permissions> } | undefined>(undefined);

/** Asks what may be done with a task; until it is known, what may be done everywhere stands for it. */
export async function loadRights(task: string): Promise<void> {
  if (report !== undefined || session.value?.mode !== 'signed-in') return;
  const can = await getJson<Partial<Permissions>>(`/tasks/${encodeURIComponent(task)}/rights`).catch(() => ({}));
  rights.value = { task, can };
}

/** What may be done, with `task` where one is named; hiding a button is a courtesy, the server decides. */
export function permissions(task?: string): Permissions {
  const current = session.value;
  if (current?.mode === 'open') return OPEN;
  if (current?.mode !== 'signed-in') return NOTHING;
  return task === undefined || rights.value?.task !== task ? current.can : { ...current.can, ...rights.value.can };
}
