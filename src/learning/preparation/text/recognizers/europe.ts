/**
 * Identifiers of Spain, Italy, Finland, Poland, Sweden and Turkey.
 *
 * @module
 */

import { compact, digitsOf, isDay, isLuhn, weightedSum } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const NIF_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE';

const ES_NIF: Recognizer = {
  type: 'ES_NIF',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])\d{7,8}[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z](?![A-Za-z0-9])/g, score: 0.3, confirmed: 0.9 },
  ],
  check(text) {
    const plain = compact(text);
    return NIF_LETTERS[Number(plain.slice(0, -1)) % 23] === plain.at(-1);
  },
  context: ['dni', 'nif', 'documento nacional', 'identificación', 'identificacion fiscal'],
};

const ES_NIE: Recognizer = {
  type: 'ES_NIE',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])[XYZxyz][ -]?\d{7}[ -]?[A-HJ-NP-TV-Za-hj-np-tv-z](?![A-Za-z0-9])/g, score: 0.4 },
  ],
  check(text) {
    const plain = compact(text);
    const number = Number(`${'XYZ'.indexOf(plain[0] as string)}${plain.slice(1, -1)}`);
    return NIF_LETTERS[number % 23] === plain.at(-1);
  },
  context: ['nie', 'número de identidad de extranjero', 'extranjero', 'residencia'],
};

const ES_PASSPORT: Recognizer = {
  type: 'ES_PASSPORT',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[A-Z]{3}\d{6}(?![A-Za-z0-9])/g, score: 0.1 }],
  context: ['pasaporte', 'spanish passport', 'passport', 'viaje'],
};

/** Values of the characters at odd places, in the order of 0–9, A–Z. */
const IT_ODD_VALUES = [
  1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
  25, 24, 23,
];

const IT_FISCAL_CODE: Recognizer = {
  type: 'IT_FISCAL_CODE',
  digits: true,
  patterns: [
    {
      regex:
        /(?<![A-Za-z0-9])[A-Za-z]{6} ?[0-9LMNPQRSTUVlmnpqrstuv]{2}[A-EHLMPRSTa-ehlmprst][0-9LMNPQRSTUVlmnpqrstuv]{2} ?[A-Za-z][0-9LMNPQRSTUVlmnpqrstuv]{3}[A-Za-z](?![A-Za-z0-9])/g,
      score: 0.3,
    },
  ],
  // D.M. 23 December 1976: odd places by table, even places by value, modulo 26.
  check(text) {
    const plain = compact(text);
    let sum = 0;
    for (let i = 0; i < 15; i += 1) {
      const character = plain[i] as string;
      if (i % 2 === 0) sum += IT_ODD_VALUES[Number.parseInt(character, 36)] ?? 0;
      else sum += /\d/.test(character) ? Number(character) : character.charCodeAt(0) - 65;
    }
    return String.fromCharCode(65 + (sum % 26)) === plain[15];
  },
  context: ['codice fiscale', 'cf', 'fiscal code'],
};

const IT_DRIVER: Recognizer = {
  type: 'IT_DRIVER_LICENSE',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])[A-Z]{2}\d{7}[A-Z](?![A-Za-z0-9])/g, score: 0.2 },
    { regex: /(?<![A-Za-z0-9])U1[A-Z0-9]{7}[A-Z](?![A-Za-z0-9])/g, score: 0.25 },
  ],
  context: ['patente', 'patente di guida', 'licenza', "driver's license", 'driving licence', 'driver license'],
};

const IT_IDENTITY: Recognizer = {
  type: 'IT_IDENTITY_CARD',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])C[A-Z]\d{5}[A-Z]{2}(?![A-Za-z0-9])/g, score: 0.4 },
    { regex: /(?<![A-Za-z0-9])(?:[A-Z]{2} ?\d{7}|\d{7}[A-Z]{2})(?![A-Za-z0-9])/g, score: 0.1 },
  ],
  context: [
    "carta d'identità",
    'carta d’identità',
    'carta di identità',
    'carta identità',
    'identità',
    'cie',
    'identity card',
    'documento',
  ],
};

const IT_PASSPORT: Recognizer = {
  type: 'IT_PASSPORT',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[A-Z]{2}\d{7}(?![A-Za-z0-9])/g, score: 0.1 }],
  context: ['passaporto', 'italian passport', 'viaggio', 'dogana'],
};

const IT_VAT: Recognizer = {
  type: 'IT_VAT_CODE',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])IT ?\d{11}(?![\d\w])/g, score: 0.3 },
    { regex: /(?<![\d\w.\-–])\d{11}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.3 },
  ],
  check(text) {
    const digits = digitsOf(text);
    return isLuhn(digits) && digits.some((digit) => digit !== 0);
  },
  context: ['piva', 'partita iva', 'p.iva', 'p. iva', 'vat'],
};

