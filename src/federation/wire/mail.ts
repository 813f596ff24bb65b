/**
 * Messages for one participant as a binary body: for each, its cursor and length as 32-bit little-endian words, then
 * its bytes.
 *
 * @module
 */

import { WireError } from './errors.ts';

/** One message with the cursor that asks for what comes after it. */
export interface MailFrame {
  readonly cursor: number;
  readonly bytes: Uint8Array;
}

/** Encodes messages. */
export function encodeMail(mail: readonly MailFrame[]): Uint8Array {
  const out = new Uint8Array(mail.reduce((size, { bytes }) => size + 8 + bytes.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { cursor, bytes } of mail) {
    view.setUint32(at, cursor, true);
    view.setUint32(at + 4, bytes.length, true);
    out.set(bytes, at + 8);
    at += 8 + bytes.length;
  }
  return out;
}

/** Decodes messages. @throws {@link WireError} `wire/malformed` when a frame is cut. */
export function decodeMail(body: Uint8Array): MailFrame[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const mail: MailFrame[] = [];
  for (let at = 0; at < body.length;) {
    if (at + 8 > body.length) throw new WireError('wire/malformed', 'a mail frame is cut');
    const cursor = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (at + 8 + length > body.length) throw new WireError('wire/malformed', 'a mail frame is cut');
    mail.push({ cursor, bytes: body.slice(at + 8, at + 8 + length) });
    at += 8 + length;
  }
  return mail;
}
