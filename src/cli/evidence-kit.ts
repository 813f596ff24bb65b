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
import {
  AttestationError,
  type EvidenceSource,
  parseCertificate,
  parseDcapCollateral,
  parseRevocationList,
  REFERENCE_PAYLOAD_TYPE,
  type SignedReferences,
} from '../trust/attestation/index.ts';
import { LogError, parseLogProof } from '../trust/log/index.ts';
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

/** Files that go out with evidence must be what they are called: a kit must not be a way to read any other file. */
function asNamed<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof AttestationError || cause instanceof LogError || cause instanceof SyntaxError)) throw cause;
    throw new UsageError(`${file}: ${cause.message}`);
  }
}

function certificatesIn(file: string): readonly Uint8Array[] {
  return asNamed(file, () => readCertificates(file).map((der) => parseCertificate(der).der));
}

/** What the drivers take, read now. @throws {UsageError} when a file cannot be read, or is not what it must be. */
export function deviceOptionsOf({ vmpl, endorsement, chain, crl, collateral }: EvidenceKit): TsmOptions {
  const [leaf, ...above] = endorsement === undefined ? [] : certificatesIn(endorsement);
  const given = chain === undefined ? above : certificatesIn(chain);
  const text = collateral === undefined ? undefined : readText(collateral);
  if (collateral !== undefined && text !== undefined) asNamed(collateral, () => parseDcapCollateral(text));
  return {
    ...(vmpl === undefined ? {} : { vmpl }),
    certificates: {
      ...(leaf === undefined ? {} : { endorsement: leaf }),
      ...(given.length === 0 ? {} : { chain: given }),
      ...(crl === undefined ? {} : { revocationList: asNamed(crl, () => parseRevocationList(readBytes(crl)).der) }),
    },
    ...(text === undefined ? {} : { collateral: () => Promise.resolve(text) }),
  };
}

/**
 * Creates the source of this machine's evidence; without a kit it is what the device and the host give.
 * @throws `attestation/device-failed` when there is no device; {@link UsageError} when a file is not as it must be. Where
 *   that happens later, to one challenge, it is `attestation/device-failed` too, and names no file to whoever asked.
 */
export function createKitSource(kit: EvidenceKit | undefined, exists?: (path: string) => boolean): EvidenceSource {
  if (kit === undefined) return createEvidenceSource({}, exists);
  if (kit.confidentialSpace !== undefined) return createConfidentialSpaceSource(kit.confidentialSpace);
  // Made once now, so that a missing device or file is said at the start and not to the first participant.
  createEvidenceSource(deviceOptionsOf(kit), exists);
  return async (request) => {
    let options: TsmOptions;
    try {
      options = deviceOptionsOf(kit);
    } catch (cause) {
      throw new AttestationError(
        'attestation/device-failed',
        'a file that goes with the evidence is not as it must be',
        {
          cause,
        },
      );
    }
    return createEvidenceSource(options, exists)(request);
  };
}

/** The signed reference values that are handed out with every answer. @throws {UsageError} when one is not what it must be. */
export function readKitReferences({ references }: EvidenceKit): readonly SignedReferences[] {
  return references.map(({ file, receipt }) => {
    const read = readSignedReferences(file, receipt);
    const { payloadType } = asNamed(file, () =>
      read.kind === 'dsse' ? (JSON.parse(new TextDecoder().decode(read.bytes)) as { payloadType?: unknown }) : {},
    );
    // A signed CoRIM is an array of four, with or without the tag of COSE_Sign1.
    if (read.kind === 'dsse' ? payloadType !== REFERENCE_PAYLOAD_TYPE : ![0x84, 0xd2].includes(read.bytes[0] ?? 0)) {
      throw new UsageError(`${file} is neither an envelope of reference values nor a signed CoRIM`);
    }
    if (receipt !== undefined) asNamed(receipt, () => parseLogProof(new TextDecoder().decode(read.receipt)));
    return read;
  });
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