const FI_CODE: Recognizer = {
  type: 'FI_PERSONAL_IDENTITY_CODE',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])\d{6}[+\-A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y](?![A-Za-z0-9])/g, score: 0.4 }],
  check(text) {
    const born = isDay({
      year: Number(text.slice(4, 6)),
      month: Number(text.slice(2, 4)),
      day: Number(text.slice(0, 2)),
    });
    const number = Number(text.slice(0, 6) + text.slice(7, 10));
    return born && '0123456789ABCDEFHJKLMNPRSTUVWXY'[number % 31] === text[10];
  },
  context: ['hetu', 'henkilötunnus', 'personbeteckning', 'personal identity'],
};

const PL_PESEL: Recognizer = {
  type: 'PL_PESEL',
  digits: true,
  patterns: [{ regex: /(?<![\d\w.\-–])\d{11}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.5 }],
  check(text) {
    const digits = digitsOf(text);
    // The century is in the month: +80, +0, +20, +40, +60.
    const month = (Number(text.slice(2, 4)) - 1) % 20;
    const born = isDay({ year: Number(text.slice(0, 2)), month: month + 1, day: Number(text.slice(4, 6)) });
    return born && (10 - (weightedSum(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digits[10];
  },
  context: ['pesel'],
};

const SE_PERSON: Recognizer = {
  type: 'SE_PERSONNUMMER',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])(?:19|20)?\d{6}[-+]\d{4}(?![\d\w]|[.\-–]\d)/g, score: 0.4 },
    { regex: /(?<![\d\w.\-–])(?:19|20)\d{10}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.6 },
    { regex: /(?<![\d\w.\-–])\d{10}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.25 },
  ],
  check(text) {
    const digits = digitsOf(text).slice(-10);
    const day = (digits[4] as number) * 10 + (digits[5] as number);
    // Coordination numbers add 60 to the day.
    const born = isDay({
      year: (digits[0] as number) * 10 + (digits[1] as number),
      month: (digits[2] as number) * 10 + (digits[3] as number),
      day: day > 60 ? day - 60 : day,
    });
    return born && isLuhn(digits);
  },
  context: ['personnummer', 'samordningsnummer', 'personal identity number', 'swedish'],
};

const SE_ORGANISATION: Recognizer = {
  type: 'SE_ORGANISATIONSNUMMER',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])[1-35-9]\d[2-9]\d{3}-\d{4}(?![\d\w]|[.\-–]\d)/g, score: 0.4 },
    { regex: /(?<![\d\w.\-–])[1-35-9]\d[2-9]\d{7}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.2 },
  ],
  check: (text) => isLuhn(digitsOf(text)),
  context: ['organisationsnummer', 'org.nr', 'orgnr', 'org nr', 'bolag', 'corporate identity'],
};

const TR_ID: Recognizer = {
  type: 'TR_NATIONAL_ID',
  digits: true,
  patterns: [{ regex: /(?<![\d\w.\-–])[1-9]\d{10}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.6 }],
  check(text) {
    const digits = digitsOf(text);
    const odd = weightedSum(digits, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
    const even = weightedSum(digits, [0, 1, 0, 1, 0, 1, 0, 1]);
    const tenth = (((odd * 7 - even) % 10) + 10) % 10;
    return tenth === digits[9] && (odd + even + tenth) % 10 === digits[10];
  },
  context: ['tc kimlik', 'kimlik', 't.c.', 'tckn', 'turkish id', 'national id'],
};

const TR_PLATE: Recognizer = {
  type: 'TR_LICENSE_PLATE',
  digits: true,
  patterns: [
    {
      regex:
        /(?<![A-Za-z0-9])(?:0[1-9]|[1-7]\d|8[01]) (?:[A-PR-VYZ] \d{4,5}|[A-PR-VYZ]{2} \d{3,4}|[A-PR-VYZ]{3} \d{2,3})(?![A-Za-z0-9])/g,
      score: 0.5,
    },
    {
      regex:
        /(?<![A-Za-z0-9])(?:0[1-9]|[1-7]\d|8[01])(?:[A-PR-VYZ]\d{4,5}|[A-PR-VYZ]{2}\d{3,4}|[A-PR-VYZ]{3}\d{2,3})(?![A-Za-z0-9])/g,
      score: 0.15,
    },
  ],
  context: ['plaka', 'araç', 'plate', 'plakalı', 'otomobil', 'vehicle'],
};

/** Spain, Italy, Finland, Poland, Sweden, Turkey. */
export const EUROPEAN_RECOGNIZERS: readonly Recognizer[] = [
  ES_NIF,
  ES_NIE,
  ES_PASSPORT,
  IT_FISCAL_CODE,
  IT_DRIVER,
  IT_IDENTITY,
  IT_PASSPORT,
  IT_VAT,
  FI_CODE,
  PL_PESEL,
  SE_PERSON,
  SE_ORGANISATION,
  TR_ID,
  TR_PLATE,
];
