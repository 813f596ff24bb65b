/**
 * What ledger records read from a file must look like. Everything is checked: a field that is missing, extra or out of
 * range breaks the ledger, because a record nobody understands cannot be charged.
 *
 * @module
 */

import * as z from 'zod';

import type { AccountTerms, LedgerEntry, LedgerRecord } from './record.ts';

const budget = z.strictObject({ epsilon: z.number().nonnegative(), delta: z.number().min(0).max(1) });

const accountTerms = z.strictObject({
  dataset: z.string().min(1),
  timeBlock: z.string().min(1).nullable(),
  privacyUnit: z.enum(['example', 'client']),
  relation: z.enum(['add-or-remove-one', 'replace-one', 'zero-out']),
  budget,
  quotas: z.record(z.string(), z.number().nonnegative()).nullable(),
  order: z.number().gt(1).nullable(),
});

const chained = { index: z.int().nonnegative(), time: z.string(), previous: z.string(), hash: z.string() };
const position = z.int().nonnegative().nullable();

const record = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('open'),
    version: z.literal(1),
    accountant: z.enum(['rdp', 'pld']),
    account: accountTerms,
    ...chained,
  }),
  z.strictObject({ kind: z.literal('account'), account: accountTerms, ...chained }),
  z.strictObject({
    kind: z.literal('reserve'),
    reservation: z.string().min(1),
    accounts: z.array(z.int().nonnegative()).min(1),
    event: z.record(z.string(), z.json()),
    purpose: z.string().min(1),
    round: position,
    attempt: position,
    ...chained,
  }),
  z.strictObject({ kind: z.literal('commit'), reservation: z.string(), ...chained }),
  z.strictObject({ kind: z.literal('abort'), reservation: z.string(), dataTouched: z.boolean(), ...chained }),
]);

/** Checks the shape of a record. `broken` makes the error that is thrown. */
export function parseEntry(value: LedgerRecord, broken: (why: string) => Error): LedgerEntry {
  const result = record.safeParse(value);
  if (result.success) return value;
  throw broken(describe(result.error));
}

/** Checks the terms of an account. */
export function parseAccountTerms(value: unknown, broken: (why: string) => Error): AccountTerms {
  const result = accountTerms.safeParse(value);
  if (result.success) return Object.freeze(result.data);
  throw broken(describe(result.error));
}

function describe(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'record'}: ${issue.message}`).join('; ');
}
