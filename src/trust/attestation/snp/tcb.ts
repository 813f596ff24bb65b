/**
 * The version numbers inside AMD's TCB_VERSION, whose layout changed with the line Turin. [AMD56860] §2.2
 *
 * @module
 */

import { fromHex } from '../../../foundations/crypto/index.ts';
import { AttestationError } from '../errors.ts';
import type { AmdProductLine } from '../roots/amd.ts';

/** Security version numbers of the platform's firmware parts. `fmc` exists from Turin on. */
export interface SnpTcb {
  readonly fmc?: number;
  readonly bootLoader: number;
  readonly tee: number;
  readonly snp: number;
  readonly microcode: number;
}

/** Splits the eight bytes of a TCB_VERSION. @throws {AttestationError} when reserved bytes are set. */
export function splitSnpTcb(tcb: string, line: AmdProductLine): SnpTcb {
  const bytes = fromHex(tcb) as unknown as [number, number, number, number, number, number, number, number];
  const reserved = line === 'Turin' ? bytes[4] | bytes[5] | bytes[6] : bytes[2] | bytes[3] | bytes[4] | bytes[5];
  if (reserved !== 0) throw new AttestationError('attestation/malformed', `SNP report: TCB ${tcb} has reserved parts`);
  return line === 'Turin'
    ? { fmc: bytes[0], bootLoader: bytes[1], tee: bytes[2], snp: bytes[3], microcode: bytes[7] }
    : { bootLoader: bytes[0], tee: bytes[1], snp: bytes[6], microcode: bytes[7] };
}

/** Whether every part of `left` is at least that of `right`. */
export function coversSnpTcb(left: SnpTcb, right: SnpTcb): boolean {
  return (
    (left.fmc ?? 0) >= (right.fmc ?? 0) &&
    left.bootLoader >= right.bootLoader &&
    left.tee >= right.tee &&
    left.snp >= right.snp &&
    left.microcode >= right.microcode
  );
}

/** The product line of a CPUID family and model. [AMD57230] */
export function lineOfCpuid({
  family,
  model,
}: {
  readonly family: number;
  readonly model: number;
}): AmdProductLine | undefined {
  if (family === 0x19 && model <= 0x0f) return 'Milan';
  // 0x10–0x1f Genoa, 0xa0–0xaf Bergamo and Siena, which share the root.
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf))) return 'Genoa';
  if (family === 0x1a && model <= 0x1f) return 'Turin';
  return undefined;
}
