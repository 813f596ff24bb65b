/**
 * What a ledger's records amount to: a pure replay, and what was spent on each account.
 *
 * @module
 */

import type { Accountant } from '../accountant.ts';
import { createAccountant } from '../create-accountant.ts';
import { AccountingError } from '../errors.ts';
import type { DpEvent } from '../events/event.ts';
import { encodeEvent, eventFromJson } from '../events/json.ts';
import { createRdpAccountant } from '../rdp/rdp-accountant.ts';
import {
  type AccountTerms,
  type Budget,
  EMPTY_HEAD,
  type LedgerHead,
  type LedgerRecord,
  readRecord,
} from './record.ts';
import { parseAccountTerms, parseEntry } from './schema.ts';

/** How a reservation ended. `open` ones, and those aborted after data was touched, stay charged. */
export type ReservationStatus = 'open' | 'committed' | 'aborted-charged' | 'aborted-refunded';

/** A charge on record. */
export interface LedgerCharge {
  readonly id: string;
  readonly accounts: readonly number[];
  readonly event: DpEvent;
  /** The event's canonical text. */
  readonly key: string;
  readonly purpose: string;
  readonly round: number | null;
  readonly attempt: number | null;
  status: ReservationStatus;
}

/** A set of charges, as `event → count`; equal events are counted together, so that no rounding depends on the order. */
export type ChargeCounts = ReadonlyMap<string, { readonly event: DpEvent; readonly count: number }>;

/** The state that a list of records leads to. Grows by {@link applyRecord} only. */
export interface LedgerState {
  head: LedgerHead;
  accountant: 'rdp' | 'pld';
  readonly accounts: AccountTerms[];
  readonly charges: Map<string, LedgerCharge>;
}

/** Returns the state of a ledger without records. */
export function createLedgerState(): LedgerState {
  return { head: EMPTY_HEAD, accountant: 'rdp', accounts: [], charges: new Map() };
}

/**
 * Replays records from the first one.
 * @throws {AccountingError} 'accounting/ledger-broken' when the chain or its meaning does not hold.
 */
export function replayLedger(records: readonly Uint8Array[]): LedgerState {
  const state = createLedgerState();
  for (const bytes of records) applyRecord(state, readRecord(bytes, state.head));
  return state;
}

/** Applies one verified record. @throws {AccountingError} 'accounting/ledger-broken' when it makes no sense here. */
export function applyRecord(state: LedgerState, record: LedgerRecord): void {
  const broken = (why: string): AccountingError =>
    new AccountingError('accounting/ledger-broken', `ledger record ${record.index}: ${why}`);
  const entry = parseEntry(record, broken);
  if ((entry.kind === 'open') !== (state.head.records === 0)) throw broken('a ledger opens with exactly one "open"');
  switch (entry.kind) {
    case 'open':
      state.accountant = entry.accountant;
      state.accounts.push(parseAccountTerms(entry.account, broken));
      break;
    case 'account':
      state.accounts.push(parseAccountTerms(entry.account, broken));
      break;
    case 'reserve': {
      if (state.charges.has(entry.reservation)) throw broken('reserves twice under one name');
      if (entry.accounts.some((number) => state.accounts[number] === undefined)) throw broken('names no account');
      const { reservation, accounts, purpose, round, attempt } = entry;
      const event = eventFromJson(entry.event);
      const key = encodeEvent(event);
      state.charges.set(reservation, {
        id: reservation,
        accounts,
        event,
        key,
        purpose,
        round,
        attempt,
        status: 'open',
      });
      break;
    }
    case 'commit':
    case 'abort': {
      const charge = state.charges.get(entry.reservation);
      if (charge?.status !== 'open') throw broken('closes a reservation that is not open');
      if (entry.kind === 'commit') charge.status = 'committed';
      else charge.status = entry.dataTouched ? 'aborted-charged' : 'aborted-refunded';
      break;
    }
    default:
      throw broken('is of an unknown kind');
  }
  state.head = { records: record.index + 1, hash: record.hash };
}

/** Counts the charges of an account that stand, for one purpose or all, with one more event on top. */
export function countCharges(
  state: LedgerState,
  account: number,
  { purpose, extra }: { readonly purpose?: string | undefined; readonly extra?: DpEvent | undefined } = {},
): ChargeCounts {
  const counts = new Map<string, { event: DpEvent; count: number }>();
  const add = (event: DpEvent, key: string): void => {
    const found = counts.get(key);
    if (found === undefined) counts.set(key, { event, count: 1 });
    else found.count += 1;
  };
  for (const charge of state.charges.values()) {
    if (charge.status === 'aborted-refunded' || !charge.accounts.includes(account)) continue;
    if (purpose === undefined || charge.purpose === purpose) add(charge.event, charge.key);
  }
  if (extra !== undefined) add(extra, encodeEvent(extra));
  return counts;
}

/** Computes what charges cost at a delta. `empty` is an accountant with nothing composed. */
export function computeSpent(
  counts: ChargeCounts,
  { empty, delta }: { readonly empty: Accountant; readonly delta: number },
): Budget {
  if (counts.size === 0) return { epsilon: 0, delta };
  const accountant = empty.clone();
  for (const { event, count } of counts.values()) accountant.compose(event, count);
  return { epsilon: accountant.epsilon(delta), delta };
}

/** Creates the accountant, with nothing composed, that an account is counted by. */
export function createAccountAccountant(state: LedgerState, terms: AccountTerms): Accountant {
  if (terms.order !== null) return createRdpAccountant({ relation: terms.relation, orders: [terms.order] });
  return createAccountant({ accountant: state.accountant, relation: terms.relation });
}

/** Returns an account's terms by its number. */
export function termsOf(state: LedgerState, account: number): AccountTerms {
  const terms = state.accounts[account];
  if (terms === undefined) {
    throw new RangeError(
      `"account" must be one of the ${state.accounts.length} accounts of the ledger, got ${account}`,
    );
  }
  return terms;
}
