/**
 * Identifiers of Australia, India, Korea, the Philippines, Singapore and Thailand.
 *
 * @module
 */

import { digitsOf, isDay, isVerhoeff, weightedSum } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const AU_ABN: Recognizer = {
  type: 'AU_ABN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{2} \d{3} \d{3} \d{3}(?![\d\w]|[.\-–]\d)/g, score: 0.3, confirmed: 0.9 },
    { regex: /(?<![\d\w.\-–])\d{11}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.4 },
  ],
  check(text) {
    const digits = digitsOf(text);
    digits[0] = (digits[0] as number) - 1;
    return weightedSum(digits, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) % 89 === 0;
  },
  context: ['australian business', 'abn'],
};

const AU_ACN: Recognizer = {
  type: 'AU_ACN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{3} \d{3} \d{3}(?![\d\w]|[.\-–]\d| \d)/g, score: 0.1, confirmed: 0.3 },
    { regex: /(?<![\d\w.\-–])\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.15 },
  ],
  check(text) {
    const digits = digitsOf(text);
    return (10 - (weightedSum(digits, [8, 7, 6, 5, 4, 3, 2, 1]) % 10)) % 10 === digits[8];
  },
  context: ['australian company', 'acn', 'pty'],
};

const AU_MEDICARE: Recognizer = {
  type: 'AU_MEDICARE',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])[2-6]\d{3} \d{5} \d(?:[ /-]?\d)?(?![\d\w]|[.\-–]\d)/g, score: 0.3, confirmed: 0.8 },
    { regex: /(?<![\d\w.\-–])[2-6]\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.25 },
  ],
  check(text) {
    const digits = digitsOf(text);
    return weightedSum(digits, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === digits[8];
  },
  context: ['medicare', 'irn'],
};

const AU_TFN: Recognizer = {
  type: 'AU_TFN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{3} \d{3} \d{3}(?![\d\w]|[.\-–]\d| \d)/g, score: 0.1, confirmed: 0.35 },
    { regex: /(?<![\d\w.\-–])\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.15 },
  ],
  check: (text) => weightedSum(digitsOf(text), [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
  context: ['tax file', 'tfn'],
};

const IN_AADHAAR: Recognizer = {
  type: 'IN_AADHAAR',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])[2-9]\d{3}([ \-:])\d{4}\1\d{4}(?![\d\w]|[.\-–: ]\d)/g, score: 0.3, confirmed: 0.9 },
    { regex: /(?<![\d\w.\-–])[2-9]\d{11}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.4 },
  ],
  check(text) {
    const digits = digitsOf(text);
    const palindrome = digits.every((digit, i) => digit === digits[11 - i]);
    return !palindrome && isVerhoeff(digits);
  },
  context: ['aadhaar', 'aadhar', 'uidai', 'uid'],
};

const IN_PAN: Recognizer = {
  type: 'IN_PAN',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z](?![A-Za-z0-9])/g, score: 0.7 },
    { regex: /(?<![A-Za-z0-9])[A-Za-z]{5}\d{4}[A-Za-z](?![A-Za-z0-9])/g, score: 0.15 },
  ],
  context: ['permanent account', 'pan', 'income tax'],
};

const GSTIN_CHARACTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

const IN_GSTIN: Recognizer = {
  type: 'IN_GSTIN',
  digits: true,
  patterns: [
    {
      regex: /(?<![A-Za-z0-9])(?:0[1-9]|[12]\d|3[0-8]|97|99)[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z](?![A-Za-z0-9])/g,
      score: 0.7,
    },
  ],
  // Base 36, weights 1 and 2 in turn, quotient plus remainder.
  check(text) {
    let sum = 0;
    for (let i = 0; i < 14; i += 1) {
      const product = GSTIN_CHARACTERS.indexOf(text[i] as string) * (i % 2 === 0 ? 1 : 2);
      sum += Math.floor(product / 36) + (product % 36);
    }
    return GSTIN_CHARACTERS[(36 - (sum % 36)) % 36] === text[14] ? true : undefined;
  },
  context: ['gstin', 'gst'],
};

