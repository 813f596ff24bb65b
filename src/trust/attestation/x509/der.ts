/**
 * A strict reader of DER [X.690]: definite, minimal lengths; minimal integers; one encoding for each value.
 *
 * Why not a library: those in reach read BER, where one value has many encodings, so that a flipped byte outside the
 * signed part could pass; and a TDX verification parses nine certificates and two revocation lists, at 1.4 ms each with
 * `@peculiar/asn1-schema` against 0.03 ms here. That library is the oracle of the tests: both must agree on every field.
 *
 * @module
 */

import { malformed } from '../errors.ts';

/** Tags of the types that occur in certificates. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: its identifier byte and where it lies. */
export interface DerNode {
  readonly tag: number;
  /** Header and content. */
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
}

/** Reads the element at `offset`. @throws {AttestationError} `attestation/malformed`. */
function readElement(bytes: Uint8Array, offset: number, what: string): DerNode {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) malformed(`${what}: truncated DER element`);
  if ((tag & 0x1f) === 0x1f) malformed(`${what}: multi-byte DER tag`);
  let length = first;
  let header = 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3) malformed(`${what}: indefinite or oversized DER length`);
    length = 0;
    for (let i = 0; i < count; i += 1) {
      const byte = bytes[offset + 2 + i];
      if (byte === undefined) malformed(`${what}: truncated DER length`);
      length = length * 256 + byte;
    }
    if (length < 0x80 || length < 256 ** (count - 1)) malformed(`${what}: DER length is not minimal`);
    header += count;
  }
  const start = offset + header;
  if (start + length > bytes.length) malformed(`${what}: DER element runs past the end`);
  return { tag, raw: bytes.subarray(offset, start + length), content: bytes.subarray(start, start + length) };
}

/** Reads one element that fills `bytes`. */
export function readDer(bytes: Uint8Array, what: string, tag?: number): DerNode {
  const node = readElement(bytes, 0, what);
  if (node.raw.length !== bytes.length) malformed(`${what}: ${bytes.length - node.raw.length} trailing bytes`);
  if (tag !== undefined) expectTag(node, tag, what);
  return node;
}

/** Lists the elements inside a constructed one. */
export function childrenOf(node: DerNode, what: string): readonly DerNode[] {
  if ((node.tag & 0x20) === 0) malformed(`${what}: constructed DER element expected`);
  const children: DerNode[] = [];
  let offset = 0;
  while (offset < node.content.length) {
    const child = readElement(node.content, offset, what);
    children.push(child);
    offset += child.raw.length;
  }
  return children;
}

/** @throws {AttestationError} when `node` is missing or has another tag. */
export function expectTag(node: DerNode | undefined, tag: number, what: string): DerNode {
  if (node === undefined || node.tag !== tag) {
    malformed(
      `${what}: DER tag 0x${tag.toString(16)} expected, got ${node ? `0x${node.tag.toString(16)}` : 'nothing'}`,
    );
  }
  return node;
}

/** Reads a SEQUENCE's elements. */
export function sequenceOf(node: DerNode | undefined, what: string): readonly DerNode[] {
  return childrenOf(expectTag(node, TAG.sequence, what), what);
}

/** Reads the bytes of an INTEGER (or ENUMERATED): two's complement, minimal. */
export function integerBytes(node: DerNode | undefined, what: string, tag: number = TAG.integer): Uint8Array {
  const { content } = expectTag(node, tag, what);
  const [first, second] = content;
  if (first === undefined) malformed(`${what}: empty INTEGER`);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    malformed(`${what}: INTEGER is not minimal`);
  }
  return content;
}

/** Reads a non-negative INTEGER below 2^32. */
export function smallInteger(node: DerNode | undefined, what: string, tag: number = TAG.integer): number {
  const content = integerBytes(node, what, tag);
  if ((content[0] as number) >= 0x80) malformed(`${what}: INTEGER is negative`);
  if (content.length > 5 || (content.length === 5 && content[0] !== 0)) malformed(`${what}: INTEGER is too large`);
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

/** Reads a BOOLEAN. */
export function booleanOf(node: DerNode | undefined, what: string): boolean {
  const { content } = expectTag(node, TAG.boolean, what);
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) malformed(`${what}: not a DER BOOLEAN`);
  return content[0] === 0xff;
}

/** Reads an OBJECT IDENTIFIER as dotted text. */
export function oidOf(node: DerNode | undefined, what: string): string {
  const { content } = expectTag(node, TAG.oid, what);
  const last = content.at(-1);
  if (last === undefined || last >= 0x80 || content.length > 32) malformed(`${what}: broken OBJECT IDENTIFIER`);
  const arcs: number[] = [];
  let value = 0;
  let fresh = true;
  for (const byte of content) {
    if (fresh && byte === 0x80) malformed(`${what}: OBJECT IDENTIFIER is not minimal`);
    value = value * 128 + (byte & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER / 128) malformed(`${what}: OBJECT IDENTIFIER is too large`);
    fresh = byte < 0x80;
    if (fresh) {
      arcs.push(value);
      value = 0;
    }
  }
  const head = arcs[0] as number;
  const top = Math.min(Math.floor(head / 40), 2);
  return [top, head - 40 * top, ...arcs.slice(1)].join('.');
}

/** Reads a BIT STRING that is a whole number of bytes. */
export function bitStringBytes(node: DerNode | undefined, what: string): Uint8Array {
  const { content } = expectTag(node, TAG.bitString, what);
  if (content[0] !== 0) malformed(`${what}: BIT STRING of whole bytes expected`);
  return content.subarray(1);
}

/** Reads the named bits of a BIT STRING (key usage): bit 0 is the first. */
export function namedBits(node: DerNode | undefined, what: string): ReadonlySet<number> {
  const { content } = expectTag(node, TAG.bitString, what);
  const unused = content[0];
  const bytes = content.subarray(1);
  if (unused === undefined || unused > 7 || (bytes.length === 0 && unused !== 0))
    malformed(`${what}: broken BIT STRING`);
  const bits = new Set<number>();
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const set = ((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0;
    if (set && bit >= 8 * bytes.length - unused) malformed(`${what}: unused bits are set`);
    if (set) bits.add(bit);
  }
  return bits;
}

const UTC_TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;

/** Reads a UTCTime or GeneralizedTime in the forms of [RFC5280] §4.1.2.5. */
export function timeOf(node: DerNode | undefined, what: string): Date {
  if (node === undefined) malformed(`${what}: time expected`);
  const text = String.fromCharCode(...node.content.subarray(0, 20));
  const match = node.tag === TAG.utcTime ? UTC_TIME.exec(text) : GENERALIZED_TIME.exec(text);
  if ((node.tag !== TAG.utcTime && node.tag !== TAG.generalizedTime) || match === null)
    malformed(`${what}: broken time`);
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const full = node.tag === TAG.utcTime ? (year < 50 ? 2000 + year : 1900 + year) : year;
  const time = new Date(Date.UTC(full, month - 1, day, hour, minute, second));
  // Date.UTC rolls 31 June over; a time that changes on the way is no time.
  if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
    malformed(`${what}: no such time`);
  }
  return time;
}

/** Reads any of the string types as text. */
export function stringOf(node: DerNode | undefined, what: string): string {
  if (node === undefined) malformed(`${what}: string expected`);
  switch (node.tag) {
    case TAG.utf8String:
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.teletexString:
      return new TextDecoder().decode(node.content);
    default:
      return malformed(`${what}: string type 0x${node.tag.toString(16)} is not supported`);
  }
}
