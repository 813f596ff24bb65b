/**
 * age's own test vectors [CCTV]: what must open opens to the right bytes, everything else is refused with our code.
 */
import { inflateSync } from 'node:zlib';

import { armor } from 'age-encryption';
import * as vectors from 'cctv-age';
import { describe, expect, it } from 'vitest';

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { openSeal } from './index.ts';

interface Vector {
  readonly expect: string;
  readonly payload: string | undefined;
  readonly identities: readonly string[];
  readonly passphrase: string | undefined;
  readonly armored: boolean;
  readonly file: Uint8Array;
}

function parse(bytes: Uint8Array): Vector {
  const text = new TextDecoder('latin1').decode(bytes);
  const end = text.indexOf('\n\n');
  const fields = text
    .slice(0, end)
    .split('\n')
    .map((line) => line.split(': ') as [string, string]);
  const field = (name: string): string | undefined => fields.find(([key]) => key === name)?.[1];
  const body = bytes.subarray(end + 2);
  return {
    expect: field('expect') ?? '',
    payload: field('payload'),
    identities: fields.filter(([key]) => key === 'identity').map(([, value]) => value),
    passphrase: field('passphrase'),
    armored: field('armored') === 'yes',
    file: field('compressed') === 'zlib' ? new Uint8Array(inflateSync(body)) : body,
  };
}

const all = Object.entries((vectors as unknown as { default?: Record<string, Uint8Array> }).default ?? vectors).filter(
  ([, bytes]) => bytes instanceof Uint8Array,
);

describe('age test vectors', () => {
  it('are all there', () => {
    expect(all.length).toBeGreaterThanOrEqual(143);
  });

  it.each(all)('%s', async (_, bytes) => {
    const vector = parse(bytes);
    const open = async (): Promise<Uint8Array> => {
      const file = vector.armored ? armor.decode(new TextDecoder('latin1').decode(vector.file)) : vector.file;
      return openSeal(file, {
        identities: vector.identities,
        ...(vector.passphrase === undefined ? {} : { passphrase: vector.passphrase }),
      });
    };
    if (vector.expect === 'success') {
      expect(toHex(sha256(await open()))).toBe(vector.payload);
      return;
    }
    if (vector.armored) await expect(open()).rejects.toThrow();
    else await expect(open()).rejects.toMatchObject({ code: expect.stringMatching(/^package\//) as string });
  });
});
