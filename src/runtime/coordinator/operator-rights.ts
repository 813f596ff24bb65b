/**
 * The rights of the operator's token, as access control knows them: they stand by configuration, and what is done with
 * the token is decided and written down like everything else. It runs the installation; it does not release and grants
 * nothing.
 *
 * @module
 */

import { BUILT_IN_ROLES, type Principal, type StandingRights } from '../../trust/access/index.ts';

/** Whoever shows the operator's token. */
export const OPERATOR: Principal = { subject: 'operator' };

const ROLE = 'operator-token';

/** What the token may do. */
export const OPERATOR_RIGHTS: StandingRights = {
  roles: [
    {
      name: ROLE,
      actions: [
        ...(BUILT_IN_ROLES.find(({ name }) => name === 'operator')?.actions ?? []),
        'participant.revoke',
        'dataset.erase',
        'model.download',
        'ledger.view',
        'audit.view',
      ],
    },
  ],
  grants: [
    {
      id: 'g-operator-token',
      subject: OPERATOR.subject,
      role: ROLE,
      scope: { kind: 'everything' },
      actions: null,
      grantedBy: 'configuration',
      grantedAt: new Date(0),
      expiresAt: null,
      revokedAt: null,
    },
  ],
};
