/**
 * The ledger's records: what they say, their canonical bytes (RFC 8785) and the hash chain through them.
 *
 * @module
 */

import canonicalize from 'canonicalize';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

import { AccountingError } from '../errors.ts';
import type { NeighboringRelation } from '../events/event.ts';
import type { Json } from '../events/json.ts';

/** A limit on what may be spent. */
export interface Budget {
  readonly epsilon: number;
  readonly delta: number;
}

/** Whose data is counted, under which relation, and how much may be spent on it. */
export interface AccountTerms {
  readonly dataset: string;
  /** A part of the data by time, such as a month; null: all of it. */
  readonly timeBlock: string | null;
  readonly privacyUnit: 'example' | 'client';
  readonly relation: NeighboringRelation;
  readonly budget: Budget;
  /** Epsilon allowed for each purpose, at the budget's delta; null: any purpose, up to the budget. */
  readonly quotas: Readonly<Record<string, number>> | null;
  /**
   * The one Rényi order at which charges are admitted, for analyses whose later events depend on earlier outputs: the
   * account is then a privacy filter. Null: the best order or the distributions of everything charged, which is tighter and
   * holds when what is charged was planned beforehand (stopping early is fine).
   */
  readonly order: number | null;
}

/** What a record says, before it is chained. */
export type LedgerEntry =
  | { readonly kind: 'open'; readonly version: 1; readonly accountant: 'rdp' | 'pld'; readonly account: AccountTerms }
  | { readonly kind: 'account'; readonly account: AccountTerms }
  | {
      readonly kind: 'reserve';
      readonly reservation: string;
      /** Numbers of the accounts charged, in the order they were opened. */
      readonly accounts: readonly number[];
      readonly event: { readonly [key: string]: Json };
      readonly purpose: string;
      readonly round: number | null;
      readonly attempt: number | null;
    }
  | { readonly kind: 'commit'; readonly reservation: string }
  | { readonly kind: 'abort'; readonly reservation: string; readonly dataTouched: boolean };

/** A chained record. */
export type LedgerRecord = LedgerEntry & {
  readonly index: number;
  readonly time: string;
  /** The hash of the record before, 64 zeros for the first. */
  readonly previous: string;
  /** SHA-256 of this record's canonical bytes without this field. */
  readonly hash: string;
};

/** Where a chain stands. */
export interface LedgerHead {
  readonly records: number;
  readonly hash: string;
}

/** The head of a ledger without records. */
export const EMPTY_HEAD: LedgerHead = Object.freeze({ records: 0, hash: '0'.repeat(64) });

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

function canonicalBytes(value: object): Uint8Array {
  return encoder.encode(canonicalize(value) as string);
}

/** Chains an entry to a head and returns its record and bytes. */
export function chainEntry(
  entry: LedgerEntry,
  { head, time }: { readonly head: LedgerHead; readonly time: string },
): { readonly record: LedgerRecord; readonly bytes: Uint8Array } {
  const body = { ...entry, index: head.records, time, previous: head.hash };
  const record = Object.freeze({ ...body, hash: bytesToHex(sha256(canonicalBytes(body))) });
  return { record, bytes: canonicalBytes(record) };
}

/**
 * Reads one record and checks that it continues a chain, byte for byte.
 * @throws {AccountingError} 'accounting/ledger-broken' naming the record and what does not fit.
 */
export function readRecord(bytes: Uint8Array, head: LedgerHead): LedgerRecord {
  const broken = (why: string, cause?: unknown): AccountingError =>
    new AccountingError('accounting/ledger-broken', `ledger record ${head.records}: ${why}`, {
      details: { record: head.records },
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw broken('is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null) throw broken('is no object');
  const { hash, ...body } = value as Record<string, unknown>;
  if (body['index'] !== head.records) throw broken(`has index ${String(body['index'])}`);
  if (body['previous'] !== head.hash) throw broken('does not continue the chain');
  if (hash !== bytesToHex(sha256(canonicalBytes(body)))) throw broken('does not match its hash');
  const canonical = canonicalBytes(value);
  if (canonical.length !== bytes.length || canonical.some((byte, i) => byte !== bytes[i])) {
    throw broken('is not in canonical form');
  }
  return Object.freeze(value) as LedgerRecord;
}
