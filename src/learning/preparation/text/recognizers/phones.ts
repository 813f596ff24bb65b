/**
 * Phone numbers: international ones of any country, national ones as the United States, Canada, the United Kingdom,
 * Germany, France, India, Israel, Brazil, Australia and others write them.
 *
 * @module
 */

import { digitsOf } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const CONTEXT = [
  'phone',
  'tel',
  'call',
  'mobile',
  'cell',
  'fax',
  'number',
  'telephone',
  'ring',
  'dial',
  'contact',
  'reach',
  'text me',
  'whatsapp',
  'sms',
  'handy',
  'hotline',
];

/** Assigned country calling codes by their first digits. */
const COUNTRY_CODES =
  /^(?:1|7|2(?:0|7|1[1-368]|[2-4]\d|5[0-8]|6[0-689]|9[01789])|3(?:[0-469]|5\d|7[0-8]|8[0-35-79])|4(?:[013-9]|2[013])|5(?:[1-8]|0\d|9\d)|6(?:[0-6]|7[0-9]|8[0-35-9]|9[0-2])|8(?:[1246]|5[02356]|8[0-36])|9(?:[0-58]|6[0-8]|7[0-79]|9[2-68]))/;

const PHONE: Recognizer = {
  type: 'PHONE_NUMBER',
  digits: true,
  patterns: [
    {
      // +CC, then groups; an optional (0) and an extension.
      regex:
        /(?<![\w+]|\d )(?:\+|00)[1-9]\d{0,2}(?:[ .\-–/]?\(0?\d{0,4}\))?(?:[ .\-–/]{0,2}\d{1,5}){2,6}(?:,? ?(?:ext\.?|x|extension) ?\d{1,5})?(?![\d\w]|[.\-–]\d)/gi,
      score: 0.7,
      confirmed: 0.75,
    },
    {
      // North America: area code and exchange never start with 0 or 1.
      regex:
        /(?<![\d+\-–./(\w])(?:1[ .\-–])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .\-–])[2-9]\d{2}[ .\-–]\d{4}(?:,? ?(?:ext\.?|x|extension) ?\d{1,5})?(?![\d\w]|[-–]\d)/gi,
      score: 0.55,
    },
    {
      // Trunk 0: (0)20 7946 0958, 030 123456, 01 23 45 67 89, 0412 345 678.
      regex: /(?<![\d+\-–./\w]|\d )(?:\(0\d{1,5}\)|0[1-9]\d{0,4})(?:[ .\-–/]{1,2}\d{2,8}){1,4}(?![\d\w]|[.\-–/]\d)/g,
      score: 0.4,
    },
    {
      regex: /(?<![\d+\-–./\w])(?:0[1-9]\d{8,10}|[2-9]\d{9}|[6-9]\d{9})(?![\d\w]|[.\-–/]\d)/g,
      score: 0.1,
      confirmed: 0.1,
    },
    // Seven digits of a local number, when a word says so.
    { regex: /(?<![\d+\-–./(\w])[2-9]\d{2}[-–]\d{4}(?![\d\w]|[-–]\d)/g, score: 0.15, confirmed: 0.15 },
  ],
  check(text) {
    const plain = text.replace(/,? ?(?:ext\.?|x|extension) ?\d{1,5}$/i, '');
    const digits = digitsOf(plain);
    if (plain.startsWith('+') || plain.startsWith('00')) {
      const national = digits.join('').replace(/^00/, '');
      return national.length >= 8 && national.length <= 15 && COUNTRY_CODES.test(national);
    }
    if (/^[ (]*0/.test(plain))
      return digits.length >= 8 && digits.length <= 12 && !isDateLike(plain) ? undefined : false;
    return undefined;
  },
  context: CONTEXT,
};

/** 01.02.2024, 01/02/2024 and 01-02-24 are dates. */
function isDateLike(text: string): boolean {
  return (
    /^0?\d[./\-–][01]?\d[./\-–](?:\d{4}|\d{2})$/.test(text) || /^0\d[./\-–][0-3]?\d[./\-–](?:\d{4}|\d{2})$/.test(text)
  );
}

const PH_MOBILE: Recognizer = {
  type: 'PH_MOBILE_NUMBER',
  digits: true,
  patterns: [
    { regex: /(?<![\d+\w])\+63[ -]?9\d{2}[ -]?\d{3}[ -]?\d{4}(?![\d\w])/g, score: 0.8 },
    { regex: /(?<![\d+\w])09\d{2}[ -]?\d{3}[ -]?\d{4}(?![\d\w])/g, score: 0.45 },
  ],
  context: ['mobile', 'cellphone', 'globe', 'smart', 'philippines', 'manila', 'cp no', 'text'],
};

const TR_PHONE: Recognizer = {
  type: 'TR_PHONE_NUMBER',
  digits: true,
  patterns: [
    { regex: /(?<![\d+\w])(?:\+|00)90[ -]?\(?[2-5]\d{2}\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}(?![\d\w])/g, score: 0.8 },
    { regex: /(?<![\d+\w])0[ -]?\(?5\d{2}\)?[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}(?![\d\w])/g, score: 0.45 },
  ],
  context: ['telefon', 'cep', 'gsm', 'numara', 'ara', 'phone', 'mobile', 'turkey', 'istanbul'],
};

/** Phone numbers. */
export const PHONE_RECOGNIZERS: readonly Recognizer[] = [PHONE, PH_MOBILE, TR_PHONE];
