/**
 * The budget ledger: append-only, hash-chained, charged before anything runs.
 *
 * `reserve` writes the charge and only then returns; `commit` closes it; `abort` closes it and gives the charge back only
 * when no data was touched, and only to the session that reserved it. Whatever a crash leaves open stays charged, so a
 * crash may overcharge and never undercharge. Everything is recomputed from the records alone.
 *
 * **Guarantee**: what was charged to an account is within its budget, under its relation. The composition theorems behind
 * the default accounts want the events planned beforehand; where later events are chosen from earlier outputs, open the
 * account with an `order`, which makes it a privacy filter.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import type { Accountant } from '../accountant.ts';
import { AccountingError } from '../errors.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { eventToJson } from '../events/json.ts';
import { type AccountTerms, type Budget, chainEntry, type LedgerEntry, type LedgerHead } from './record.ts';
import { type LedgerReport, reportLedger } from './report.ts';
import { parseAccountTerms, parseEntry } from './schema.ts';
import {
  applyRecord,
  computeSpent,
  countCharges,
  createAccountAccountant,
  createLedgerState,
  type LedgerState,
  replayLedger,
  termsOf,
} from './state.ts';
import type { LedgerStore } from './store.ts';

/** A charge that was written and is not closed yet. */
export interface Reservation {
  readonly id: string;
  readonly purpose: string;
  readonly round: number | null;
  readonly attempt: number | null;
}

/** What is to be charged. */
export interface ReserveRequest {
  readonly event: DpEvent;
  readonly purpose: string;
  readonly round?: number;
  readonly attempt?: number;
  /** The accounts charged, all or none; the first one opened by default. */
  readonly accounts?: readonly number[];
}

/** A budget, its charges, and the file that proves them. Calls are taken one after another. */
export interface Ledger {
  readonly terms: readonly AccountTerms[];
  /** Where the chain stands; keep it elsewhere to notice a file cut short. */
  head(): LedgerHead;
  /**
   * Charges an event before it runs.
   * @throws {AccountingError} 'accounting/budget-exceeded' or 'accounting/quota-exceeded': nothing was written.
   * @throws {RangeError} when the request names no account or no purpose, or a round that is none: nothing was written.
   */
  reserve(request: ReserveRequest): Promise<Reservation>;
  /** Closes a reservation whose event ran. */
  commit(reservation: Reservation | string): Promise<void>;
  /**
   * Closes a reservation whose event failed. With `dataTouched` the charge stands.
   * @throws {AccountingError} 'accounting/reservation-closed' when it is closed already, or when a refund is asked for a
   * reservation of an earlier session: nobody knows any more what that one touched.
   */
  abort(reservation: Reservation | string, options: { readonly dataTouched: boolean }): Promise<void>;
  /** Opens a further account: another data set, time block or privacy unit. Returns its number. */
  openAccount(terms: AccountTermsInput): Promise<number>;
  /** Returns what an account has spent: epsilon at the budget's delta. */
  spent(account?: number): Budget;
  /** Returns what is left. Epsilons do not simply add, so ask {@link Ledger.affordable} how often an event still fits. */
  remaining(account?: number): Budget;
  /** Returns how many more times an event fits into the budget (and a purpose's quota), at most `limit`. */
  affordable(
    event: DpEvent,
    options?: { readonly purpose?: string; readonly account?: number; readonly limit?: number },
  ): number;
  /** Returns the reservations that are not closed, those of earlier sessions included. */
  open(): readonly Reservation[];
  /** Reads everything again, checks the chain and recomputes. @throws {AccountingError} 'accounting/ledger-broken'. */
  verify(): Promise<LedgerReport>;
}

/** The terms of an account as a caller gives them. */
export interface AccountTermsInput {
  readonly budget: Budget;
  readonly relation: NeighboringRelation;
  readonly privacyUnit: 'example' | 'client';
  readonly dataset: string;
  readonly timeBlock?: string | null;
  readonly quotas?: Readonly<Record<string, number>> | null;
  /** For adaptive analyses: the order of the filter ({@link AccountTerms.order}). */
  readonly order?: number | null;
}

/** How a ledger is created. */
export interface LedgerOptions extends AccountTermsInput {
  readonly store: LedgerStore;
  readonly accountant: 'rdp' | 'pld';
  readonly clock: () => Date;
}

const CONFLICT_RETRIES = 16;

