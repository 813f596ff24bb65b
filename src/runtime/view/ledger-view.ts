/**
 * A ledger for people: its records in order, and what recomputing them from nothing says.
 *
 * @module
 */

import { verifyLedger } from '../../privacy/accounting/index.ts';
import type { LedgerLine, LedgerView } from './task-view.ts';

/** Reads and verifies a ledger's records. A ledger that does not hold is shown, with the reason. */
export function readLedgerView(records: readonly Uint8Array[]): LedgerView {
  const lines = readLines(records);
  const empty = { epsilon: null, delta: null, budget: null, accountant: null, head: lines.at(-1)?.hash ?? null };
  if (records.length === 0) return { lines, verified: true, problem: null, ...empty };
  try {
    const { accountant, accounts } = verifyLedger(records);
    const [account] = accounts;
    return {
      lines,
      verified: true,
      problem: null,
      head: empty.head,
      accountant,
      epsilon: account?.spent.epsilon ?? null,
      delta: account?.spent.delta ?? null,
      budget: account?.budget.epsilon ?? null,
    };
  } catch (error) {
    return { lines, verified: false, problem: error instanceof Error ? error.message : String(error), ...empty };
  }
}

function readLines(records: readonly Uint8Array[]): LedgerLine[] {
  const reserved = new Map<string, { attempt: number | null; round: number | null; purpose: string | null }>();
  return records.map((bytes, index) => {
    const record = parse(bytes);
    const text = (key: string): string => (typeof record[key] === 'string' ? record[key] : '');
    const count = (key: string): number | null => (typeof record[key] === 'number' ? record[key] : null);
    const own = { attempt: count('attempt'), round: count('round'), purpose: text('purpose') || null };
    if (record.kind === 'reserve') reserved.set(text('reservation'), own);
    const about = reserved.get(text('reservation')) ?? own;
    return { index, time: text('time'), kind: text('kind'), hash: text('hash'), ...about };
  });
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    return { kind: 'unreadable' };
  }
}
