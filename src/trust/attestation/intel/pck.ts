/**
 * The SGX extension of Intel's PCK certificates: which platform is certified, at which TCB. [IntelPCK] §1.3
 *
 * @module
 */

import { AsnArray, AsnPropTypes, AsnType, AsnTypeTypes, OctetString } from '@peculiar/asn1-schema';

import { toHex } from '../../../foundations/crypto/index.ts';
import { malformed } from '../errors.ts';
import type { Certificate } from '../x509/certificate.ts';
import { decodeDer, describeChoice, describeSequence } from '../x509/der.ts';

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

/** The extension is a list of pairs, nested once: the TCB is a pair whose value is a list. */
class SgxPairs extends AsnArray<SgxPair> {}
class SgxValue {
  integer: number | undefined;
  octets: OctetString | undefined;
  enumerated: number | undefined;
  boolean: boolean | undefined;
  pairs: SgxPairs | undefined;
}
class SgxPair {
  name = '';
  value = new SgxValue();
}
describeChoice(SgxValue, {
  integer: { type: AsnPropTypes.Integer },
  octets: { type: OctetString },
  enumerated: { type: AsnPropTypes.Enumerated },
  boolean: { type: AsnPropTypes.Boolean },
  pairs: { type: SgxPairs },
});
describeSequence(SgxPair, { name: { type: AsnPropTypes.ObjectIdentifier }, value: { type: SgxValue } });
AsnType({ type: AsnTypeTypes.Sequence, itemType: SgxPair })(SgxPairs);

function indexPairs(pairs: SgxPairs | undefined, what: string): ReadonlyMap<string, SgxValue> {
  const byName = new Map((pairs ?? []).map(({ name, value }) => [name, value]));
  if (pairs === undefined || byName.size !== pairs.length) malformed(`${what}: missing, or with a repeated pair`);
  return byName;
}

/** Reads the extension. @throws {AttestationError} `attestation/malformed` when it is missing or broken. */
export function readPckPlatform(certificate: Certificate): PckPlatform {
  const what = 'PCK certificate, SGX extension';
  const extension = certificate.extensions.get(SGX);
  if (extension === undefined) malformed(`${what} is missing`);
  const pairs = indexPairs(decodeDer(extension.value, SgxPairs, what), what);
  const tcb = indexPairs(pairs.get(`${SGX}.2`)?.pairs, `${what}, TCB`);
  const octets = (source: ReadonlyMap<string, SgxValue>, oid: string, sizeBytes: number): string => {
    const bytes = source.get(oid)?.octets?.buffer;
    if (bytes?.byteLength !== sizeBytes) malformed(`${what} ${oid}: ${sizeBytes} bytes expected`);
    return toHex(new Uint8Array(bytes));
  };
  const version = (oid: string): number => {
    const integer = tcb.get(oid)?.integer;
    // The library gives integers of more than three bytes as text.
    if (typeof integer !== 'number' || integer < 0) malformed(`${what} ${oid}: small number expected`);
    return integer;
  };
  return {
    fmspc: octets(pairs, `${SGX}.4`, 6),
    pceId: octets(pairs, `${SGX}.3`, 2),
    cpuSvn: octets(tcb, `${SGX}.2.18`, 16),
    pceSvn: version(`${SGX}.2.17`),
    components: Array.from({ length: COMPONENTS }, (_, index) => version(`${SGX}.2.${index + 1}`)),
  };
}