function completeTerms(input: AccountTermsInput): AccountTerms {
  const { budget, relation, privacyUnit, dataset, timeBlock = null, quotas = null, order = null } = input;
  const { epsilon, delta } = budget;
  return parseAccountTerms(
    { dataset, timeBlock, privacyUnit, relation, budget: { epsilon, delta }, quotas, order },
    (why) => new RangeError(`ledger terms: ${why}`),
  );
}

/**
 * Creates a ledger in an empty store, or opens the one that is there when its first account has the same terms.
 * @throws {AccountingError} 'accounting/ledger-mismatch' when the store holds a ledger with other terms,
 * 'accounting/ledger-broken' when it does not verify.
 */
export async function createLedger({ store, accountant, clock, ...input }: LedgerOptions): Promise<Ledger> {
  const account = completeTerms(input);
  if ((await store.read()).length === 0) {
    const { bytes } = chainEntry(
      { kind: 'open', version: 1, accountant, account },
      { head: createLedgerState().head, time: clock().toISOString() },
    );
    await store.append(bytes, { expectedLength: 0 }).catch((error: unknown) => {
      // Somebody else opened it first: go on with theirs, if its terms are ours.
      if (!(error instanceof AccountingError && error.code === 'accounting/ledger-conflict')) throw error;
    });
  }
  const ledger = await openLedger({ store, clock });
  const { accountant: found } = await ledger.verify();
  const first = ledger.terms[0] as AccountTerms;
  if (found !== accountant || !sameTerms(first, account)) {
    throw new AccountingError(
      'accounting/ledger-mismatch',
      `the ledger on record was opened for ${JSON.stringify({ accountant: found, ...first })}; use those terms or another ledger`,
    );
  }
  return ledger;
}

function sameTerms(a: AccountTerms, b: AccountTerms): boolean {
  return canonicalize(a) === canonicalize(b);
}