const IN_PASSPORT: Recognizer = {
  type: 'IN_PASSPORT',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[A-PR-WY][1-9]\d ?\d{4}[1-9](?![A-Za-z0-9])/g, score: 0.1 }],
  context: ['passport', 'indian passport', 'travel document'],
};

/** Codes of Indian states and union territories on number plates. */
const IN_STATES =
  'AN|AP|AR|AS|BR|CG|CH|DD|DL|DN|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|OD|OR|PB|PY|RJ|SK|TN|TR|TS|UK|UP|UT|WB';

const IN_VEHICLE: Recognizer = {
  type: 'IN_VEHICLE_REGISTRATION',
  digits: true,
  patterns: [
    {
      regex: new RegExp(
        String.raw`(?<![A-Za-z0-9])(?:${IN_STATES})[ -]?\d{1,2}[A-Z]?[ -]?[A-HJ-NP-Z]{1,3}[ -]?\d{4}(?![A-Za-z0-9])`,
        'g',
      ),
      score: 0.6,
    },
    { regex: /(?<![A-Za-z0-9])\d{2}[ -]?BH[ -]?\d{4}[ -]?[A-HJ-NP-Z]{1,2}(?![A-Za-z0-9])/g, score: 0.6 },
  ],
  context: ['rto', 'vehicle', 'plate', 'registration', 'car', 'bike'],
};

const IN_VOTER: Recognizer = {
  type: 'IN_VOTER',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[A-Z]{3}\d{7}(?![A-Za-z0-9])/g, score: 0.25 }],
  context: ['voter', 'epic', 'elector', 'election'],
};

/** Six digits of a birth date. */
function isBirthDate(text: string): boolean {
  return isDay({ year: Number(text.slice(0, 2)), month: Number(text.slice(2, 4)), day: Number(text.slice(4, 6)) });
}

const KOREAN_WEIGHTS = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];

const KR_RRN: Recognizer = {
  type: 'KR_RRN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{6}-[1-4]\d{6}(?![\d\w]|[.\-–]\d)/g, score: 0.5 },
    { regex: /(?<![\d\w.\-–])\d{6}[1-4]\d{6}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.4 },
  ],
  // Numbers given since October 2020 have no check digit: a failed one proves nothing.
  check(text) {
    const digits = digitsOf(text);
    if (!isBirthDate(digits.join(''))) return false;
    const holds = (11 - (weightedSum(digits, KOREAN_WEIGHTS) % 11)) % 10 === digits[12];
    return holds || (text.includes('-') ? undefined : false);
  },
  context: ['resident registration', 'rrn', '주민등록', '주민번호', 'korean'],
};

const KR_FRN: Recognizer = {
  type: 'KR_FRN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{6}-[5-8]\d{6}(?![\d\w]|[.\-–]\d)/g, score: 0.5 },
    { regex: /(?<![\d\w.\-–])\d{6}[5-8]\d{6}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.4 },
  ],
  check(text) {
    const digits = digitsOf(text);
    if (!isBirthDate(digits.join(''))) return false;
    const holds = (13 - (weightedSum(digits, KOREAN_WEIGHTS) % 11)) % 10 === digits[12];
    return holds || (text.includes('-') ? undefined : false);
  },
  context: ['foreigner registration', 'alien registration', 'frn', '외국인등록'],
};

const KR_BRN: Recognizer = {
  type: 'KR_BRN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{3}-\d{2}-\d{5}(?![\d\w]|[.\-–]\d)/g, score: 0.4 },
    { regex: /(?<![\d\w.\-–])\d{10}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.2 },
  ],
  check(text) {
    const digits = digitsOf(text);
    const sum = weightedSum(digits, [1, 3, 7, 1, 3, 7, 1, 3, 5]) + Math.floor(((digits[8] as number) * 5) / 10);
    return (10 - (sum % 10)) % 10 === digits[9];
  },
  context: ['business registration', 'brn', '사업자등록', '사업자'],
};

const KR_DRIVER: Recognizer = {
  type: 'KR_DRIVER_LICENSE',
  digits: true,
  patterns: [{ regex: /(?<![\d\w.\-–])(?:1[1-9]|2[0-8])-\d{2}-\d{6}-\d{2}(?![\d\w]|[.\-–]\d)/g, score: 0.6 }],
  context: ["driver's license", 'driver license', '운전면허', 'license'],
};

