/**
 * Identifiers of Germany.
 *
 * @module
 */

import { compact, digitsOf, isDay, isMod1110, weightedSum } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

/** The digit sum of every product, added up. */
function crossSum(digits: readonly number[], weights: readonly number[]): number {
  return weights.reduce((sum, weight, i) => {
    const product = weight * (digits[i] ?? 0);
    return sum + Math.floor(product / 10) + (product % 10);
  }, 0);
}

/** A letter as its two-digit place in the alphabet. */
function letterDigits(letter: string): number[] {
  const place = letter.charCodeAt(0) - 64;
  return [Math.floor(place / 10), place % 10];
}

const FUEHRERSCHEIN: Recognizer = {
  type: 'DE_FUEHRERSCHEIN',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[A-Z]\d{2}[A-Z0-9]{6}\d[A-Z0-9](?![A-Za-z0-9])/g, score: 0.2 }],
  context: [
    'führerschein',
    'fuehrerschein',
    'fahrerlaubnis',
    'driving licence',
    "driver's license",
    'driver license',
    'führerscheinnummer',
  ],
};

const HANDELSREGISTER: Recognizer = {
  type: 'DE_HANDELSREGISTER',
  digits: true,
  patterns: [
    {
      regex: /(?<![A-Za-z0-9])HR[AB][ -]?(?:Nr\.? ?)?\d{1,6}(?: ?[A-Z]{1,2}(?![A-Za-z]))?(?![A-Za-z0-9])/g,
      score: 0.75,
    },
  ],
  context: ['handelsregister', 'amtsgericht', 'registergericht', 'commercial register'],
};

const HEALTH: Recognizer = {
  type: 'DE_HEALTH_INSURANCE',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[A-Z]\d{9}(?![A-Za-z0-9])/g, score: 0.2, confirmed: 0.5 }],
  // KVNR: letter as two digits, weights 1, 2, 1, 2…, digit sums, modulo 10.
  check(text) {
    const digits = [...letterDigits(text[0] as string), ...digitsOf(text.slice(1, 9))];
    return crossSum(digits, [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 === Number(text[9]);
  },
  context: [
    'krankenversicherung',
    'versichertennummer',
    'kvnr',
    'krankenkasse',
    'health insurance',
    'gesundheitskarte',
    'versicherten',
  ],
};

/** Plates of a few words that are no districts: months, roads, standards. */
const KFZ: Recognizer = {
  type: 'DE_KFZ',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9\-–])[A-ZÄÖÜ]{1,3}[-–][A-Z]{1,2} ?[1-9]\d{0,3}[EH]?(?![A-Za-z0-9\-–])/g, score: 0.4 },
    { regex: /(?<![A-Za-z0-9\-–])[A-ZÄÖÜ]{1,3} [A-Z]{1,2} [1-9]\d{0,3}[EH]?(?![A-Za-z0-9\-–])/g, score: 0.1 },
  ],
  check: (text) => (/^(?:ISO|DIN|IEC|RFC|SHA|AES|USB|PDF|UTF)/.test(text) ? false : undefined),
  context: [
    'kennzeichen',
    'kfz',
    'auto',
    'fahrzeug',
    'pkw',
    'nummernschild',
    'license plate',
    'licence plate',
    'registration',
    'wagen',
    'plate',
  ],
};

const LANR: Recognizer = {
  type: 'DE_LANR',
  digits: true,
  patterns: [{ regex: /(?<![\d\w.\-–])\d{9}(?![\d\w]|[.\-–]\d)/g, score: 0.05, confirmed: 0.15 }],
  // KBV: weights 4 and 9 in turn over six digits, complemented to ten.
  check(text) {
    const digits = digitsOf(text);
    return (10 - (weightedSum(digits, [4, 9, 4, 9, 4, 9]) % 10)) % 10 === digits[6];
  },
  context: ['lanr', 'arztnummer', 'lebenslange', 'vertragsarzt'],
};

const PASSPORT: Recognizer = {
  type: 'DE_PASSPORT',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?(?![A-Za-z0-9])/g, score: 0.1 }],
  check(text) {
    if (!/\d/.test(text)) return false;
    if (text.length === 9) return undefined;
    const values = Array.from(text, (character) => Number.parseInt(character, 36));
    const sum = weightedSum(values, [7, 3, 1, 7, 3, 1, 7, 3, 1]);
    return sum % 10 === values[9] ? undefined : false;
  },
  context: ['reisepass', 'passnummer', 'german passport', 'passport', 'pass-nr', 'ausweis'],
};

