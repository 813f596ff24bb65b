/**
 * Who may do what with the service: participants by identity key, enrolled with a token that works once; operators by a
 * secret token. Deny by default.
 *
 * @module
 */

import { equalBytes, fromHex, sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { readEntropy } from '../../foundations/random/index.ts';
import { participantIdOf, readClaims, type SignedRequest, verifyRequest } from '../../federation/wire/index.ts';
import type { Database } from '../storage/database/index.ts';
import { CoordinatorError } from './errors.ts';

/** How far clocks may be apart, and how long a nonce is remembered. */
const MAX_SKEW_MS = 5 * 60_000;

/** An enrolled participant. */
export interface Member {
  readonly id: string;
  readonly taskId: string;
}

/** The registry of a service. */
export interface Registry {
  /** Makes a token that lets one participant join a task. The token is returned once and stored as a digest. */
  createToken(taskId: string, options: { expiresAt: Date }): Promise<string>;
  /**
   * Enrols a participant, or recognises one that is enrolled already.
   * @throws {@link CoordinatorError} `coordinator/token-refused`.
   */
  enrol(
    taskId: string,
    request: {
      identityKey: Uint8Array;
      label: string;
      token: string;
      /** Fingerprint of a client certificate from an accepted authority: in the place of a token, for one participant. */
      certificate?: string;
    },
  ): Promise<Member>;
  /** Tells whether a token would let somebody join; it is not spent. @throws {@link CoordinatorError} as `enrol` does. */
  assertInvitation(taskId: string, token: string): Promise<void>;
  /**
   * Checks what can be checked of a request before its body is read: that it claims to be a member's, of now. Whoever is a
   * stranger gets no room in memory; the signature is judged once the body is there.
   * @throws as `authenticate` and `memberOf`.
   */
  assertExpected(taskId: string, header: string | undefined): Promise<void>;
  /** Checks signature, time and nonce; returns the key that signed. */
  authenticate(request: SignedRequest, header: string | undefined): Uint8Array;
  /** Finds the member behind a verified key. @throws {@link CoordinatorError} `coordinator/not-authorized`. */
  memberOf(taskId: string, identityKey: Uint8Array): Promise<Member>;
  /** Identity keys of participants of a task, by participant. */
  identityKeys(taskId: string, participants: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  setState(member: Member, state: 'active' | 'left' | 'revoked'): Promise<void>;
  /** @throws {@link CoordinatorError} `coordinator/not-authorized` unless the header carries the operator's token. */
  assertOperator(header: string | undefined): void;
}

/** Creates the registry. `operatorToken` is what operators show as a bearer token. */
export function createRegistry({
  db,
  operatorToken,
  now,
}: {
  db: Database;
  operatorToken: string;
  now: () => number;
}): Registry {
  const nonces = new Map<string, number>();
  const members = new Map<string, Member>();
  const operatorDigest = sha256(utf8(operatorToken));

  function remember(nonce: string): void {
    const oldest = now() - 2 * MAX_SKEW_MS;
    for (const [known, at] of nonces) {
      if (at >= oldest) break;
      nonces.delete(known);
    }
    if (nonces.has(nonce)) throw new CoordinatorError('coordinator/stale-request', 'the request was sent before');
    nonces.set(nonce, now());
  }

  function assertFresh(timeMs: number): void {
    if (Math.abs(timeMs - now()) <= MAX_SKEW_MS) return;
    throw new CoordinatorError('coordinator/stale-request', 'the clocks are more than five minutes apart: set them');
  }

  return {
    async createToken(taskId, { expiresAt }) {
      const token = toHex(readEntropy(16));
      await db
        .insertInto('enrolment_tokens')
        .values({ digest: sha256(utf8(token)), task_id: taskId, expires_at: expiresAt, used_by: null })
        .execute();
      return token;
    },
    async enrol(taskId, { identityKey, label, token, certificate }) {
      const known = await db
        .selectFrom('participants')
        .select(['id', 'state'])
        .where('task_id', '=', taskId)
        .where('identity_key', '=', identityKey)
        .executeTakeFirst();
      if (known !== undefined) {
        if (known.state === 'revoked') throw new CoordinatorError('coordinator/not-authorized', 'this key was revoked');
        await db
          .updateTable('participants')
          .set({ state: 'active', seen_at: new Date() })
          .where('task_id', '=', taskId)
          .where('id', '=', known.id)
          .execute();
        return { id: known.id, taskId };
      }
      const id = participantIdOf(identityKey);
      return db.transaction().execute(async (transaction) => {
        const digest = sha256(utf8(certificate === undefined ? token : `certificate ${taskId} ${certificate}`));
        if (certificate !== undefined) {
          // Good once, like an invitation: one certificate must not make a crowd.
          await transaction
            .insertInto('enrolment_tokens')
            .values({ digest, task_id: taskId, expires_at: new Date(now() + MAX_SKEW_MS), used_by: null })
            .onConflict((conflict) => conflict.column('digest').doNothing())
            .execute();
        }
        const used = await transaction
          .updateTable('enrolment_tokens')
          .set({ used_by: id })
          .where('digest', '=', digest)
          .where('task_id', '=', taskId)
          .where('used_by', 'is', null)
          .where('expires_at', '>', new Date(now()))
          .executeTakeFirst();
        if (used.numUpdatedRows !== 1n) {
          throw new CoordinatorError(
            'coordinator/token-refused',
            'the invitation was used, has expired or is not ours: ask for a new one, or come back with the identity that used it',
          );
        }
        await transaction
          .insertInto('participants')
          .values({
            id,
            task_id: taskId,
            identity_key: identityKey,
            label: label.slice(0, 80),
            state: 'active',
            joined_at: new Date(),
            seen_at: new Date(),
          })
          .execute();
        return { id, taskId };
      });
    },
    async assertInvitation(taskId, token) {
      const row = await db
        .selectFrom('enrolment_tokens')
        .select('digest')
        .where('digest', '=', sha256(utf8(token)))
        .where('task_id', '=', taskId)
        .where('used_by', 'is', null)
        .where('expires_at', '>', new Date(now()))
        .executeTakeFirst();
      if (row === undefined) {
        throw new CoordinatorError(
          'coordinator/token-refused',
          'the invitation was used, has expired or is not ours: ask for a new one',
        );
      }
    },
    async assertExpected(taskId, header) {
      const { identityKey, timeMs } = readClaims(header);
      assertFresh(timeMs);
      await this.memberOf(taskId, identityKey);
    },
    authenticate(request, header) {
      const { identityKey, timeMs, nonce } = verifyRequest(request, header);
      assertFresh(timeMs);
      remember(nonce);
      return identityKey;
    },
    async memberOf(taskId, identityKey) {
      const key = `${taskId}/${toHex(identityKey)}`;
      const cached = members.get(key);
      if (cached !== undefined) return cached;
      const row = await db
        .selectFrom('participants')
        .select('id')
        .where('task_id', '=', taskId)
        .where('identity_key', '=', identityKey)
        .where('state', '!=', 'revoked')
        .executeTakeFirst();
      if (row === undefined)
        throw new CoordinatorError('coordinator/not-authorized', 'this key has not joined the task');
      const member = { id: row.id, taskId };
      members.set(key, member);
      return member;
    },
    async identityKeys(taskId, participants) {
      if (participants.length === 0) return new Map();
      const rows = await db
        .selectFrom('participants')
        .select(['id', 'identity_key'])
        .where('task_id', '=', taskId)
        .where('id', 'in', [...participants])
        .execute();
      return new Map(rows.map((row) => [row.id, new Uint8Array(row.identity_key)]));
    },
    async setState({ id, taskId }, state) {
      members.clear();
      await db.updateTable('participants').set({ state }).where('task_id', '=', taskId).where('id', '=', id).execute();
    },
    assertOperator(header) {
      const shown = /^Bearer ([\x21-\x7e]{8,256})$/.exec(header ?? '')?.[1];
      if (shown === undefined || !equalBytes(sha256(utf8(shown)), operatorDigest)) {
        throw new CoordinatorError('coordinator/not-authorized', 'this needs the operator’s token');
      }
    },
  };
}

/** Reads an identity key from its hexadecimal form. @throws {RangeError} when it is not 32 bytes. */
export function parseIdentityKey(text: string): Uint8Array {
  const key = fromHex(text);
  if (key.length !== 32) throw new RangeError('an identity key has 32 bytes');
  return key;
}
