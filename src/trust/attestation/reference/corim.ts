/**
 * Concise Reference Integrity Manifests: decoder of the parts that carry reference values. [CoRIM] §4 and §5
 *
 * A measurement's key is the register it speaks of: as text our name for it ("measurement", "mrTd", "pcr0"), as a number
 * the index of AMD's profile or of a Nitro register. Other keys (UUIDs of firmware components) name nothing that this
 * package's evidence measures, so that an entry with such a key never matches.
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { decodeCbor, Tagged } from '../cbor.ts';
import { malformed } from '../errors.ts';
import type { ReferenceEntry, ReferenceValues } from './reference-values.ts';

const TAG_CORIM = 501;
const TAG_COMID = 506;
const TAG_UUID = 37;
const TAG_OID = 111;
const TAG_SVN = 552;
const TAG_MIN_SVN = 553;
const TAG_BYTES = 560;
/** Named information hash algorithms. [RFC6920] and the registry of IANA */
const HASHES: Readonly<Record<number, string>> = { 1: 'sha-256', 7: 'sha-384', 8: 'sha-512' };
/** Keys of AMD's profile for SNP reports. */
const AMD_KEYS: Readonly<Record<number, string>> = {
  641: 'measurement',
  642: 'hostData',
  643: 'idKeyDigest',
  644: 'authorKeyDigest',
};

/** Members of measured values that say how a value is called or computed, and demand nothing. */
const PLAIN_VALUES = new Set<unknown>([1, 2, 4, 11]);
/** The register of conditions that nothing here measures: an entry with it never matches. */
const UNJUDGED = '(conditions that are not judged)';

/** The thing that values are for: class and instance, as far as stated. */
export interface CorimEnvironment {
  readonly classId?: string;
  readonly vendor?: string;
  readonly model?: string;
  readonly instance?: string;
  /** Whether the values are for members of a group alone. */
  readonly grouped?: boolean;
}

/** One measured value. */
export interface CorimMeasurement {
  /** Text keys as they are, UUIDs and byte strings in hexadecimal, numbers in decimal. */
  readonly key?: string | number;
  readonly digests: readonly { readonly algorithm: string; readonly value: string }[];
  readonly rawValue?: string;
  readonly svn?: number;
  /** Keys of further conditions (flags, masks, versions), which are kept as names and never hold. */
  readonly conditions: readonly string[];
}

/** One triple: an environment and what it should measure. */
export interface CorimReference {
  readonly environment: CorimEnvironment;
  readonly measurements: readonly CorimMeasurement[];
}

/** A decoded CoMID tag. */
export interface Comid {
  readonly language?: string;
  /** UUID as hexadecimal, or text. */
  readonly id: string;
  readonly entities: readonly { readonly name: string; readonly uri?: string; readonly roles: readonly number[] }[];
  readonly references: readonly CorimReference[];
}

/** A decoded manifest. */
export interface Corim {
  readonly id: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly comids: readonly Comid[];
}

const WHAT = 'CoRIM';

function mapOf(value: unknown, name: string): ReadonlyMap<unknown, unknown> {
  return value instanceof Map ? value : malformed(`${WHAT}: ${name} is no map`);
}

function listOf(value: unknown, name: string): readonly unknown[] {
  return Array.isArray(value) ? value : malformed(`${WHAT}: ${name} is no array`);
}

function textOf(value: unknown, name: string): string {
  return typeof value === 'string' ? value : malformed(`${WHAT}: ${name} is no text`);
}

/** Identifiers: text, UUIDs, OIDs and tagged byte strings. */
function identifierOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  const inner = value instanceof Tagged && [TAG_UUID, TAG_OID, TAG_BYTES].includes(value.tag) ? value.value : value;
  return inner instanceof Uint8Array ? toHex(inner) : malformed(`${WHAT}: ${name} is no identifier`);
}

