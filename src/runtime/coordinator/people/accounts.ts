/**
 * Accounts of people: local ones with a password, and those that a provider vouches for.
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { readEntropy } from '../../../foundations/random/index.ts';
import type { Database } from '../../storage/database/index.ts';
import { PeopleError } from './errors.ts';
import { hashPassword, verifyPassword } from './passwords.ts';

/** An account. */
export interface Account {
  readonly id: string;
  /** As access control names it. */
  readonly subject: string;
  readonly name: string;
  readonly disabled: boolean;
}

/** The accounts of an installation. */
export interface Accounts {
  list(): Promise<readonly Account[]>;
  get(id: string): Promise<Account | undefined>;
  /** The subject of the local account of a name, where there is one. */
  subjectOf(name: string): Promise<string | undefined>;
  /** @throws {@link PeopleError} `people/name-taken`, `people/weak-password`. */
  create(name: string, password: string): Promise<Account>;
  /** Finds or makes the account that a provider vouches for. */
  vouchedFor(subject: string, name: string): Promise<Account>;
  /**
   * Checks a password. It takes as long for a name that does not exist.
   * @throws {@link PeopleError} `people/wrong-password`, `people/too-many-attempts`.
   */
  verify(name: string, password: string): Promise<Account>;
  changePassword(id: string, passwords: { readonly current: string; readonly next: string }): Promise<void>;
  setDisabled(id: string, disabled: boolean): Promise<void>;
}

/** Wrong passwords for one name before it must wait, and how long. */
const ATTEMPTS = 8;
const WAIT_MS = 15 * 60_000;
/** Names of which wrong passwords are remembered; beyond it the oldest are forgotten. */
const REMEMBERED = 10_000;
const NAME = /^[\p{L}\p{N}._@+-]{1,64}$/u;
/** A hash nobody has the password of: what is compared with when there is no such account. */
const NOBODY = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;

const subjectOf = (name: string): string => `local:${encodeURIComponent(name.normalize('NFC').toLowerCase())}`;

/** Creates the accounts over a database. */
export function createAccounts({ db, now }: { db: Database; now: () => number }): Accounts {
  const failures = new Map<string, { count: number; since: number }>();

  function assertMayTry(subject: string): void {
    const failed = failures.get(subject);
    if (failed === undefined) return;
    if (now() - failed.since > WAIT_MS) failures.delete(subject);
    else if (failed.count >= ATTEMPTS) {
      throw new PeopleError('people/too-many-attempts', 'too many wrong passwords: try again in a quarter of an hour', {
        retryable: true,
      });
    }
  }
  function countFailure(subject: string): void {
    const { count, since } = failures.get(subject) ?? { count: 0, since: now() };
    failures.delete(subject);
    failures.set(subject, { count: count + 1, since });
    const [oldest] = failures.keys();
    if (failures.size > REMEMBERED && oldest !== undefined) failures.delete(oldest);
  }

  const columns = ['id', 'subject', 'name', 'disabled'] as const;
  const bySubject = (subject: string) =>
    db
      .selectFrom('accounts')
      .select([...columns, 'password'])
      .where('subject', '=', subject)
      .executeTakeFirst();

  async function insert(subject: string, name: string, password: string | null): Promise<Account> {
    const id = `a-${toHex(readEntropy(8))}`;
    const inserted = await db
      .insertInto('accounts')
      .values({ id, subject, name, password, disabled: false, created_at: new Date(now()) })
      .onConflict((conflict) => conflict.column('subject').doNothing())
      .executeTakeFirst();
    if (inserted.numInsertedOrUpdatedRows !== 1n) {
      throw new PeopleError('people/name-taken', 'there is an account of that name already');
    }
    return { id, subject, name, disabled: false };
  }

  async function check(subject: string, password: string): Promise<Account> {
    assertMayTry(subject);
    // Counted before it is checked: of many attempts at once none slips by while the others are being derived.
    countFailure(subject);
    const found = await bySubject(subject);
    const holds = await verifyPassword(password, found?.password ?? NOBODY);
    if (found === undefined || !holds || found.disabled) {
      throw new PeopleError(
        'people/wrong-password',
        'the name or the password is not right: try again, or ask an owner for a new account',
      );
    }
    failures.delete(subject);
    const { password: _password, ...account } = found;
    return account;
  }

  return {
    list: () => db.selectFrom('accounts').select(columns).orderBy('created_at').execute(),
    get: (id) => db.selectFrom('accounts').select(columns).where('id', '=', id).executeTakeFirst(),
    subjectOf: async (name) => (await bySubject(subjectOf(name)))?.subject,
    async create(name, password) {
      if (!NAME.test(name)) {
        throw new PeopleError('people/unknown', 'a name has 1 to 64 letters, digits or . _ @ + - and no spaces');
      }
      return insert(subjectOf(name), name, await hashPassword(password));
    },
    async vouchedFor(subject, name) {
      const found = await bySubject(subject);
      if (found === undefined) return insert(subject, name.slice(0, 64), null);
      if (found.disabled) throw new PeopleError('people/wrong-password', 'this account was shut out');
      const { password: _password, ...account } = found;
      return account;
    },
    verify: (name, password) => check(subjectOf(name), password),
    async changePassword(id, { current, next }) {
      const account = await this.get(id);
      if (account === undefined) throw new PeopleError('people/unknown', 'there is no such account');
      await check(account.subject, current);
      const password = await hashPassword(next);
      await db.updateTable('accounts').set({ password }).where('id', '=', id).execute();
    },
    async setDisabled(id, disabled) {
      await db.updateTable('accounts').set({ disabled }).where('id', '=', id).execute();
    },
  };
}
