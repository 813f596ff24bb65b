/**
 * The gate in front of the ASN.1 library: what it lets through is DER, the one encoding of its value. [X.690] §8, §10, §11
 *
 * `@peculiar/asn1-schema` reads BER, where a value has many encodings, and passes over elements that a type does not
 * name. So two things are asked of every input: each element of it is canonical in itself, and the library's encoding of
 * what it read is the input again. With both, no byte can be changed without changing the value.
 *
 * @module
 */

import { AsnConvert, AsnProp, AsnType, AsnTypeTypes } from '@peculiar/asn1-schema';

import { equalBytes } from '../../../foundations/crypto/index.ts';
import { malformed } from '../errors.ts';

/** A class that describes an ASN.1 type to the library. */
type AsnClass<T> = new () => T;

const MAX_BYTES = 16_384;
/** A certificate is seven deep; values inside of OCTET STRINGs are decoded by themselves. */
const MAX_DEPTH = 16;
const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  null: 5,
  oid: 6,
  enumerated: 10,
  sequence: 16,
  set: 17,
  utcTime: 23,
  generalizedTime: 24,
} as const;
/** YYMMDDHHMMSSZ and YYYYMMDDHHMMSSZ, without fractions. [RFC5280] §4.1.2.5 */
const TIME_BYTES = { utc: 13, generalized: 15 } as const;

/** Checks the content of a primitive universal type. */
function assertPrimitive(type: number, content: Uint8Array, what: string): void {
  const [first, second] = content;
  const last = content.at(-1);
  switch (type) {
    case TAG.boolean:
      if (content.length !== 1 || (first !== 0 && first !== 0xff)) malformed(`${what}: not a DER BOOLEAN`);
      break;
    case TAG.integer:
    case TAG.enumerated:
      if (first === undefined) malformed(`${what}: empty INTEGER`);
      if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
        malformed(`${what}: INTEGER is not minimal`);
      }
      break;
    case TAG.bitString:
      if (first === undefined || first > 7 || (content.length === 1 && first !== 0))
        malformed(`${what}: broken BIT STRING`);
      if (((last as number) & ((1 << first) - 1)) !== 0 && content.length > 1)
        malformed(`${what}: unused bits are set`);
      break;
    case TAG.null:
      if (first !== undefined) malformed(`${what}: NULL with a content`);
      break;
    case TAG.oid:
      if (last === undefined || last >= 0x80 || content.length > 32) malformed(`${what}: broken OBJECT IDENTIFIER`);
      if (content.some((byte, index) => byte === 0x80 && (content[index - 1] ?? 0) < 0x80)) {
        malformed(`${what}: OBJECT IDENTIFIER is not minimal`);
      }
      break;
    case TAG.utcTime:
    case TAG.generalizedTime:
      if (content.length !== (type === TAG.utcTime ? TIME_BYTES.utc : TIME_BYTES.generalized)) {
        malformed(`${what}: broken time`);
      }
      break;
    default:
  }
}

/** Where the first element of `bytes` has its content and its end. @throws {AttestationError} when its header is not DER. */
function readHeader(bytes: Uint8Array, what: string): { readonly start: number; readonly end: number } {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) malformed(`${what}: truncated DER element`);
  if ((tag & 0x1f) === 0x1f) malformed(`${what}: multi-byte DER tag`);
  let length = first;
  let start = 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) malformed(`${what}: indefinite or oversized DER length`);
    start += count;
    if (start > bytes.length) malformed(`${what}: truncated DER length`);
    length = 0;
    for (let index = 2; index < start; index += 1) length = length * 256 + (bytes[index] as number);
    if (length < 0x80 || length < 256 ** (count - 1)) malformed(`${what}: DER length is not minimal`);
  }
  if (start + length > bytes.length) malformed(`${what}: DER element runs past the end`);
  return { start, end: start + length };
}

/** Checks the element at the start of `bytes`. @returns the bytes behind it. */
function assertElement(bytes: Uint8Array, depth: number, what: string): Uint8Array {
  if (depth > MAX_DEPTH) malformed(`${what}: nested more than ${MAX_DEPTH} deep`);
  const { start, end } = readHeader(bytes, what);
  const tag = bytes[0] as number;
  const type = tag & 0x1f;
  const constructed = (tag & 0x20) !== 0;
  if (tag < 0x40 && constructed !== (type === TAG.sequence || type === TAG.set)) {
    malformed(`${what}: DER tag 0x${tag.toString(16)} is ${constructed ? 'constructed' : 'primitive'}`);
  }
  const content = bytes.subarray(start, end);
  if (constructed) {
    for (let rest = content; rest.length > 0;) rest = assertElement(rest, depth + 1, what);
  } else if (tag < 0x40) assertPrimitive(type, content, what);
  return bytes.subarray(end);
}

/** @throws {AttestationError} `attestation/malformed` unless `bytes` are one canonical element. */
export function assertDer(bytes: Uint8Array, what: string): void {
  const rest = assertElement(bytes, 0, what);
  if (rest.length > 0) malformed(`${what}: ${rest.length} trailing bytes`);
}

/** Lists the elements inside of a decoded SEQUENCE as they stand: what signatures cover and names are compared by. */
export function elementsOf(sequence: Uint8Array): readonly Uint8Array[] {
  const elements: Uint8Array[] = [];
  for (let rest = sequence.subarray(readHeader(sequence, 'sequence').start); rest.length > 0;) {
    const { end } = readHeader(rest, 'element');
    elements.push(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  return elements;
}

/**
 * Decodes one value that fills `bytes`.
 * @param type - a class of `@peculiar/asn1-x509`, or of our own by {@link describeSequence} and {@link describeChoice}.
 * @param what - what it is, for messages.
 * @throws {AttestationError} `attestation/malformed` unless `bytes` are the DER of a value of that type.
 */
export function decodeDer<T extends object>(
  bytes: Uint8Array,
  type: AsnClass<T>,
  what: string,
  { maxBytes = MAX_BYTES }: { readonly maxBytes?: number } = {},
): T {
  if (bytes.length > maxBytes) malformed(`${what}: longer than ${maxBytes} bytes`);
  assertDer(bytes, what);
  let value: T;
  let encoded: Uint8Array;
  try {
    // No element is shorter than two bytes: a bound on the bytes is one on the elements.
    value = AsnConvert.parse(bytes, type, { berOptions: { maxNodes: bytes.length } });
    encoded = new Uint8Array(AsnConvert.serialize(value));
  } catch (cause) {
    return malformed(`${what}: not of its ASN.1 type`, cause);
  }
  if (!equalBytes(encoded, bytes)) malformed(`${what}: not the DER of its ASN.1 type`);
  return value;
}

type Fields<T> = Readonly<Record<keyof T & string, Parameters<typeof AsnProp>[0]>>;

/** Describes a SEQUENCE to the library, as its decorators do, which are no erasable TypeScript. */
export function describeSequence<T extends object>(type: AsnClass<T>, fields: Fields<T>): void {
  for (const [name, field] of Object.entries(fields))
    AsnProp(field as Parameters<typeof AsnProp>[0])(type.prototype, name);
}

/** Describes a CHOICE. */
export function describeChoice<T extends object>(type: AsnClass<T>, fields: Fields<T>): void {
  describeSequence(type, fields);
  AsnType({ type: AsnTypeTypes.Choice })(type);
}
