/**
 * People, places and groups by lists and rules. Honest grade: lists and rules find names that are common or stand in a
 * telling place, and miss the rest; docs/preparation.md has the figures. Who needs more brings a model as a
 * {@link TextRecognizer}.
 *
 * @module
 */

import type { EntityType } from './entities.ts';
import { AMBIGUOUS_NAMES, COUNTRIES, FAMILY_NAMES, GIVEN_NAMES, GROUPS, PLACES } from './name-lists.ts';
import type { TextRecognizer } from './recognizer.ts';

const given = new Set(GIVEN_NAMES);
const ambiguous = new Set(AMBIGUOUS_NAMES);
const family = new Set(FAMILY_NAMES);
const places = new Set([...COUNTRIES, ...PLACES]);
const groups = new Set(GROUPS);
/** Family names that come first. */
const leading = new Set(
  'Nguyen Tran Kim Choi Jung Kang Chen Wang Zhang Liu Yang Huang Zhao Wu Zhou Xu Tanaka Suzuki Sato Takahashi Watanabe Yamamoto Nakamura Kobayashi'.split(
    ' ',
  ),
);
const longestPhrase = 4;

const TITLES = new Set(
  'Mr Mrs Ms Miss Mx Dr Prof Professor Sir Madam Herr Frau Hr Fr Monsieur Madame Mme Señor Señora Sr Sra Signor Signora Sig Rev Judge Captain Capt Sgt Lt Col Gen Sen Rep Nurse Doctor Lord Lady Dame'.split(
    ' ',
  ),
);

/** Capitalised words that start sentences, greetings or headings: never part of a name on their own account. */
const STOP = new Set(
  'The A An I It He She We They You This That These Those There Here When Where What Who Why How If In On At By For From To Of And Or But Not No Yes Dear Hello Hi Hey Thanks Thank Regards Sincerely Best Kind Yours Please Contact Call Email Tel Phone Fax Attn Re Subject Date Patient Customer Client Employee Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September October November December Street Road Avenue Lane Drive Inc Ltd LLC GmbH AG Corp Company University Hospital Bank Department Ministry Church School College Institute Group Team Project Our Your My His Her Their Its As So Also Then Now After Before During Since While Because Although Is Are Was Were Has Have Had Do Does Did Will Would Can Could Should May Might Must All Any Some Each Every Other Another New Old First Last Next Invoice Order Account Number Name Address City State Country'.split(
    ' ',
  ),
);

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly capital: boolean;
}

