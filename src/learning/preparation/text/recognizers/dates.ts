/**
 * Dates and times, as people and machines write them in English and the larger European languages.
 *
 * @module
 */

import { isDay } from '../checksums.ts';
import type { Recognizer } from '../recognizer.ts';

const MONTHS =
  'jan(?:uary|uar|vier|\\.)?|feb(?:ruary|ruar|\\.)?|f[ée]v(?:rier|\\.)?|mar(?:ch|s|\\.)?|m[äa]rz|apr(?:il|\\.)?|avril|may|mai|june?|juni|juin|july?|juli|juillet|aug(?:ust|\\.)?|ao[ûu]t|sept?(?:ember|embre|\\.)?|o[ck]t(?:ober|obre|\\.)?|nov(?:ember|embre|\\.)?|de[cz](?:ember|\\.)?|d[ée]c(?:embre|\\.)?|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre';
/** Months that cannot be anything else when they stand alone with a year. */
const DAY = String.raw`(?:0?[1-9]|[12]\d|3[01])`;
const YEAR = String.raw`(?:1[89]\d{2}|20\d{2})`;
const TIME = String.raw`(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?: ?[ap]\.?m\.?(?![a-z]))?(?:\s?(?:Z|UTC|GMT|EST|EDT|CST|CDT|MST|MDT|PST|PDT|CET|CEST|BST|[+-]\d{2}:?\d{2})(?![A-Za-z]))?`;
const WEEKDAY = String.raw`(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,? )?`;

const END = String.raw`(?![\w/]|[.\-–]\d)`;
const START = String.raw`(?<![\w/.\-–])`;

const DATE_TIME: Recognizer = {
  type: 'DATE_TIME',
  digits: true,
  patterns: [
    // ISO 8601, with or without a time.
    {
      regex: new RegExp(
        String.raw`${START}${YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:(?:T| )(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?)?(?![\w]|-\d)`,
        'g',
      ),
      score: 0.8,
    },
    { regex: new RegExp(String.raw`${START}${YEAR}[/.](?:0?[1-9]|1[0-2])[/.]${DAY}${END}`, 'g'), score: 0.7 },
    // 31/12/2024, 12/31/2024, 31.12.2024, 31-12-24.
    {
      regex: new RegExp(
        String.raw`${START}(?:${DAY}([/.\-–])(?:0?[1-9]|1[0-2])\1|(?:0?[1-9]|1[0-2])([/.\-–])${DAY}\2)(?:${YEAR}|\d{2})(?:,? (?:at )?${TIME})?${END}`,
        'gi',
      ),
      score: 0.6,
    },
    // 5 May 2024, 5th of May, 2024, Sonntag… and May 5, 2024; 05-May-2024.
    {
      regex: new RegExp(
        String.raw`(?<![\w/.])${WEEKDAY}${DAY}(?:st|nd|rd|th|\.)?(?: of)?[ \-–](?:de )?(?:${MONTHS})(?:,? (?:de )?|[-–])(?:${YEAR}|'\d{2}|\d{2}(?=[^\d\w:]|$))(?:,? (?:at )?${TIME})?(?!\w)`,
        'gi',
      ),
      score: 0.85,
    },
    {
      regex: new RegExp(
        String.raw`(?<![\w/.])${WEEKDAY}(?:${MONTHS})[ \-–]${DAY}(?:st|nd|rd|th)?,?[ \-–]${YEAR}(?:,? (?:at )?${TIME})?(?!\w)`,
        'gi',
      ),
      score: 0.85,
    },
    // Without a year: 21 May, 21-May, May 21, May-21.
    {
      regex: new RegExp(
        String.raw`(?<![\w/.])${WEEKDAY}${DAY}(?:(?:st|nd|rd|th|\.)?(?: of)? |[-–])(?:${MONTHS})(?![\w]|[-–]\d)`,
        'gi',
      ),
      score: 0.6,
    },
    {
      regex: new RegExp(
        String.raw`(?<![\w/.\-–])${WEEKDAY}(?:${MONTHS})[ \-–]${DAY}(?:st|nd|rd|th)?(?![\w:]|[.,\-–]\d)`,
        'gi',
      ),
      score: 0.6,
    },
    // May 2024, May-2024.
    { regex: new RegExp(String.raw`(?<![\w/.])(?:${MONTHS})(?:(?:,| of)? |[-–])${YEAR}(?!\w)`, 'gi'), score: 0.6 },
    // 5/2024 and 5/21, which are fractions as often: a word nearby must say what they are.
    { regex: new RegExp(String.raw`${START}(?:0?[1-9]|1[0-2])/${YEAR}${END}`, 'g'), score: 0.2 },
    { regex: new RegExp(String.raw`${START}(?:0?[1-9]|1[0-2])/${DAY}${END}`, 'g'), score: 0.05 },
    // Times.
    { regex: new RegExp(String.raw`(?<![\w:.])${TIME}(?![\w:]|[.,]\d)`, 'gi'), score: 0.5 },
    { regex: /(?<![\w:.])(?:1[0-2]|0?[1-9]) ?[ap]\.?m\.?(?![\w])/gi, score: 0.6 },
  ],
  check: (text) => (isPossible(text) ? undefined : false),
  context: ['date', 'birth', 'born', 'dob', 'since', 'until', 'expires'],
};

/** Drops the 31st of February and the like. */
function isPossible(text: string): boolean {
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})/.exec(text);
  if (iso !== null) return isDay({ year: Number(iso[1]), month: Number(iso[2]), day: Number(iso[3]) });
  const numeric = /^(\d{1,2})[/.\-–](\d{1,2})[/.\-–](\d{2,4})/.exec(text);
  if (numeric === null) return true;
  const [first, second, year] = numeric.slice(1).map(Number) as [number, number, number];
  return isDay({ year, month: second, day: first }) || isDay({ year, month: first, day: second });
}

/** Dates and times. */
export const DATE_RECOGNIZERS: readonly Recognizer[] = [DATE_TIME];