function readEnvironment(value: unknown): CorimEnvironment {
  const environment = mapOf(value, 'environment');
  const kind = environment.has(0) ? mapOf(environment.get(0), 'class') : new Map();
  const optional = <T>(name: string, source: unknown, read: (value: unknown, name: string) => T) =>
    source === undefined ? {} : { [name]: read(source, name) };
  return {
    ...optional('classId', kind.get(0), identifierOf),
    ...optional('vendor', kind.get(1), textOf),
    ...optional('model', kind.get(2), textOf),
    ...optional('instance', environment.get(1), identifierOf),
    ...(environment.has(2) ? { grouped: true } : {}),
  };
}

function readSvn(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Tagged && value.tag === TAG_MIN_SVN)
    malformed(`${WHAT}: a minimum version is no reference value`);
  const svn: unknown = value instanceof Tagged && value.tag === TAG_SVN ? value.value : value;
  return typeof svn === 'number' ? svn : malformed(`${WHAT}: broken version`);
}

function readMeasurement(value: unknown): CorimMeasurement {
  const measurement = mapOf(value, 'measurement');
  const key = measurement.get(0);
  const values = mapOf(measurement.get(1), 'measured values');
  const digests = values.has(2) ? listOf(values.get(2), 'digests') : [];
  const raw = values.get(4);
  const rawBytes: unknown = raw instanceof Tagged && raw.tag === TAG_BYTES ? raw.value : raw;
  const svn = readSvn(values.get(1));
  return {
    ...(key === undefined ? {} : { key: typeof key === 'number' ? key : identifierOf(key, 'measurement key') }),
    digests: digests.map((item) => {
      const [algorithm, digest, ...rest] = listOf(item, 'digest');
      if (!(digest instanceof Uint8Array) || rest.length > 0) malformed(`${WHAT}: broken digest`);
      const name = typeof algorithm === 'number' ? HASHES[algorithm] : algorithm;
      return { algorithm: textOf(name, 'digest algorithm'), value: toHex(digest) };
    }),
    ...(rawBytes === undefined
      ? {}
      : { rawValue: rawBytes instanceof Uint8Array ? toHex(rawBytes) : malformed(`${WHAT}: broken raw value`) }),
    ...(svn === undefined ? {} : { svn }),
    conditions: [...values.keys()].filter((name) => !PLAIN_VALUES.has(name)).map(String),
  };
}

function readComid(bytes: Uint8Array): Comid {
  const comid = mapOf(decodeCbor(bytes, `${WHAT}, CoMID`), 'CoMID');
  const identity = mapOf(comid.get(1), 'tag identity');
  const triples = mapOf(comid.get(4), 'triples');
  const references = triples.has(0) ? listOf(triples.get(0), 'reference triples') : [];
  const entities = comid.has(2) ? listOf(comid.get(2), 'entities') : [];
  return {
    ...(comid.has(0) ? { language: textOf(comid.get(0), 'language') } : {}),
    id: identifierOf(identity.get(0), 'tag id'),
    entities: entities.map((item) => {
      const entity = mapOf(item, 'entity');
      const uri = entity.get(1);
      return {
        name: textOf(entity.get(0), 'entity name'),
        ...(uri === undefined ? {} : { uri: textOf(uri instanceof Tagged ? uri.value : uri, 'entity address') }),
        roles: listOf(entity.get(2), 'roles').map((role) =>
          typeof role === 'number' ? role : malformed(`${WHAT}: role`),
        ),
      };
    }),
    references: references.map((item) => {
      const [environment, measurements, ...rest] = listOf(item, 'reference triple');
      if (rest.length > 0) malformed(`${WHAT}: broken reference triple`);
      return {
        environment: readEnvironment(environment),
        measurements: listOf(measurements, 'measurements').map(readMeasurement),
      };
    }),
  };
}

/**
 * Reads the signer's statement about its signature, of which the time matters here. [CoRIM] §4.2.1 corim-meta-map
 * @throws {AttestationError} `attestation/malformed`.
 */
