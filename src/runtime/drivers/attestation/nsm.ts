/**
 * Evidence from `/dev/nsm`, the security module of AWS Nitro Enclaves: CBOR in, CBOR out, through one control call.
 * Structures of the kernel's `linux/nsm.h`; messages of [AWSNitro].
 *
 * @module
 */

import { decode, encode } from 'cborg';

import { AttestationError, type EvidenceSource } from '../../../trust/attestation/index.ts';
import { assertDone, createPerlIoctlPort, type IoctlPort } from './ioctl.ts';

// _IOWR(0x0a, 0, struct nsm_raw), 32 bytes.
export const NSM_IOCTL_RAW = 0xc020_0a00;
const RESPONSE_BYTES = 0x3000;

/** Options of the device. */
export interface NsmOptions {
  readonly device?: string;
  readonly port?: IoctlPort;
}

/** struct nsm_raw: address and length of the request, then of the response. */
function writeArgument(requestBytes: number): Uint8Array {
  const argument = new Uint8Array(32);
  const view = new DataView(argument.buffer);
  view.setBigUint64(8, BigInt(requestBytes), true);
  view.setBigUint64(24, BigInt(RESPONSE_BYTES), true);
  return argument;
}

function readDocument(response: Uint8Array, device: string): Uint8Array {
  let message: unknown;
  try {
    message = decode(response, { useMaps: true });
  } catch (cause) {
    throw new AttestationError('attestation/device-failed', `${device}: the answer is not CBOR`, { cause });
  }
  const answer: unknown = message instanceof Map ? message.get('Attestation') : undefined;
  const document: unknown = answer instanceof Map ? answer.get('document') : undefined;
  if (document instanceof Uint8Array) return document;
  const error: unknown = message instanceof Map ? message.get('Error') : message;
  throw new AttestationError(
    'attestation/device-failed',
    `${device}: ${typeof error === 'string' ? error : 'no document'}`,
  );
}

/** Creates a source of evidence on the device. */
export function createNsmSource({
  device = '/dev/nsm',
  port = createPerlIoctlPort(),
}: NsmOptions = {}): EvidenceSource {
  return async ({ reportData, binding }) => {
    const { nonce, publicKey } = binding;
    const request = encode({ Attestation: { user_data: reportData, nonce, public_key: publicKey } });
    const answer = await port({
      device,
      code: NSM_IOCTL_RAW,
      argument: writeArgument(request.length),
      buffers: [request, new Uint8Array(RESPONSE_BYTES)],
      pointers: [
        { into: 'argument', offset: 0, to: 0 },
        { into: 'argument', offset: 16, to: 1 },
      ],
    });
    assertDone(answer, { device });
    const view = new DataView(answer.argument.buffer, answer.argument.byteOffset, answer.argument.byteLength);
    const length = Number(view.getBigUint64(24, true));
    if (length > RESPONSE_BYTES) throw new AttestationError('attestation/device-failed', `${device}: answer too long`);
    return { kind: 'nitro', document: readDocument((answer.buffers[1] as Uint8Array).slice(0, length), device) };
  };
}
