/**
 * The check of HIPAA Safe Harbor, 45 CFR 164.514(b)(2): eighteen kinds of identifiers that must not be in a release.
 * Each row passes or fails by the columns' names and by what the scanner sees in what is written. A pass says that
 * nothing was found; it does not replace the second condition, that nobody knows the data can identify somebody.
 *
 * @module
 */

import type { EntityType } from '../text/entities.ts';
import { COUNTRIES } from '../text/name-lists.ts';
import { createPiiScanner } from '../text/scanner.ts';
import type { Recipe } from './schema.ts';

/** One of the eighteen rows. */
export interface SafeHarborRow {
  readonly letter: string;
  readonly identifier: string;
  readonly pass: boolean;
  /** Columns and what was seen in them; never a value. */
  readonly findings: readonly string[];
}

/** The check over a release, row by row. */
export interface SafeHarborCheck {
  add(cells: readonly (string | null)[]): void;
  report(): readonly SafeHarborRow[];
}

interface Rule {
  readonly letter: string;
  readonly identifier: string;
  readonly names?: RegExp;
  readonly entities?: readonly EntityType[];
}

const RULES: readonly Rule[] = [
  {
    letter: 'A',
    identifier: 'Names',
    names:
      /(?:^|_|\b)(?:(?:first|last|full|family|given|maiden|sur)[_ -]?name|name|vorname|nachname|initials)(?:$|_|\b)/i,
    entities: ['PERSON'],
  },
  {
    letter: 'B',
    identifier: 'Places smaller than a state; ZIP codes beyond three digits',
    names: /address|street|city|county|zip|postal|postcode|plz|latitude|longitude|geo(?:code|hash)?|precinct/i,
    entities: ['LOCATION', 'UK_POSTCODE', 'DE_PLZ'],
  },
  {
    letter: 'C',
    identifier: 'Dates more exact than a year; ages over 89',
    names: /(?:birth|admission|discharge|death|visit)[_ -]?(?:date|day|month)|date[_ -]?of|\bdob\b/i,
    entities: ['DATE_TIME'],
  },
  {
    letter: 'D',
    identifier: 'Telephone numbers',
    names: /phone|mobile|cell[_ -]?(?:no|number)/i,
    entities: ['PHONE_NUMBER', 'PH_MOBILE_NUMBER', 'TR_PHONE_NUMBER'],
  },
  { letter: 'E', identifier: 'Fax numbers', names: /\bfax/i },
  { letter: 'F', identifier: 'Email addresses', names: /e-?mail/i, entities: ['EMAIL_ADDRESS'] },
  {
    letter: 'G',
    identifier: 'Social security numbers',
    names: /\bssn\b|social[_ -]?security/i,
    entities: ['US_SSN', 'US_ITIN'],
  },
  {
    letter: 'H',
    identifier: 'Medical record numbers',
    names: /\bmrn\b|medical[_ -]?record|patient[_ -]?(?:id|no|number)/i,
    entities: ['UK_NHS'],
  },
  {
    letter: 'I',
    identifier: 'Health plan beneficiary numbers',
    names: /beneficiary|member[_ -]?(?:id|no|number)|insurance[_ -]?(?:id|no|number)|health[_ -]?plan/i,
    entities: ['US_MBI', 'DE_HEALTH_INSURANCE', 'AU_MEDICARE'],
  },
  {
    letter: 'J',
    identifier: 'Account numbers',
    names: /account|iban|card[_ -]?(?:no|number)/i,
    entities: ['IBAN_CODE', 'CREDIT_CARD', 'US_BANK_NUMBER', 'CRYPTO'],
  },
  {
    letter: 'K',
    identifier: 'Certificate and license numbers',
    names: /licen[sc]e|certificate|passport|\bnpi\b|\bdea\b/i,
    entities: ['MEDICAL_LICENSE', 'US_NPI', 'US_DRIVER_LICENSE', 'US_PASSPORT', 'UK_DRIVING_LICENCE', 'UK_PASSPORT'],
  },
  {
    letter: 'L',
    identifier: 'Vehicle identifiers, license plates',
    names: /\bvin\b|vehicle[_ -]?(?:id|no|number)|plate/i,
    entities: [
      'UK_VEHICLE_REGISTRATION',
      'DE_KFZ',
      'IN_VEHICLE_REGISTRATION',
      'NG_VEHICLE_REGISTRATION',
      'TR_LICENSE_PLATE',
    ],
  },
  {
    letter: 'M',
    identifier: 'Device identifiers and serial numbers',
    names: /device[_ -]?(?:id|no|number)|serial|imei|\bmac\b/i,
    entities: ['MAC_ADDRESS'],
  },
  { letter: 'N', identifier: 'Web addresses', names: /\burls?\b|website|homepage/i, entities: ['URL'] },
  { letter: 'O', identifier: 'IP addresses', names: /\bip(?:v[46])?\b|ip[_ -]?address/i, entities: ['IP_ADDRESS'] },
  {
    letter: 'P',
    identifier: 'Biometric identifiers',
    names: /fingerprint|biometric|retina|iris[_ -]?(?:scan|code)|voice[_ -]?print|\bdna\b/i,
  },
  { letter: 'Q', identifier: 'Full-face photographs', names: /photo|portrait|face[_ -]?image|picture|headshot/i },
  {
    letter: 'R',
    identifier: 'Any other unique identifying number, characteristic or code',
    names: /\b(?:u?uid|guid|national[_ -]?id|tax[_ -]?id|employee[_ -]?(?:id|no|number)|user[_ -]?(?:id|name))\b/i,
    entities: [
      'US_ITIN',
      'IN_AADHAAR',
      'CA_SIN',
      'DE_TAX_ID',
      'UK_NINO',
      'PL_PESEL',
      'SE_PERSONNUMMER',
      'KR_RRN',
      'ZA_ID_NUMBER',
      'SG_NRIC_FIN',
      'ES_NIF',
      'IT_FISCAL_CODE',
      'FI_PERSONAL_IDENTITY_CODE',
      'TR_NATIONAL_ID',
      'TH_TNIN',
    ],
  },
];

