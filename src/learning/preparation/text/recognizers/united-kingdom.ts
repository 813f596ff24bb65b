/**
 * Identifiers of the United Kingdom.
 *
 * @module
 */

import { digitsOf, weightedSum } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const NHS: Recognizer = {
  type: 'UK_NHS',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{3}([ \-–])\d{3}\1\d{4}(?![\d\w]|[.\-–]\d)/g, score: 0.5 },
    { regex: /(?<![\d\w.\-–])\d{10}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.35 },
  ],
  check(text) {
    const digits = digitsOf(text);
    const check = (11 - (weightedSum(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
    return check === digits[9];
  },
  context: ['nhs', 'national health', 'health service', 'patient', 'gp'],
};

const NINO: Recognizer = {
  type: 'UK_NINO',
  digits: true,
  patterns: [
    {
      // HMRC: the first letter not D, F, I, Q, U, V, the second also not O; some prefixes are never given.
      regex:
        /(?<![A-Za-z0-9])(?!BG|GB|NK|KN|TN|NT|ZZ|bg|gb|nk|kn|tn|nt|zz)[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z] ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d](?![A-Za-z0-9])/g,
      score: 0.7,
    },
  ],
  context: ['national insurance', 'nino', 'ni number', 'insurance'],
};

const DRIVING: Recognizer = {
  type: 'UK_DRIVING_LICENCE',
  digits: true,
  patterns: [
    {
      regex:
        /(?<![A-Za-z0-9])(?=[A-Z])[A-Z9]{5} ?\d(?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12]\d|3[01])\d ?[A-Z9]{2}[A-Z0-9][A-Z]{2}(?:\d{2})?(?![A-Za-z0-9])/g,
      score: 0.9,
    },
  ],
  context: ['driving', 'licence', 'dvla'],
};

const PASSPORT: Recognizer = {
  type: 'UK_PASSPORT',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9.\-–])[A-Z]{2}\d{7}(?![A-Za-z0-9])/g, score: 0.1 },
    { regex: /(?<![\d\w.\-–])\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.05 },
  ],
  context: ['british passport', 'uk passport', 'hm passport', 'passport', 'hmpo'],
};

const POSTCODE: Recognizer = {
  type: 'UK_POSTCODE',
  digits: true,
  patterns: [
    {
      regex:
        /(?<![A-Za-z0-9])(?:GIR ?0AA|[A-PR-UWYZ](?:[A-HK-Y]?\d\d?|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y]) \d[ABD-HJLNP-UW-Z]{2})(?![A-Za-z0-9])/g,
      score: 0.5,
    },
    {
      regex:
        /(?<![A-Za-z0-9])[A-PR-UWYZ](?:[A-HK-Y]?\d\d?|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y])\d[ABD-HJLNP-UW-Z]{2}(?![A-Za-z0-9])/g,
      score: 0.1,
    },
  ],
  context: ['postcode', 'post code', 'address', 'street', 'road', 'lives at', 'london', 'delivery'],
};

const VEHICLE: Recognizer = {
  type: 'UK_VEHICLE_REGISTRATION',
  digits: true,
  patterns: [
    // Since 2001: AB12 CDE, the age identifier 02–24 or 51–74.
    {
      regex: /(?<![A-Za-z0-9])[A-HK-PR-Y][A-HJ-PR-Y](?:0[2-9]|[12]\d|5[1-9]|[67]\d) [A-HJ-PR-Z]{3}(?![A-Za-z0-9])/g,
      score: 0.6,
    },
    {
      regex: /(?<![A-Za-z0-9])[A-HK-PR-Y][A-HJ-PR-Y](?:0[2-9]|[12]\d|5[1-9]|[67]\d)[A-HJ-PR-Z]{3}(?![A-Za-z0-9])/g,
      score: 0.3,
    },
    {
      regex:
        /(?<![A-Za-z0-9])(?:[A-HJ-NP-TV-Y]\d{1,3} ?[A-HJ-PR-Y]{3}|[A-Z]{3} ?\d{1,3}[A-HJ-NP-TV-Y])(?![A-Za-z0-9])/g,
      score: 0.15,
    },
  ],
  context: ['registration', 'number plate', 'reg', 'vrn', 'vehicle', 'car', 'van', 'dvla', 'plate'],
};

/** The United Kingdom. */
export const BRITISH_RECOGNIZERS: readonly Recognizer[] = [NHS, NINO, DRIVING, PASSPORT, POSTCODE, VEHICLE];
