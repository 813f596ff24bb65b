/**
 * The SGX extension of Intel's PCK certificates: which platform is certified, at which TCB. [IntelPCK] §1.3
 *
 * @module
 */

import { toHex } from '../../../foundations/crypto/index.ts';
import { malformed } from '../errors.ts';
import type { Certificate } from '../x509/certificate.ts';
import { type DerNode, expectTag, oidOf, readDer, sequenceOf, smallInteger, TAG } from '../x509/der.ts';

const SGX = '1.2.840.113741.1.13.1';
const COMPONENTS = 16;

/** What a PCK certificate says about its platform. */
export interface PckPlatform {
  /** Family of platforms, 6 bytes in hexadecimal: names the TCB info to compare with. */
  readonly fmspc: string;
  readonly pceId: string;
  readonly cpuSvn: string;
  readonly pceSvn: number;
  /** The sixteen component versions. */
  readonly components: readonly number[];
}

function readPairs(node: DerNode | undefined, what: string): ReadonlyMap<string, DerNode> {
  const pairs = new Map<string, DerNode>();
  for (const pair of sequenceOf(node, what)) {
    const [oid, value, ...rest] = sequenceOf(pair, what);
    const name = oidOf(oid, what);
    if (value === undefined || rest.length > 0 || pairs.has(name)) malformed(`${what}: broken pair ${name}`);
    pairs.set(name, value);
  }
  return pairs;
}

/** Reads the extension. @throws {AttestationError} `attestation/malformed` when it is missing or broken. */
export function readPckPlatform(certificate: Certificate): PckPlatform {
  const what = 'PCK certificate, SGX extension';
  const extension = certificate.extensions.get(SGX);
  if (extension === undefined) malformed(`${what} is missing`);
  const pairs = readPairs(readDer(extension.value, what), what);
  const octets = (source: ReadonlyMap<string, DerNode>, oid: string, sizeBytes: number): string => {
    const { content } = expectTag(source.get(oid), TAG.octetString, `${what} ${oid}`);
    if (content.length !== sizeBytes) malformed(`${what} ${oid}: ${sizeBytes} bytes expected`);
    return toHex(content);
  };
  const tcb = readPairs(pairs.get(`${SGX}.2`), `${what}, TCB`);
  return {
    fmspc: octets(pairs, `${SGX}.4`, 6),
    pceId: octets(pairs, `${SGX}.3`, 2),
    cpuSvn: octets(tcb, `${SGX}.2.18`, 16),
    pceSvn: smallInteger(tcb.get(`${SGX}.2.17`), `${what}, PCE version`),
    components: Array.from({ length: COMPONENTS }, (_, index) =>
      smallInteger(tcb.get(`${SGX}.2.${index + 1}`), `${what}, component ${index + 1}`),
    ),
  };
}