export function decodeCorimMeta(bytes: Uint8Array): Pick<Corim, 'notBefore' | 'notAfter'> {
  return readValidity(mapOf(decodeCbor(bytes, `${WHAT}, signer's statement`), 'signer’s statement').get(1));
}

function readValidity(value: unknown): Pick<Corim, 'notBefore' | 'notAfter'> {
  if (value === undefined) return {};
  const validity = mapOf(value, 'validity');
  const [notBefore, notAfter] = [timeOf(validity.get(0)), timeOf(validity.get(1))];
  return { ...(notBefore === undefined ? {} : { notBefore }), ...(notAfter === undefined ? {} : { notAfter }) };
}

/** Epoch times are tag 1. */
function timeOf(value: unknown): Date | undefined {
  if (value === undefined) return undefined;
  const seconds: unknown = value instanceof Tagged && value.tag === 1 ? value.value : undefined;
  if (typeof seconds !== 'number' || Math.abs(seconds) > 8.64e12) malformed(`${WHAT}: broken time`);
  return new Date(seconds * 1000);
}

/**
 * Decodes an unsigned manifest.
 * @throws {AttestationError} `attestation/malformed`.
 */
export function decodeCorim(bytes: Uint8Array): Corim {
  const outer = decodeCbor(bytes, WHAT);
  if (!(outer instanceof Tagged) || outer.tag !== TAG_CORIM) malformed(`${WHAT}: tag ${TAG_CORIM} expected`);
  const corim = mapOf(outer.value, 'manifest');
  const comids: Comid[] = [];
  for (const tag of listOf(corim.get(1), 'tags')) {
    if (!(tag instanceof Tagged)) malformed(`${WHAT}: a tag without its number`);
    // CoSWID (505) and others carry no reference values of environments.
    if (tag.tag !== TAG_COMID) continue;
    const inner: unknown = tag.value;
    if (!(inner instanceof Uint8Array)) malformed(`${WHAT}: CoMID is no byte string`);
    comids.push(readComid(inner));
  }
  return {
    id: identifierOf(corim.get(0), 'id'),
    ...readValidity(corim.get(4)),
    comids,
  };
}

/** The register that a measurement speaks of. */
function registerOf({ key }: CorimMeasurement): string {
  if (typeof key === 'number') return AMD_KEYS[key] ?? `pcr${key}`;
  return key ?? 'measurement';
}

/** What a triple demands beyond registers: a version, flags, one device, a group. */
function conditionsOf({ environment, measurements }: CorimReference): readonly string[] {
  return [
    ...measurements.flatMap(({ svn, conditions }) => [...(svn === undefined ? [] : [`svn ${svn}`]), ...conditions]),
    ...(environment.instance === undefined ? [] : [`instance ${environment.instance}`]),
    ...(environment.grouped === true ? ['group'] : []),
  ];
}

/**
 * Turns a manifest into reference values. Each triple is one accepted state. A triple that demands more than values of
 * registers is kept, so that it can be shown, and never matches.
 */
export function referenceValuesOfCorim(corim: Corim): ReferenceValues {
  const entries = corim.comids.flatMap(({ references }) =>
    references.map((reference): ReferenceEntry => {
      const { environment, measurements } = reference;
      const conditions = conditionsOf(reference);
      const registers: Record<string, readonly string[]> = {};
      for (const measurement of measurements) {
        const values = measurement.digests.map(({ value }) => value);
        if (measurement.rawValue !== undefined) values.push(measurement.rawValue);
        // Two statements about one register in one triple are alternatives of it.
        const register = registerOf(measurement);
        registers[register] = [...(registers[register] ?? []), ...values];
      }
      return {
        description: [environment.vendor, environment.model].filter(Boolean).join(' '),
        measurements: conditions.length === 0 ? registers : { ...registers, [UNJUDGED]: conditions },
      };
    }),
  );
  const { id, notBefore, notAfter } = corim;
  return { id, ...(notBefore ? { notBefore } : {}), ...(notAfter ? { notAfter } : {}), entries };
}
