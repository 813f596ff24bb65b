/**
 * Actions, and the roles that bundle them. Operating, releasing and auditing are in different hands: no built-in role
 * may do two of them, and no custom one may both operate and release.
 *
 * @module
 */

import { AccessError } from './errors.ts';

/** Everything that can be asked for. Added, never reused. */
export const ACTIONS = [
  'task.view',
  'task.create',
  'task.pause',
  'task.resume',
  'task.stop',
  'task.invite',
  'participant.view',
  'participant.revoke',
  'metrics.view',
  'budget.view',
  'budget.change',
  'dataset.view',
  'dataset.register',
  'dataset.erase',
  'model.view',
  'model.download',
  'model.query',
  'model.propose',
  'model.release',
  'alert.view',
  'alert.acknowledge',
  'audit.view',
  'ledger.view',
  'access.view',
  'access.grant',
  'token.issue',
  'key.rotate',
  'key.destroy',
  'service.shutdown',
] as const;

/** Something that can be asked for. */
export type Action = (typeof ACTIONS)[number];

/** Tells whether a text is an action. */
export function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

/** A named set of actions. */
export interface Role {
  readonly name: string;
  readonly actions: readonly Action[];
}

const VIEW = [
  'task.view',
  'participant.view',
  'metrics.view',
  'budget.view',
  'dataset.view',
  'model.view',
  'alert.view',
  'token.issue',
] as const satisfies readonly Action[];

/** Actions that run a task: who holds one of them over a model's task does not release the model. */
export const OPERATING_ACTIONS: readonly Action[] = [
  'task.create',
  'task.pause',
  'task.resume',
  'task.stop',
  'task.invite',
  'participant.revoke',
];

/** The roles every installation has. */
export const BUILT_IN_ROLES: readonly Role[] = [
  { name: 'viewer', actions: VIEW },
  {
    name: 'operator',
    actions: [...VIEW, ...OPERATING_ACTIONS, 'model.propose', 'alert.acknowledge', 'service.shutdown'],
  },
  {
    name: 'owner',
    actions: [
      ...VIEW,
      'budget.change',
      'dataset.register',
      'dataset.erase',
      'model.download',
      'model.query',
      'model.propose',
      'model.release',
      'ledger.view',
      'access.view',
      'access.grant',
      'key.rotate',
      'key.destroy',
    ],
  },
  { name: 'auditor', actions: [...VIEW, 'audit.view', 'ledger.view', 'access.view'] },
];

/**
 * Checks a custom role.
 * @throws {RangeError} when its name or an action is not as it must be.
 * @throws {AccessError} `access/separation-of-duties` when it could both operate and release.
 */
export function parseRole({ name, actions }: { readonly name: string; readonly actions: readonly string[] }): Role {
  if (!/^[a-z][a-z0-9-]{1,39}$/.test(name)) {
    throw new RangeError(`"name" must be 2 to 40 lower-case letters, digits and dashes, got ${JSON.stringify(name)}`);
  }
  if (BUILT_IN_ROLES.some((role) => role.name === name)) {
    throw new RangeError(`"name" must not be that of a built-in role, got ${name}`);
  }
  const unknown = actions.find((action) => !isAction(action));
  if (unknown !== undefined || actions.length === 0) {
    throw new RangeError(`"actions" must be some of ${ACTIONS.join(', ')}, got ${unknown ?? 'none'}`);
  }
  const known = [...new Set(actions.filter(isAction))];
  if (known.includes('model.release') && known.some((action) => OPERATING_ACTIONS.includes(action))) {
    throw new AccessError(
      'access/separation-of-duties',
      `role ${name} would both operate tasks and release models: make two roles`,
    );
  }
  return { name, actions: known };
}
