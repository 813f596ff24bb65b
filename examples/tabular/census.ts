/**
 * A census-like table: invented people with the columns of the Adult data set, and with what a careless export would have
 * beside them. Nobody in it exists.
 *
 * @module
 */

import type { Rng } from 'sotto/random';

/** A table as text. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What is drawn how often; weights need not add up to one. */
type Weighted = readonly (readonly [value: string, weight: number])[];

const uniform = (rng: Rng): number => rng.uint32() / 2 ** 32;

function draw(choices: Weighted, rng: Rng): string {
  let rest = uniform(rng) * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [value, weight] of choices) {
    rest -= weight;
    if (rest < 0) return value;
  }
  return choices.at(-1)?.[0] ?? '';
}

const EDUCATION: Weighted = [
  ['HS-grad', 33],
  ['Some-college', 22],
  ['Bachelors', 17],
  ['Masters', 5],
  ['Assoc-voc', 4],
  ['11th', 4],
  ['Assoc-acdm', 3],
  ['10th', 3],
  ['7th-8th', 2],
  ['Prof-school', 2],
  ['9th', 1.5],
  ['Doctorate', 1.2],
  ['12th', 1.2],
  ['5th-6th', 1],
  ['1st-4th', 0.5],
];
const HIGHER = new Set(['Bachelors', 'Masters', 'Doctorate', 'Prof-school']);
const OFFICE: Weighted = [
  ['Prof-specialty', 38],
  ['Exec-managerial', 30],
  ['Sales', 12],
  ['Adm-clerical', 10],
  ['Tech-support', 6],
  ['Protective-serv', 2],
];
const TRADE: Weighted = [
  ['Craft-repair', 20],
  ['Adm-clerical', 15],
  ['Other-service', 15],
  ['Sales', 12],
  ['Machine-op-inspct', 9],
  ['Exec-managerial', 9],
  ['Transport-moving', 7],
  ['Handlers-cleaners', 6],
  ['Farming-fishing', 4],
  ['Tech-support', 3],
  ['Protective-serv', 2],
  ['Priv-house-serv', 0.5],
];
const WORK: Weighted = [
  ['Private', 74],
  ['Self-emp-not-inc', 8],
  ['Local-gov', 7],
  ['State-gov', 4],
  ['Self-emp-inc', 3.5],
  ['Federal-gov', 3],
];
const RACE: Weighted = [
  ['White', 86],
  ['Black', 9],
  ['Asian-Pac-Islander', 3],
  ['Amer-Indian-Eskimo', 1],
  ['Other', 0.8],
];
const COUNTRY: Weighted = [
  ['United-States', 91],
  ['Mexico', 2],
  ['Philippines', 0.6],
  ['Germany', 0.5],
  ['India', 0.4],
  ['Canada', 0.4],
  ['England', 0.3],
  ['Cuba', 0.3],
  ['Italy', 0.2],
  ['Columbia', 0.2],
];
const GIVEN = [
  'Ada',
  'Bo',
  'Cleo',
  'Dora',
  'Emil',
  'Fay',
  'Gus',
  'Hal',
  'Ines',
  'Jon',
  'Kim',
  'Leo',
  'Mia',
  'Ned',
  'Ola',
];
const FAMILY = ['Abel', 'Birch', 'Cole', 'Dunn', 'Ek', 'Frost', 'Gray', 'Holm', 'Iver', 'Jay', 'Keen', 'Lund', 'Moss'];

/** Log odds of the higher income class: what a model can find out. */
function oddsOf(person: Readonly<Record<string, string>>): number {
  const age = Number(person.age);
  const school = person.education ?? '';
  const job = person.occupation ?? '';
  return (
    -3.6 +
    2.3 * (person['marital-status'] === 'Married-civ-spouse' ? 1 : 0) +
    1.4 * (HIGHER.has(school) ? 1 : 0) +
    0.6 * (school.startsWith('Assoc') || school === 'Some-college' ? 1 : 0) -
    1.2 * (/^\d/.test(school) ? 1 : 0) +
    0.9 * (job === 'Exec-managerial' || job === 'Prof-specialty' ? 1 : 0) -
    0.9 * (/service|cleaners|Farming|house/.test(job) ? 1 : 0) +
    0.5 * (person.workclass === 'Self-emp-inc' || person.workclass === 'Federal-gov' ? 1 : 0) +
    1.3 * (1 - ((age - 49) / 25) ** 2) * (age < 80 ? 1 : 0)
  );
}

/** Invents a table of so many people. */
export function inventCensus(people: number, rng: Rng): Table {
  const columns =
    'name e-mail postcode sex age race marital-status education native-country workclass occupation salary-class'.split(
      ' ',
    );
  const rows = Array.from({ length: people }, () => {
    const age = Math.min(90, Math.floor(17 + 22 * uniform(rng) + 22 * uniform(rng) + 14 * uniform(rng) ** 2));
    const education = draw(EDUCATION, rng);
    const married = uniform(rng) < Math.min(0.62, 0.02 * (age - 17));
    const given = draw(
      GIVEN.map((name) => [name, 1]),
      rng,
    );
    const family = draw(
      FAMILY.map((name) => [name, 1]),
      rng,
    );
    const person: Record<string, string> = {
      name: `${given} ${family}`,
      'e-mail': `${given}.${family}.${rng.uint32() % 10_000}@example.org`.toLowerCase(),
      postcode: String(10_000 + (rng.uint32() % 90_000)),
      sex: uniform(rng) < 0.67 ? 'Male' : 'Female',
      age: String(age),
      race: draw(RACE, rng),
      'marital-status': married
        ? 'Married-civ-spouse'
        : draw(
            age < 32
              ? [
                  ['Never-married', 85],
                  ['Divorced', 9],
                  ['Separated', 4],
                ]
              : [
                  ['Divorced', 45],
                  ['Never-married', 35],
                  ['Widowed', age > 60 ? 30 : 5],
                  ['Separated', 8],
                ],
            rng,
          ),
      education,
      'native-country': draw(COUNTRY, rng),
      workclass: draw(WORK, rng),
      occupation: draw(HIGHER.has(education) ? OFFICE : TRADE, rng),
    };
    person['salary-class'] = uniform(rng) < 1 / (1 + Math.exp(-oddsOf(person))) ? '>50K' : '<=50K';
    return columns.map((column) => person[column] ?? '');
  });
  return { columns, rows };
}
