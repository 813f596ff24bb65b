/**
 * Identifiers of Nigeria and South Africa.
 *
 * @module
 */

import { digitsOf, isDay, isLuhn } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const NG_VEHICLE: Recognizer = {
  type: 'NG_VEHICLE_REGISTRATION',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])[A-Z]{3}[ -]\d{3}[ -]?[A-Z]{2}(?![A-Za-z0-9])/g, score: 0.5 },
    { regex: /(?<![A-Za-z0-9])[A-Z]{3}\d{3}[A-Z]{2}(?![A-Za-z0-9])/g, score: 0.2 },
  ],
  context: ['plate', 'vehicle', 'frsc', 'nigeria', 'lagos', 'abuja', 'registration', 'car'],
};

const ZA_ID: Recognizer = {
  type: 'ZA_ID_NUMBER',
  digits: true,
  patterns: [{ regex: /(?<![\d\w.\-–])\d{6} ?\d{4} ?[012]\d ?\d(?![\d\w]|[.\-–]\d)/g, score: 0.2, confirmed: 0.7 }],
  check(text) {
    const digits = digitsOf(text);
    const [a, b, c, d, e, f] = digits as [number, number, number, number, number, number];
    return isDay({ year: a * 10 + b, month: c * 10 + d, day: e * 10 + f }) && isLuhn(digits);
  },
  context: ['south africa', 'identity number', 'id number', 'rsa id', 'sa id'],
};

/** Nigeria and South Africa. */
export const AFRICAN_RECOGNIZERS: readonly Recognizer[] = [NG_VEHICLE, ZA_ID];
