import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fromHex } from '../../../foundations/crypto/index.ts';
import { createDateShifter } from './date-shift.ts';
import { createFf1, FF1_ALPHANUMERIC } from './ff1.ts';
import { createTokenizer, derivePurposeKey } from './tokens.ts';

const KEY = '2b7e151628aed2a6abf7158809cf4f3c';
const KEY192 = `${KEY}ef4359d8d580aa4f`;
const KEY256 = `${KEY192}7f036d6f04fc6a94`;
const TWEAK = '39383736353433323130';
const LONG_TWEAK = '3737373770717273373737';

describe('FF1', () => {
  // NIST, FF1samples.pdf (SP 800-38G), samples 1 to 9: key, radix, tweak, plaintext, ciphertext.
  it.each([
    [KEY, 10, '', '0123456789', '2433477484'],
    [KEY, 10, TWEAK, '0123456789', '6124200773'],
    [KEY, 36, LONG_TWEAK, '0123456789abcdefghi', 'a9tv40mll9kdu509eum'],
    [KEY192, 10, '', '0123456789', '2830668132'],
    [KEY192, 10, TWEAK, '0123456789', '2496655549'],
    [KEY192, 36, LONG_TWEAK, '0123456789abcdefghi', 'xbj3kv35jrawxv32ysr'],
    [KEY256, 10, '', '0123456789', '6657667009'],
    [KEY256, 10, TWEAK, '0123456789', '1001623463'],
    [KEY256, 36, LONG_TWEAK, '0123456789abcdefghi', 'xs8a0azh2avyalyzuwd'],
  ])('gives what NIST gives: key %s, radix %i, tweak %s', (key, radix, tweak, plain, cipher) => {
    const alphabet = FF1_ALPHANUMERIC.slice(0, radix);
    const ff1 = createFf1(fromHex(key), { alphabet, tweak: fromHex(tweak) });
    expect(ff1.encrypt(plain)).toBe(cipher);
    expect(ff1.decrypt(cipher)).toBe(plain);
  });

  it('keeps length and alphabet, and turns back, for any length, alphabet and tweak', () => {
    const text = fc.integer({ min: 2, max: 60 }).chain((radix) => {
      const alphabet = Array.from({ length: radix }, (_, i) => String.fromCodePoint(0x1f600 + i));
      return fc.record({
        alphabet: fc.constant(alphabet.join('')),
        value: fc.array(fc.constantFrom(...alphabet), { minLength: 20, maxLength: 45 }).map((list) => list.join('')),
        tweak: fc.uint8Array({ maxLength: 20 }),
      });
    });
    fc.assert(
      fc.property(text, ({ alphabet, value, tweak }) => {
        const ff1 = createFf1(fromHex(KEY256), { alphabet, tweak });
        const cipher = ff1.encrypt(value);
        return Array.from(cipher).length === Array.from(value).length && ff1.decrypt(cipher) === value;
      }),
      { numRuns: 60 },
    );
  });

  it('is a permutation of the six-digit numbers', () => {
    const ff1 = createFf1(fromHex(KEY));
    const seen = new Set<string>();
    for (let i = 0; i < 3000; i += 1) seen.add(ff1.encrypt(String(i).padStart(6, '0')));
    expect(seen.size).toBe(3000);
  });

  it('refuses short texts, foreign characters and wrong keys', () => {
    const ff1 = createFf1(fromHex(KEY));
    expect(() => ff1.encrypt('12345')).toThrowError(expect.objectContaining({ code: 'preparation/not-in-domain' }));
    expect(() => ff1.encrypt('12345a')).toThrowError(expect.objectContaining({ code: 'preparation/not-in-domain' }));
    expect(() => createFf1(new Uint8Array(8))).toThrowError(expect.objectContaining({ code: 'preparation/key' }));
  });
});

describe('tokens', () => {
  const master = new Uint8Array(32).fill(7);

  it('are the same for the same value and purpose, and unrelated between purposes', () => {
    const research = createTokenizer(derivePurposeKey(master, 'research'));
    const billing = createTokenizer(derivePurposeKey(master, 'billing'));
    expect(research('patient-1')).toBe(research('patient-1'));
    expect(research('patient-1')).not.toBe(research('patient-2'));
    expect(research('patient-1')).not.toBe(billing('patient-1'));
    expect(research('patient-1')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('do not depend on how an accent is encoded', () => {
    const token = createTokenizer(derivePurposeKey(master, 'research'));
    expect(token('Zo\u00eb')).toBe(token('Zoe\u0308'));
  });

  it('need a purpose and a key', () => {
    expect(() => derivePurposeKey(master, ' ')).toThrowError(expect.objectContaining({ code: 'preparation/key' }));
    expect(() => derivePurposeKey(new Uint8Array(3), 'a')).toThrowError(
      expect.objectContaining({ code: 'preparation/key' }),
    );
  });
});

describe('shifted dates', () => {
  const shift = createDateShifter(new Uint8Array(32).fill(1), { maxDays: 30 });
  const days = (from: string, to: string): number =>
    (Date.parse(to.slice(0, 10)) - Date.parse(from.slice(0, 10))) / 86_400_000;

  it('move by up to 30 days, never by none, and keep distances within a person', () => {
    const shifts = new Set<number>();
    for (let person = 0; person < 600; person += 1) {
      const first = shift('2024-02-29', `p${person}`);
      const second = shift('2024-12-31T10:00:00Z', `p${person}`);
      shifts.add(days('2024-02-29', first));
      expect(days(first, second)).toBe(306);
      expect(second.slice(10)).toBe('T10:00:00Z');
    }
    expect(Math.min(...shifts)).toBe(-30);
    expect(Math.max(...shifts)).toBe(30);
    expect(shifts.has(0)).toBe(false);
    expect(shifts.size).toBe(60);
  });

  it('refuse what is no date', () => {
    for (const text of ['2024-02-30', '24-01-01', '', '2024-01-01x']) {
      expect(() => shift(text, 'p')).toThrowError(expect.objectContaining({ code: 'preparation/not-in-domain' }));
    }
  });
});
