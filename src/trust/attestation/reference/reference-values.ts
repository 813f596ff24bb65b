/**
 * Reference values: which measurements a publisher vouches for. One shape for both sources, JSON of ours and CoRIM.
 *
 * @module
 */

import { z } from 'zod';

import { parseJson } from '../intel/collateral.ts';
import { type AttestationResult, TEE_KINDS, type TeeKind } from '../result.ts';

/** One accepted state: all of its registers must match. */
export interface ReferenceEntry {
  /** The environment that it is for; undefined where the source does not say (CoRIM names products). */
  readonly tee?: TeeKind;
  /** For records: product and version. */
  readonly description: string;
  /** By register: the accepted values, in hexadecimal (tokens: as they write them). */
  readonly measurements: Readonly<Record<string, readonly string[]>>;
  /** The code that this state runs, SHA-256 in hexadecimal. */
  readonly codeDigest?: string;
}

/** A set of reference values whose publisher the caller has checked. */
export interface ReferenceSet {
  readonly id: string;
  readonly publisher: string;
  /** SHA-256 of what was signed, in hexadecimal. */
  readonly digest: string;
  /** Whether an inclusion proof of a transparency log was checked. */
  readonly logged: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly entries: readonly ReferenceEntry[];
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const fileSchema = z.strictObject({
  sotto: z.literal('reference-values/1'),
  id: z.string().min(1).max(200),
  notBefore: z.iso.datetime().optional(),
  notAfter: z.iso.datetime().optional(),
  values: z
    .array(
      z.strictObject({
        tee: z.enum(TEE_KINDS),
        description: z.string().max(500).default(''),
        measurements: z
          .record(z.string(), z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]))
          .refine((registers) => Object.keys(registers).length > 0, 'at least one register must be named'),
        codeDigest: digest.optional(),
      }),
    )
    .min(1)
    .max(1000),
});

/** Content of a file of reference values, without what only its envelope knows. */
export type ReferenceValues = Pick<ReferenceSet, 'id' | 'notBefore' | 'notAfter' | 'entries'>;

/** Reads a JSON file of reference values. @throws {AttestationError} `attestation/malformed`. */
export function parseReferenceValues(json: string): ReferenceValues {
  const file = parseJson(json, fileSchema, 'reference values');
  return {
    id: file.id,
    ...(file.notBefore === undefined ? {} : { notBefore: new Date(file.notBefore) }),
    ...(file.notAfter === undefined ? {} : { notAfter: new Date(file.notAfter) }),
    entries: file.values.map(({ tee, description, measurements, codeDigest }) => ({
      tee,
      description,
      measurements: Object.fromEntries(
        Object.entries(measurements).map(([register, values]) => [
          register,
          typeof values === 'string' ? [values] : values,
        ]),
      ),
      ...(codeDigest === undefined ? {} : { codeDigest }),
    })),
  };
}

/** Tells whether the measured registers are those of the entry. A register that was not measured does not match. */
export function matchesReference(result: AttestationResult, entry: ReferenceEntry): boolean {
  if (entry.tee !== undefined && entry.tee !== result.tee) return false;
  const registers = Object.entries(entry.measurements);
  return (
    registers.length > 0 &&
    registers.every(([register, accepted]) => {
      const measured = Object.hasOwn(result.measurements, register) ? result.measurements[register] : undefined;
      return measured !== undefined && accepted.includes(measured);
    })
  );
}