/** Letters with inner apostrophes, hyphens; initials keep their dot. */
const WORDS = /\p{L}[\p{L}\p{M}]*(?:['’-]\p{L}[\p{L}\p{M}]*)*\.?/gu;

function readWords(text: string): Word[] {
  const found: Word[] = [];
  for (const match of text.matchAll(WORDS)) {
    const dotted = match[0].endsWith('.');
    const bare = dotted ? match[0].slice(0, -1) : match[0];
    const keepsDot = dotted && (bare.length === 1 || TITLES.has(bare) || bare === 'St' || bare === 'Jr');
    const value = keepsDot ? match[0] : bare;
    found.push({ text: value, start: match.index, end: match.index + value.length, capital: /^\p{Lu}/u.test(value) });
  }
  return found;
}

const bareOf = (word: string): string => word.replace(/\.$/, '');
const baseOf = (word: string): string => bareOf(word).replace(/['’]s$/, '');

type Found = { type: EntityType; start: number; end: number; score: number };

/** Creates the recogniser of people, places and groups. */
export function createNameRecognizer(): TextRecognizer {
  return {
    types: ['PERSON', 'LOCATION', 'NRP'],
    find(text) {
      const list = readWords(text);
      const found: Found[] = [...findAddresses(text)];
      for (let i = 0; i < list.length; i += 1) {
        if (list[i]?.capital !== true) continue;
        const person = findPerson(text, list, i);
        const place = findPhrase(text, list, { at: i, phrases: places });
        const group = findPhrase(text, list, { at: i, phrases: groups });
        if (person !== undefined && person.words >= (place?.words ?? 0)) {
          found.push({ type: 'PERSON', start: person.start, end: person.end, score: person.score });
          i += person.words - 1;
        } else if (place !== undefined) {
          found.push({ type: 'LOCATION', start: place.start, end: place.end, score: 0.6 });
          i += place.words - 1;
        } else if (group !== undefined) {
          found.push({ type: 'NRP', start: group.start, end: group.end, score: 0.6 });
          i += group.words - 1;
        }
      }
      return found;
    },
  };
}

interface Run {
  readonly start: number;
  readonly end: number;
  readonly words: number;
}

/** Whether two words are joined by one space, or a hyphen-like joint. */
function adjoins(text: string, a: Word | undefined, b: Word | undefined): boolean {
  return a !== undefined && b !== undefined && /^[ \u00a0]$/.test(text.slice(a.end, b.start));
}

function findPhrase(
  text: string,
  list: readonly Word[],
  { at, phrases }: { at: number; phrases: ReadonlySet<string> },
): Run | undefined {
  for (let words = longestPhrase; words >= 1; words -= 1) {
    const last = list[at + words - 1];
    const first = list[at] as Word;
    if (last === undefined) continue;
    if (last.start - first.start > 40) continue;
    const whole = text.slice(first.start, last.end);
    if (phrases.has(baseOf(whole)) && (words === 1 || !/[^\p{L}\p{M}' .\-’]/u.test(whole))) {
      return { start: first.start, end: first.start + baseOf(whole).length, words };
    }
  }
  return undefined;
}

const PARTICLES = new Set([
  'van',
  'von',
  'de',
  'der',
  'den',
  'da',
  'di',
  'del',
  'della',
  'la',
  'le',
  'bin',
  'al',
  'el',
  'dos',
  'du',
  'zu',
  'ter',
]);

function findPerson(text: string, list: readonly Word[], at: number): (Run & { score: number }) | undefined {
  const first = list[at] as Word;
  if (TITLES.has(bareOf(first.text))) {
    let next = at + 1;
    while (adjoins(text, list[next - 1], list[next]) && TITLES.has(bareOf(list[next]?.text ?? ''))) next += 1;
    if (!adjoins(text, list[next - 1], list[next])) return undefined;
    const run = extend(text, list, next);
    // The title itself is no part of the name.
    return run === undefined
      ? undefined
      : { start: (list[next] as Word).start, end: run.end, words: run.words + next - at, score: 0.85 };
  }
  const name = baseOf(first.text);
  const run = extend(text, list, at);
  if (run === undefined) return undefined;
  const last = baseOf((list[at + run.words - 1] as Word).text);
  const startsGiven = given.has(name) || name.split('-').every((part) => given.has(part));
  if (run.words >= 2) {
    if (startsGiven || (ambiguous.has(name) && family.has(last))) return { ...run, score: 0.85 };
    // "J. Doe", "J. R. Miller".
    if (/^\p{Lu}\.$/u.test(first.text) && family.has(last)) return { ...run, score: 0.75 };
    if (family.has(last) && !places.has(text.slice(run.start, run.end)) && isTelling(text, first.start))
      return { ...run, score: 0.6 };
    if (leading.has(name) && isTelling(text, first.start)) return { ...run, score: 0.55 };
    if (
      /^(?:name|patient|customer|client|employee|contact|applicant|driver|author|signed|manager|passenger|insured|policyholder|kunde|patientin)s?$/i.test(
        wordBefore(text, first.start),
      )
    ) {
      return { ...run, score: 0.5 };
    }
    return undefined;
  }
  // "Müller, Anna".
  const comma = list[at + 1];
  if (
    family.has(name) &&
    comma?.capital === true &&
    text.slice(first.end, comma.start) === ', ' &&
    given.has(baseOf(comma.text)) &&
    !ambiguous.has(baseOf(comma.text))
  ) {
    return { start: first.start, end: comma.end, words: 2, score: 0.7 };
  }
  if (startsGiven && !ambiguous.has(name)) return { ...run, score: 0.5 };
  if (
    (ambiguous.has(name) || family.has(name)) &&
    /^(?:hi|hello|dear|hey|regards|thanks|cheers|love|liebe|lieber|hallo|sincerely)$/i.test(
      wordBefore(text, first.start),
    )
  ) {
    return { ...run, score: 0.5 };
  }
  return undefined;
}

/** The capitalised words from `at` that can be one name, at most five. */
function extend(text: string, list: readonly Word[], at: number): Run | undefined {
  const first = list[at];
  if (first === undefined || !first.capital || STOP.has(first.text) || /^\p{Lu}{2,}$/u.test(first.text))
    return undefined;
  let last = at;
  while (last - at < 4) {
    let next = last + 1;
    let particles = 0;
    while (particles < 2 && adjoins(text, list[next - 1], list[next]) && PARTICLES.has(list[next]?.text ?? '')) {
      next += 1;
      particles += 1;
    }
    const word = list[next];
    if (word === undefined || !adjoins(text, list[next - 1], word) || !word.capital || STOP.has(word.text)) break;
    if (TITLES.has(bareOf(word.text)) || /^\p{Lu}{2,}$/u.test(bareOf(word.text))) break;
    // A sentence that ended with a possessive or goes on in a new clause.
    if (/['’]s$/.test((list[last] as Word).text)) break;
    last = next;
  }
  const end = list[last] as Word;
  return {
    start: first.start,
    end: end.start + baseOf(end.text).length + (/^\p{Lu}\.$/u.test(end.text) ? 1 : 0),
    words: last - at + 1,
  };
}

function wordBefore(text: string, at: number): string {
  return /(\p{L}+)[\s:,.–-]*$/u.exec(text.slice(Math.max(0, at - 24), at))?.[1] ?? '';
}

/** Whether the capital at `at` says something: it does not start a sentence. */
function isTelling(text: string, at: number): boolean {
  return (
    /[\p{L}\p{N},;:]\s$/u.test(text.slice(Math.max(0, at - 2), at)) ||
    /(?:by|with|from|to|and|is|am|for|of)\s$/.test(text.slice(Math.max(0, at - 6), at))
  );
}

/** A house number and a street, as English or German writes them. */
const STREETS = [
  /(?<![\w.])\d{1,5}[A-Za-z]? (?:(?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)\.? )?(?:\d{1,3}(?:st|nd|rd|th)|\p{Lu}[\p{L}'’]+)(?: \p{Lu}[\p{L}'’]+){0,3} (?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Way|Place|Pl|Terrace|Parkway|Pkwy|Highway|Hwy|Close|Crescent|Gardens|Grove|Row|Mews|Hill|Circle|Cir|Trail)(?![\p{L}])(?: (?:N|S|E|W|NE|NW|SE|SW)(?![\p{L}]))?(?:\.?,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|#)\.? ?[\w-]{1,6})?/gu,
  /(?<![\p{L}\d])(?:\p{Lu}[\p{L}-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer)|(?:Am|An der|Auf dem|Unter den|Alte|Neue) \p{Lu}\p{Ll}+) \d{1,4} ?[a-z]?(?![\p{L}\d])/gu,
];

function* findAddresses(text: string): Generator<Found> {
  for (const regex of STREETS) {
    for (const match of text.matchAll(regex)) {
      const value = match[0].replace(/ $/, '');
      yield { type: 'LOCATION', start: match.index, end: match.index + value.length, score: 0.7 };
    }
  }
}