/** Places that are no smaller than a state: their names may stay. */
const LARGE_PLACES: ReadonlySet<string> = new Set([
  ...COUNTRIES,
  ...(
    'Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|' +
    'Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|' +
    'Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|' +
    'Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming'
  ).split('|'),
]);

/**
 * Three-digit ZIP codes of at most 20,000 people by the census of 2000: to be changed to 000. From the guidance of the Office
 * for Civil Rights on de-identification, 26 November 2012.
 */
const SMALL_ZIPS: ReadonlySet<string> = new Set(
  '036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893'.split(' '),
);

/** What is wrong with a ZIP code, as it is or generalised; undefined when nothing is. */
function problemOfZip(value: string): string | undefined {
  if (/\d{4}/.test(value)) return 'more than three digits';
  const [prefix] = /(?<!\d)\d{3}(?!\d)/.exec(value) ?? [];
  return prefix !== undefined && SMALL_ZIPS.has(prefix) ? 'three digits that at most 20,000 people share' : undefined;
}

/** Rows from which a column that never repeats itself counts as a code of its own. */
const UNIQUE_FROM = 20;
const UNIQUE_SAMPLE = 10_000;

/** Creates the check of a recipe's output columns. */
export function createSafeHarborCheck(recipe: Recipe, columns: readonly string[]): SafeHarborCheck {
  const scanner = createPiiScanner();
  const findings = new Map<string, Set<string>>(RULES.map(({ letter }) => [letter, new Set<string>()]));
  const note = (letter: string, text: string): void => {
    findings.get(letter)?.add(text);
  };
  // Values repeat in tables: each distinct short one is looked at once.
  const seen = columns.map(() => new Set<string>());
  const distinct = columns.map(() => new Set<string>());
  const filled = columns.map(() => 0);
  // Texts of several words repeat themselves as little as codes do.
  const isProse = columns.map(() => false);
  let rows = 0;

  columns.forEach((column) => {
    const declared = recipe.columns[column];
    const generalized = recipe.anonymize?.quasiIdentifiers[column] !== undefined;
    for (const { letter, names } of RULES) {
      if (names?.test(column) !== true) continue;
      // What was generalised, shifted or noised is judged by its values below.
      if (generalized || declared?.treatment.kind === 'pii') continue;
      if (letter === 'C' && declared?.treatment.kind === 'dateShift')
        note('C', `"${column}": shifted dates are still dates`);
      else if (declared?.treatment.kind === 'token' || declared?.treatment.kind === 'formatPreserving') {
        note('R', `"${column}": a pseudonym derived from the value is a code that 164.514(c) does not allow`);
      } else note(letter, `"${column}": by its name`);
    }
    if (declared?.treatment.kind === 'token' || declared?.treatment.kind === 'formatPreserving') {
      note('R', `"${column}": a pseudonym derived from the value is a code that 164.514(c) does not allow`);
    }
  });

  function look(column: string, value: string): void {
    const declared = recipe.columns[column];
    if (/\bage\b|alter\b/i.test(column.replaceAll('_', ' ')) && agesAbove(value))
      note('C', `"${column}": ages over 89`);
    const zip = /zip|post(?:al)?[ _-]?code|plz/i.test(column) ? problemOfZip(value) : undefined;
    if (zip !== undefined) note('B', `"${column}": ${zip}`);
    if (declared?.type === 'integer' || declared?.type === 'number') return;
    if (/^\d{4}-\d{2}/.test(value)) note('C', `"${column}": dates`);
    for (const { type, start, end } of scanner.scan(value)) {
      if (type === 'LOCATION' && LARGE_PLACES.has(value.slice(start, end).replaceAll('-', ' '))) continue;
      for (const { letter, entities } of RULES) {
        if (entities?.includes(type) === true && !isYear(type, value)) note(letter, `"${column}": ${type}`);
      }
    }
  }

  return {
    add(cells) {
      rows += 1;
      cells.forEach((cell, i) => {
        if (cell === null) return;
        const own = seen[i] as Set<string>;
        if (rows <= UNIQUE_SAMPLE) {
          distinct[i]?.add(cell);
          filled[i] = (filled[i] as number) + 1;
          if (/\s/.test(cell.trim())) isProse[i] = true;
        }
        if (own.has(cell)) return;
        if (cell.length <= 64 && own.size < 100_000) own.add(cell);
        look(columns[i] as string, cell);
      });
    },
    report() {
      columns.forEach((column, i) => {
        const type = recipe.columns[column]?.type;
        const sampled = filled[i] as number;
        const isCode = type === 'category' || type === 'integer' || (type === 'text' && isProse[i] === false);
        if (isCode && sampled >= UNIQUE_FROM && distinct[i]?.size === sampled) {
          note('R', `"${column}": another value in every row`);
        }
      });
      return RULES.map(({ letter, identifier }) => {
        const found = [...(findings.get(letter) ?? [])].toSorted();
        return { letter, identifier, pass: found.length === 0, findings: found };
      });
    },
  };
}

function isYear(type: EntityType, value: string): boolean {
  return type === 'DATE_TIME' && /^\d{4}$/.test(value);
}

/** Whether a number or the upper end of a band lies above 89. */
function agesAbove(value: string): boolean {
  const numbers = (value.match(/\d+(?:\.\d+)?/g) ?? []).map(Number);
  if (numbers.length === 0) return false;
  return Math.max(...numbers) - (value.endsWith(')') ? 1 : 0) > 89;
}