const KR_PASSPORT: Recognizer = {
  type: 'KR_PASSPORT',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])[MSRODG]\d{3}[A-Z]\d{4}(?![A-Za-z0-9])/g, score: 0.3 },
    { regex: /(?<![A-Za-z0-9])[MSRODG]\d{8}(?![A-Za-z0-9])/g, score: 0.1 },
  ],
  context: ['passport', '여권', 'korean passport'],
};

const PH_TIN: Recognizer = {
  type: 'PH_TIN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])\d{3}-\d{3}-\d{3}-\d{3,5}(?![\d\w]|[.\-–]\d)/g, score: 0.5 },
    { regex: /(?<![\d\w.\-–])\d{3}-\d{3}-\d{3}(?![\d\w]|[.\-–]\d)/g, score: 0.15 },
    { regex: /(?<![\d\w.\-–])(?:\d{9}|\d{12})(?![\d\w]|[.\-–]\d)/g, score: 0.05 },
  ],
  context: ['tin', 'taxpayer', 'bir', 'philippine'],
};

const SG_UEN: Recognizer = {
  type: 'SG_UEN',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])(?:19|20)\d{2}\d{5}[A-Z](?![A-Za-z0-9])/g, score: 0.5 },
    {
      regex:
        /(?<![A-Za-z0-9])[TSR]\d{2}(?:LP|LL|FC|PF|RF|MQ|MM|NB|CC|CS|MB|FM|GS|GA|GB|DP|CP|NR|CM|CD|MD|HS|VH|CH|MH|CL|XL|CX|RP|TU|TC|FB|FN|PA|PB|SS|MC|SM)\d{4}[A-Z](?![A-Za-z0-9])/g,
      score: 0.7,
    },
    { regex: /(?<![A-Za-z0-9])\d{8}[A-Z](?![A-Za-z0-9])/g, score: 0.15 },
  ],
  context: ['uen', 'unique entity', 'acra', 'business registration'],
};

const SG_NRIC: Recognizer = {
  type: 'SG_NRIC_FIN',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[STFGMstfgm]\d{7}[A-Za-z](?![A-Za-z0-9])/g, score: 0.3 }],
  check(text) {
    const plain = text.toUpperCase();
    const first = plain[0] as string;
    const offset = { S: 0, F: 0, T: 4, G: 4, M: 3 }[first] ?? 0;
    const rest = (weightedSum(digitsOf(plain), [2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    const letters = { S: 'JZIHGFEDCBA', T: 'JZIHGFEDCBA', F: 'XWUTRQPNMLK', G: 'XWUTRQPNMLK', M: 'KLJNPQRTUWX' }[first];
    return letters?.[rest] === plain[8];
  },
  context: ['nric', 'fin', 'singapore'],
};

const TH_TNIN: Recognizer = {
  type: 'TH_TNIN',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])[1-8]([ -])\d{4}\1\d{5}\1\d{2}\1\d(?![\d\w]|[.\-–]\d)/g, score: 0.4 },
    { regex: /(?<![\d\w.\-–])[1-8]\d{12}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.45 },
  ],
  check(text) {
    const digits = digitsOf(text);
    return (11 - (weightedSum(digits, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === digits[12];
  },
  context: ['thai', 'บัตรประชาชน', 'เลขประจำตัว', 'tnin', 'national id'],
};

/** Australia, India, Korea, the Philippines, Singapore, Thailand. */
export const ASIA_PACIFIC_RECOGNIZERS: readonly Recognizer[] = [
  AU_ABN,
  AU_ACN,
  AU_MEDICARE,
  AU_TFN,
  IN_AADHAAR,
  IN_PAN,
  IN_GSTIN,
  IN_PASSPORT,
  IN_VEHICLE,
  IN_VOTER,
  KR_RRN,
  KR_FRN,
  KR_BRN,
  KR_DRIVER,
  KR_PASSPORT,
  PH_TIN,
  SG_UEN,
  SG_NRIC,
  TH_TNIN,
];
