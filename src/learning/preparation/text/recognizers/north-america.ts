/**
 * Identifiers of the United States and Canada.
 *
 * @module
 */

import { digitsOf, isLuhn, weightedSum } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const SSN: Recognizer = {
  type: 'US_SSN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w\-–])\d{3}([ \-–.])\d{2}\1\d{4}(?![\d\w]|[-–.]\d)/g, score: 0.5, confirmed: 0.85 },
    { regex: /(?<![\d\w.\-–/])\d{9}(?![\d\w]|[.\-–/]\d)/g, score: 0.05, confirmed: 0.1 },
  ],
  check(text) {
    const digits = digitsOf(text).join('');
    // Never issued: areas 000, 666 and 900–999, group 00, serial 0000, and the numbers of advertisements.
    if (/^(?:000|666|9)|^\d{3}00|0000$/.test(digits) || /^(\d)\1{8}$/.test(digits)) return false;
    return !['078051120', '219099999', '123456789', '987654320'].includes(digits);
  },
  context: ['social', 'security', 'ssn', 'ssns', 'ss#', 'ssid', 'taxpayer'],
};

const ITIN: Recognizer = {
  type: 'US_ITIN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w\-–])9\d{2}([ \-–])(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\1\d{4}(?![\d\w]|[-–]\d)/g, score: 0.6 },
    { regex: /(?<![\d\w.\-–])9\d{2}(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\d{4}(?![\d\w]|[.\-–]\d)/g, score: 0.1 },
  ],
  context: ['individual taxpayer', 'itin', 'tax id', 'taxpayer', 'tin', 'tax'],
};

const NPI: Recognizer = {
  type: 'US_NPI',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])[12]\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.4 },
    { regex: /(?<![\d\w.\-–])[12]\d{3}[ -]\d{3}[ -]\d{3}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.4 },
  ],
  // Luhn with the prefix of the United States health industry (45 CFR 162).
  check: (text) => isLuhn([8, 0, 8, 4, 0, ...digitsOf(text)]),
  context: ['npi', 'national provider', 'provider', 'physician', 'prescriber'],
};

const MBI: Recognizer = {
  type: 'US_MBI',
  digits: true,
  patterns: [
    {
      // CMS: C A AN N A AN N A A N N, without S, L, O, I, B, Z.
      regex:
        /(?<![A-Za-z0-9\-–])[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[-– ]?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[-– ]?[AC-HJKMNP-RT-Y]{2}\d{2}(?![A-Za-z0-9])/g,
      score: 0.5,
    },
  ],
  context: ['mbi', 'medicare', 'beneficiary', 'cms'],
};

const ABA: Recognizer = {
  type: 'ABA_ROUTING_NUMBER',
  digits: true,
  patterns: [
    {
      regex: /(?<![\d\w.\-–])(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{7}(?![\d\w]|[.\-–]\d)/g,
      score: 0.05,
      confirmed: 0.3,
    },
    {
      regex: /(?<![\d\w.\-–])(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{2}[-– ]\d{4}[-– ]\d(?![\d\w]|[.\-–]\d)/g,
      score: 0.3,
      confirmed: 0.7,
    },
  ],
  check: (text) => weightedSum(digitsOf(text), [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0,
  context: ['aba', 'routing', 'rtn', 'transit', 'wire', 'bank', 'ach'],
};

const MEDICAL_LICENSE: Recognizer = {
  type: 'MEDICAL_LICENSE',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}(?![A-Za-z0-9])/g, score: 0.4 }],
  // DEA: (d1 + d3 + d5) + 2 (d2 + d4 + d6) ends in d7.
  check(text) {
    const digits = digitsOf(text.slice(2));
    return weightedSum(digits, [1, 2, 1, 2, 1, 2]) % 10 === digits[6];
  },
  context: ['medical', 'certificate', 'dea', 'license', 'prescriber'],
};

const BANK: Recognizer = {
  type: 'US_BANK_NUMBER',
  digits: true,
  patterns: [{ regex: /(?<![\d\w.\-–])\d{8,17}(?![\d\w]|[.\-–]\d)/g, score: 0.06 }],
  context: ['bank account', 'account number', 'account no', 'account #', 'acct', 'checking', 'savings', 'bank'],
};

const DRIVER_LICENSE: Recognizer = {
  type: 'US_DRIVER_LICENSE',
  digits: true,
  patterns: [
    // Letter and digits, as in California, New York, Florida, Illinois, Wisconsin, New Jersey.
    {
      regex: /(?<![A-Za-z0-9\-–])[A-Z]\d{3}[-– ]?\d{3,4}[-– ]?\d{2,4}(?:[-– ]?\d{1,4})?(?![A-Za-z0-9])/g,
      score: 0.1,
    },
    {
      regex:
        /(?<![A-Za-z0-9\-–])(?:[A-Z]\d{4,8}|[A-Z]{2}\d{2,7}|[A-Z]{1,2}\d{5,7}[A-Z]?|[A-Z]{3}\d{6}|[A-Z]{3}\*{2}\w{3,7}\w{3}|\d{7}[A-Z]|\d{2}[A-Z]{3}\d{5,6}|\d{3}[A-Z]{2}\d{4})(?![A-Za-z0-9])/g,
      score: 0.1,
    },
    { regex: /(?<![\d\w.\-–])\d{6,14}(?![\d\w]|[.\-–]\d)/g, score: 0.01 },
  ],
  context: [
    "driver's license",
    'driver license',
    'drivers license',
    'driving license',
    'driver’s license',
    'dl#',
    'dl number',
    'license number',
    'permit',
    'lic#',
    'dln',
  ],
};

const PASSPORT: Recognizer = {
  type: 'US_PASSPORT',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9.\-–])[A-Z]\d{8}(?![A-Za-z0-9]|[.\-–]\d)/g, score: 0.1 },
    { regex: /(?<![\d\w.\-–])\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.05 },
  ],
  context: [
    'us passport',
    'u.s. passport',
    'united states passport',
    'american passport',
    'passport',
    'passport#',
    'travel document',
  ],
};

const CA_SIN: Recognizer = {
  type: 'CA_SIN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w\-–])[1-79]\d{2}([ \-–])\d{3}\1\d{3}(?![\d\w]|[-–]\d)/g, score: 0.3, confirmed: 0.6 },
    { regex: /(?<![\d\w.\-–])[1-79]\d{8}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.2 },
  ],
  check: (text) => isLuhn(digitsOf(text)),
  context: ['social insurance', 'sin', 'canada', 'canadian', 'assurance sociale', 'nas'],
};

/** The United States and Canada. */
export const NORTH_AMERICAN_RECOGNIZERS: readonly Recognizer[] = [
  SSN,
  ITIN,
  NPI,
  MBI,
  ABA,
  MEDICAL_LICENSE,
  BANK,
  DRIVER_LICENSE,
  PASSPORT,
  CA_SIN,
];