const PLZ: Recognizer = {
  type: 'DE_PLZ',
  digits: true,
  patterns: [
    { regex: /(?<![A-Za-z0-9])D[-–](?<span>(?:0[1-9]|[1-9]\d)\d{3})(?![\d\w])/g, score: 0.6 },
    {
      regex:
        /(?<![\d\w.,\-–])(?:0[1-9]|[1-9]\d)\d{3}(?= (?:Berlin|Hamburg|München|Köln|Frankfurt|Stuttgart|Düsseldorf|Leipzig|Dortmund|Essen|Bremen|Dresden|Hannover|Nürnberg|Duisburg|Bochum|Wuppertal|Bielefeld|Bonn|Münster|Mannheim|Karlsruhe|Augsburg|Wiesbaden|Freiburg|Heidelberg|Potsdam|Mainz|Kiel|Lübeck|Rostock|Erfurt|Jena|Ulm|Regensburg)\b)/g,
      score: 0.7,
    },
    { regex: /(?<![\d\w.,\-–])(?:0[1-9]|[1-9]\d)\d{3}(?![\d\w]|[.,\-–]\d)/g, score: 0.05 },
  ],
  context: ['plz', 'postleitzahl', 'wohnhaft', 'straße', 'strasse', 'anschrift', 'adresse', 'postal code germany'],
};

const SOCIAL: Recognizer = {
  type: 'DE_SOCIAL_SECURITY',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])\d{2} ?\d{6} ?[A-Z] ?\d{3}(?![A-Za-z0-9])/g, score: 0.4 }],
  // VKVV §4: area, birth date, letter as two digits, serial; digit sums of the weighted digits, modulo 10.
  check(text) {
    const plain = compact(text);
    const day = Number(plain.slice(2, 4));
    // Reused combinations add 50 to the day.
    const born = isDay({ year: 2000, month: Number(plain.slice(4, 6)), day: day > 50 ? day - 50 : day });
    const digits = [
      ...digitsOf(plain.slice(0, 8)),
      ...letterDigits(plain[8] as string),
      ...digitsOf(plain.slice(9, 11)),
    ];
    return born && crossSum(digits, [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]) % 10 === Number(plain[11]);
  },
  context: ['sozialversicherung', 'rentenversicherung', 'versicherungsnummer', 'svnr', 'rvnr'],
};

const TAX_ID: Recognizer = {
  type: 'DE_TAX_ID',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w.\-–])[1-9]\d{10}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.5 },
    { regex: /(?<![\d\w.\-–])[1-9]\d ?\d{3} ?\d{3} ?\d{3}(?![\d\w]|[.\-–]\d)/g, score: 0.1, confirmed: 0.6 },
  ],
  // One digit occurs twice or thrice among the first ten, the others at most once.
  check(text) {
    const digits = digitsOf(text);
    const counts = Array.from(
      { length: 10 },
      (_, digit) => digits.slice(0, 10).filter((other) => other === digit).length,
    );
    const repeated = counts.filter((count) => count > 1);
    return repeated.length === 1 && (repeated[0] as number) <= 3 && isMod1110(digits);
  },
  context: ['steuer', 'identifikationsnummer', 'steuer-id', 'idnr', 'tin', 'tax id', 'tax identification'],
};

const TAX_NUMBER: Recognizer = {
  type: 'DE_TAX_NUMBER',
  digits: true,
  patterns: [
    { regex: /(?<![\d\w/.\-–])\d{2,3}\/\d{3,4}\/\d{4,5}(?![\d\w/]|[.\-–]\d)/g, score: 0.5 },
    { regex: /(?<![\d\w/.\-–])\d{3} \d{4} \d{4}(?![\d\w/]|[.\-–]\d)/g, score: 0.1 },
    { regex: /(?<![\d\w/.\-–])\d{13}(?![\d\w/]|[.\-–]\d)/g, score: 0.05 },
  ],
  context: ['steuernummer', 'steuer-nr', 'st.-nr', 'finanzamt', 'tax number', 'steuernr'],
};

const VAT: Recognizer = {
  type: 'DE_VAT_ID',
  digits: true,
  patterns: [{ regex: /(?<![A-Za-z0-9])DE ?\d{3} ?\d{3} ?\d{3}(?![A-Za-z0-9]|[.\-–]\d| \d)/g, score: 0.4 }],
  check: (text) => isMod1110(digitsOf(text)),
  context: ['umsatzsteuer', 'ust', 'ust-id', 'vat', 'mwst'],
};

/** Germany. */
export const GERMAN_RECOGNIZERS: readonly Recognizer[] = [
  FUEHRERSCHEIN,
  HANDELSREGISTER,
  HEALTH,
  KFZ,
  LANR,
  PASSPORT,
  PLZ,
  SOCIAL,
  TAX_ID,
  TAX_NUMBER,
  VAT,
];
