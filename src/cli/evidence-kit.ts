/**
 * What goes with this machine's evidence and is not made by its device: certificates, collateral and signed reference
 * values, named by one YAML file. They are read anew for every challenge, so that what is fetched again tomorrow is used
 * without a restart.
 *
 * @module
 */

import { dirname, resolve } from 'node:path';

import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

import { createConfidentialSpaceSource, createEvidenceSource, type TsmOptions } from '../runtime/drivers/index.ts';
import type { EvidenceSource, SignedReferences } from '../trust/attestation/index.ts';
import { readBytes, readCertificates, readText } from './attest-file.ts';
import { UsageError } from './exit-codes.ts';

const path = z.string().min(1);
const kitSchema = z.strictObject({
  /** Privilege level that an SEV-SNP guest attests at. */
  vmpl: z.int().min(0).max(3).optional(),
  /** VCEK or VLEK, DER or PEM, for hosts that hand out none. */
  endorsement: path.optional(),
  /** ASK (or ASVK) and ARK, PEM. */
  chain: path.optional(),
  /** AMD's revocation list of that product line, DER. */
  crl: path.optional(),
  /** DCAP collateral of this platform, JSON. */
  collateral: path.optional(),
  /** Inside Google's Confidential Space: whom tokens are for. */
  confidentialSpace: z.strictObject({ audience: z.string().min(1) }).optional(),
  /** Signed reference values, and the log's receipts for them. */
  references: z.array(z.strictObject({ file: path, receipt: path.optional() })).default([]),
});

/** The kit, with its paths resolved against the folder of its file. */
export type EvidenceKit = z.output<typeof kitSchema>;

/** Reads the file that names everything. @throws {UsageError} naming what is wrong in it. */
export function readEvidenceKit(file: string): EvidenceKit {
  let value: unknown;
  try {
    value = parseYaml(readText(file));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${file}: ${cause instanceof Error ? cause.message : 'is not YAML'}`);
  }
  const parsed = kitSchema.safeParse(value ?? {});
  if (!parsed.success) throw new UsageError(`${file}: ${z.prettifyError(parsed.error)}`);
  const at = (name: string): string => resolve(dirname(file), name);
  const { endorsement, chain, crl, collateral, references, ...rest } = parsed.data;
  return {
    ...rest,
    ...(endorsement === undefined ? {} : { endorsement: at(endorsement) }),
    ...(chain === undefined ? {} : { chain: at(chain) }),
    ...(crl === undefined ? {} : { crl: at(crl) }),
    ...(collateral === undefined ? {} : { collateral: at(collateral) }),
    references: references.map((each) => ({
      file: at(each.file),
      ...(each.receipt === undefined ? {} : { receipt: at(each.receipt) }),
    })),
  };
}

/** What the drivers take, read now. @throws {UsageError} when a file cannot be read. */
export function deviceOptionsOf({ vmpl, endorsement, chain, crl, collateral }: EvidenceKit): TsmOptions {
  const [leaf, ...above] = endorsement === undefined ? [] : readCertificates(endorsement);
  const given = chain === undefined ? above : readCertificates(chain);
  return {
    ...(vmpl === undefined ? {} : { vmpl }),
    certificates: {
      ...(leaf === undefined ? {} : { endorsement: leaf }),
      ...(given.length === 0 ? {} : { chain: given }),
      ...(crl === undefined ? {} : { revocationList: readBytes(crl) }),
    },
    ...(collateral === undefined ? {} : { collateral: () => Promise.resolve(readText(collateral)) }),
  };
}

/**
 * Creates the source of this machine's evidence; without a kit it is what the device and the host give.
 * @throws `attestation/device-failed` when there is no device; {@link UsageError} when a file cannot be read.
 */
export function createKitSource(kit: EvidenceKit | undefined, exists?: (path: string) => boolean): EvidenceSource {
  if (kit === undefined) return createEvidenceSource({}, exists);
  if (kit.confidentialSpace !== undefined) return createConfidentialSpaceSource(kit.confidentialSpace);
  // Made once now, so that a missing device or file is said at the start and not to the first participant.
  createEvidenceSource(deviceOptionsOf(kit), exists);
  return (request) => createEvidenceSource(deviceOptionsOf(kit), exists)(request);
}

/** The signed reference values that are handed out with every answer. @throws {UsageError} when one cannot be read. */
export function readKitReferences({ references }: EvidenceKit): readonly SignedReferences[] {
  return references.map(({ file, receipt }) => readSignedReferences(file, receipt));
}

/** Reads signed reference values: DSSE begins with a brace, CoRIM with a CBOR tag. */
export function readSignedReferences(file: string, receipt?: string): SignedReferences {
  const bytes = readBytes(file);
  return {
    kind: bytes[0] === 0x7b ? 'dsse' : 'corim',
    bytes,
    ...(receipt === undefined ? {} : { receipt: readBytes(receipt) }),
  };
}