/** Opens a ledger from its records alone. @throws {AccountingError} 'accounting/ledger-broken'. */
export async function openLedger({
  store,
  clock,
}: {
  readonly store: LedgerStore;
  readonly clock: () => Date;
}): Promise<Ledger> {
  let state = replayLedger(await store.read());
  if (state.accounts.length === 0) throw new AccountingError('accounting/ledger-broken', 'the ledger has no records');
  let stale = false;
  const mine = new Set<string>();
  const accountants = new Map<number, Accountant>();
  const empty = (account: number): Accountant => {
    const found = accountants.get(account) ?? createAccountAccountant(state, termsOf(state, account));
    accountants.set(account, found);
    return found;
  };

  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const turn = queue.then(task);
    queue = turn.catch(() => undefined);
    return turn;
  };

  /** Appends the entry that `decide` makes of the current state, deciding anew whenever another writer was faster. */
  const append = async <T extends LedgerEntry>(decide: (state: LedgerState) => T): Promise<T> => {
    for (let attempt = 0; ; attempt += 1) {
      if (stale) {
        state = replayLedger(await store.read());
        stale = false;
      }
      const entry = decide(state);
      const { record, bytes } = chainEntry(entry, { head: state.head, time: clock().toISOString() });
      // A record that no reader would accept must not be written: nothing could be charged after it any more.
      parseEntry(record, (why) => new RangeError(`ledger entry: ${why}`));
      stale = true;
      try {
        await store.append(bytes, { expectedLength: state.head.records });
      } catch (error) {
        const conflict = error instanceof AccountingError && error.code === 'accounting/ledger-conflict';
        if (conflict && attempt < CONFLICT_RETRIES) continue;
        throw error;
      }
      applyRecord(state, record);
      stale = false;
      return entry;
    }
  };

  const spentOn = (account: number, options: Parameters<typeof countCharges>[2] = {}): Budget =>
    computeSpent(countCharges(state, account, options), {
      empty: empty(account),
      delta: termsOf(state, account).budget.delta,
    });

  const assertFits = (event: DpEvent, purpose: string, account: number): void => {
    const { budget, quotas, dataset } = termsOf(state, account);
    const details = { dataset, account, purpose };
    const after = spentOn(account, { extra: event }).epsilon;
    if (!(after <= budget.epsilon)) {
      throw new AccountingError(
        'accounting/budget-exceeded',
        `this charge would bring "${dataset}" to epsilon ${after} of ${budget.epsilon} at delta ${budget.delta}; nothing was run`,
        { details: { ...details, after, budget: budget.epsilon } },
      );
    }
    if (quotas === null) return;
    const quota = Object.hasOwn(quotas, purpose) ? (quotas[purpose] as number) : 0;
    const afterPurpose = spentOn(account, { extra: event, purpose }).epsilon;
    if (!(afterPurpose <= quota)) {
      throw new AccountingError(
        'accounting/quota-exceeded',
        `this charge would bring purpose "${purpose}" on "${dataset}" to epsilon ${afterPurpose} of ${quota}; nothing was run`,
        { details: { ...details, after: afterPurpose, quota } },
      );
    }
  };

  const fits = (event: DpEvent, purpose: string | undefined, account: number): boolean => {
    try {
      if (purpose !== undefined) assertFits(event, purpose, account);
      return spentOn(account, { extra: event }).epsilon <= termsOf(state, account).budget.epsilon;
    } catch (error) {
      if (error instanceof AccountingError && error.code.endsWith('-exceeded')) return false;
      throw error;
    }
  };

  const close = (entry: Extract<LedgerEntry, { kind: 'commit' | 'abort' }>): Promise<void> =>
    inTurn(async () => {
      await append(({ charges }) => {
        const { reservation } = entry;
        if (charges.get(reservation)?.status !== 'open') {
          throw new AccountingError('accounting/reservation-closed', `reservation ${reservation} is not open`);
        }
        if (entry.kind === 'abort' && !entry.dataTouched && !mine.has(reservation)) {
          throw new AccountingError(
            'accounting/reservation-closed',
            `reservation ${reservation} is of an earlier session and cannot be refunded; abort it with dataTouched: true`,
          );
        }
        return entry;
      });
    });

  const idOf = (reservation: Reservation | string): string =>
    typeof reservation === 'string' ? reservation : reservation.id;

  return {
    get terms() {
      return state.accounts.slice();
    },
    head: () => state.head,
    reserve: ({ event, purpose, round, attempt, accounts = [0] }) =>
      inTurn(async () => {
        const charged = [...new Set(accounts)].sort((a, b) => a - b);
        const entry = await append((current) => {
          for (const account of charged) assertFits(event, purpose, account);
          return {
            kind: 'reserve',
            reservation: `charge-${current.head.records}`,
            accounts: charged,
            event: eventToJson(event),
            purpose,
            round: round ?? null,
            attempt: attempt ?? null,
          } as const;
        });
        mine.add(entry.reservation);
        return Object.freeze({ id: entry.reservation, purpose, round: entry.round, attempt: entry.attempt });
      }),
    commit: (reservation) => close({ kind: 'commit', reservation: idOf(reservation) }),
    abort: (reservation, { dataTouched }) => close({ kind: 'abort', reservation: idOf(reservation), dataTouched }),
    openAccount: (input) =>
      inTurn(async () => {
        const account = completeTerms(input);
        await append((current) => {
          const key = ({ dataset, timeBlock, privacyUnit }: AccountTerms): string =>
            JSON.stringify([dataset, timeBlock, privacyUnit]);
          if (current.accounts.some((known) => key(known) === key(account))) {
            throw new AccountingError('accounting/ledger-mismatch', `an account for ${key(account)} is open already`);
          }
          return { kind: 'account', account } as const;
        });
        return state.accounts.length - 1;
      }),
    spent: (account = 0) => spentOn(account),
    remaining(account = 0) {
      const { budget } = termsOf(state, account);
      return { epsilon: Math.max(0, budget.epsilon - spentOn(account).epsilon), delta: budget.delta };
    },
    affordable(event, { purpose, account = 0, limit = 2 ** 20 } = {}) {
      const repeated = (count: number): DpEvent => Object.freeze({ kind: 'selfComposed', event, count });
      if (!fits(event, purpose, account)) return 0;
      let low = 1;
      let high = 2;
      while (high <= limit && fits(repeated(high), purpose, account)) {
        low = high;
        high *= 2;
      }
      high = Math.min(high, limit + 1);
      while (high - low > 1) {
        const middle = low + Math.floor((high - low) / 2);
        if (fits(repeated(middle), purpose, account)) low = middle;
        else high = middle;
      }
      return low;
    },
    open: () =>
      [...state.charges.values()]
        .filter((charge) => charge.status === 'open')
        .map(({ id, purpose, round, attempt }) => Object.freeze({ id, purpose, round, attempt })),
    verify: () =>
      inTurn(async () => {
        state = replayLedger(await store.read());
        stale = false;
        return reportLedger(state);
      }),
  };
}
