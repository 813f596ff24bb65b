/**
 * Access control's store as tables. Nothing is ever deleted; a revocation is a time on a row.
 *
 * @module
 */

import type { Selectable } from 'kysely';

import {
  type AccessRecord,
  type AccessStore,
  type Action,
  type ApiToken,
  formatScope,
  type Grant,
  parseScope,
  type Release,
  type Resource,
} from '../../../trust/access/index.ts';
import type { AccessTables } from './access-schema.ts';
import type { Database } from './open.ts';

function rowOf(grant: Grant): AccessTables['access_grants'] {
  return {
    id: grant.id,
    subject: grant.subject,
    role: grant.role,
    scope: formatScope(grant.scope),
    actions: grant.actions === null ? null : JSON.stringify(grant.actions),
    granted_by: grant.grantedBy,
    granted_at: grant.grantedAt,
    expires_at: grant.expiresAt,
    revoked_at: grant.revokedAt,
  };
}

function grantOf(row: AccessTables['access_grants']): Grant {
  return {
    id: row.id,
    subject: row.subject,
    role: row.role,
    scope: parseScope(row.scope),
    actions: row.actions === null ? null : (JSON.parse(row.actions) as Action[]),
    grantedBy: row.granted_by,
    grantedAt: row.granted_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

function tokenOf(row: AccessTables['access_tokens']): ApiToken {
  return {
    id: row.id,
    digest: row.digest,
    subject: row.subject,
    label: row.label,
    actions: JSON.parse(row.actions) as Action[],
    scope: parseScope(row.scope),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

function recordOf(row: Selectable<AccessTables['access_records']>): AccessRecord {
  return {
    at: row.at,
    subject: row.subject,
    token: row.token,
    action: row.action as Action,
    resource: row.resource,
    allowed: row.allowed,
    reason: row.reason as AccessRecord['reason'],
    grant: row.grant_id,
    detail: row.detail,
  };
}

/** Opens access control's tables. */
export function createAccessTables(db: Database): AccessStore {
  async function releasesOf(rows: readonly AccessTables['access_releases'][]): Promise<readonly Release[]> {
    if (rows.length === 0) return [];
    const approvals = await db
      .selectFrom('access_approvals')
      .selectAll()
      .where(
        'release',
        'in',
        rows.map(({ id }) => id),
      )
      .orderBy('at')
      .execute();
    return rows.map((row) => ({
      id: row.id,
      model: row.model,
      within: JSON.parse(row.within) as Resource[],
      digest: row.digest,
      proposedBy: row.proposed_by,
      proposedAt: row.proposed_at,
      expiresAt: row.expires_at,
      required: row.required === 2 ? 2 : 1,
      approvals: approvals.filter(({ release }) => release === row.id).map(({ subject, at }) => ({ by: subject, at })),
      rejectedBy: row.rejected_by,
    }));
  }

  return {
    async grantsOf(subjects) {
      const rows = await db
        .selectFrom('access_grants')
        .selectAll()
        .where('subject', 'in', [...subjects])
        .execute();
      return rows.map(grantOf);
    },
    async listGrants() {
      return (await db.selectFrom('access_grants').selectAll().orderBy('granted_at').execute()).map(grantOf);
    },
    async addGrant(grant) {
      await db.insertInto('access_grants').values(rowOf(grant)).execute();
    },
    addFirstGrants(grants) {
      return db
        .transaction()
        .setIsolationLevel('serializable')
        .execute(async (transaction) => {
          const { count } = await transaction
            .selectFrom('access_grants')
            .select(({ fn }) => fn.countAll<number>().as('count'))
            .executeTakeFirstOrThrow();
          if (Number(count) > 0) return false;
          await transaction.insertInto('access_grants').values(grants.map(rowOf)).execute();
          return true;
        });
    },
    async revokeGrant(id, at) {
      const { numUpdatedRows } = await db
        .updateTable('access_grants')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async roles() {
      const rows = await db.selectFrom('access_roles').selectAll().execute();
      return rows.map(({ name, actions }) => ({ name, actions: JSON.parse(actions) as Action[] }));
    },
    async putRole({ name, actions }) {
      const text = JSON.stringify(actions);
      await db
        .insertInto('access_roles')
        .values({ name, actions: text })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ actions: text }))
        .execute();
    },
    async token(id) {
      const row = await db.selectFrom('access_tokens').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? undefined : tokenOf(row);
    },
    async listTokens(subject) {
      const query = db.selectFrom('access_tokens').selectAll().orderBy('created_at');
      return (await (subject === undefined ? query : query.where('subject', '=', subject)).execute()).map(tokenOf);
    },
    async addToken(token) {
      await db
        .insertInto('access_tokens')
        .values({
          id: token.id,
          digest: token.digest,
          subject: token.subject,
          label: token.label,
          actions: JSON.stringify(token.actions),
          scope: formatScope(token.scope),
          created_at: token.createdAt,
          expires_at: token.expiresAt,
          revoked_at: token.revokedAt,
        })
        .execute();
    },
    async revokeToken(id, at) {
      const { numUpdatedRows } = await db
        .updateTable('access_tokens')
        .set({ revoked_at: at })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
    async release(id) {
      return (await releasesOf(await db.selectFrom('access_releases').selectAll().where('id', '=', id).execute()))[0];
    },
    async listReleases() {
      return releasesOf(await db.selectFrom('access_releases').selectAll().orderBy('proposed_at').execute());
    },
    async addRelease(release) {
      await db
        .insertInto('access_releases')
        .values({
          id: release.id,
          model: release.model,
          within: JSON.stringify(release.within),
          digest: release.digest,
          proposed_by: release.proposedBy,
          proposed_at: release.proposedAt,
          expires_at: release.expiresAt,
          required: release.required,
          rejected_by: release.rejectedBy,
        })
        .execute();
    },
    async approve(id, { by, at }) {
      await db
        .insertInto('access_approvals')
        .values({ release: id, subject: by, at })
        .onConflict((conflict) => conflict.columns(['release', 'subject']).doNothing())
        .execute();
    },
    async reject(id, by) {
      await db.updateTable('access_releases').set({ rejected_by: by }).where('id', '=', id).execute();
    },
    async record({ grant, ...record }) {
      await db
        .insertInto('access_records')
        .values({ ...record, grant_id: grant })
        .execute();
    },
    async records({ after = 0, limit = 1000 } = {}) {
      const rows = await db
        .selectFrom('access_records')
        .selectAll()
        .orderBy('position')
        .offset(after)
        .limit(limit)
        .execute();
      return rows.map(recordOf);
    },
  };
}
