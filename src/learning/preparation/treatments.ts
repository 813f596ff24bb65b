/**
 * What is done with the cells of one column.
 *
 * @module
 */

import { hkdfSha256, utf8 } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { PreparationError } from './errors.ts';
import type { CellNoise } from './private/local-noise.ts';
import { createDateShifter } from './pseudonyms/date-shift.ts';
import { createFf1 } from './pseudonyms/ff1.ts';
import { createTokenizer, derivePurposeKey } from './pseudonyms/tokens.ts';
import type { RecipeColumn } from './recipe/schema.ts';
import type { EntityType } from './text/entities.ts';
import { redactText, type PiiOperator, type PiiOperators } from './text/operators.ts';
import { createPiiScanner } from './text/scanner.ts';

/** Rewrites a cell; `person` is the identifier by which dates are shifted. */
export type Treatment = (cell: string | null, person: string) => string | null;

/** What treatments need. */
export interface TreatmentFields {
  readonly name: string;
  /** Private statistics that were taken, by name. */
  readonly taken: ReadonlyMap<string, unknown>;
  readonly noise: CellNoise | undefined;
  readonly masterKey?: Uint8Array;
  readonly rng: Rng;
}

/** Creates the treatment of a column, after the first pass. */
export function createTreatment(column: RecipeColumn, fields: TreatmentFields): Treatment {
  const { name, taken, noise, rng } = fields;
  const { treatment } = column;
  const keyFor = (purpose: string): Uint8Array => {
    if (fields.masterKey === undefined)
      throw new PreparationError('preparation/key', `column "${name}" needs a key, and the recipe names no key file`);
    return derivePurposeKey(fields.masterKey, purpose);
  };
  const ifThere = (change: (cell: string, person: string) => string): Treatment => {
    return (cell, person) => (cell === null ? null : change(cell, person));
  };
  switch (treatment.kind) {
    case 'keep':
    case 'omit':
      return keepOf(column, fields);
    case 'token':
      return ifThere(
        createTokenizer(keyFor(treatment.purpose), { sizeBytes: treatment.sizeBytes, prefix: treatment.prefix }),
      );
    case 'formatPreserving': {
      // The column is the tweak: equal numbers of two columns get different pseudonyms.
      const ff1 = createFf1(keyFor(treatment.purpose), { alphabet: treatment.alphabet, tweak: utf8(name) });
      return ifThere((cell) =>
        keepSeparators(cell, { alphabet: treatment.alphabet, encrypt: (text) => ff1.encrypt(text) }),
      );
    }
    case 'dateShift':
      return ifThere(createDateShifter(keyFor(treatment.purpose), { maxDays: treatment.maxDays }));
    case 'pii': {
      const purpose = treatment.purpose ?? `pii/${name}`;
      const scanner = createPiiScanner({
        minScore: treatment.minScore,
        ...(treatment.entities === undefined ? {} : { entities: treatment.entities }),
      });
      const resolve = (spec: (typeof treatment)['operator']): PiiOperator =>
        resolveOperator(spec, () => keyFor(purpose));
      const operators: PiiOperators = {
        ...(Object.fromEntries(
          Object.entries(treatment.operators).map(([type, spec]) => [
            type,
            resolve(spec as (typeof treatment)['operator']),
          ]),
        ) as Partial<Record<EntityType, PiiOperator>>),
        default: resolve(treatment.operator),
      };
      return ifThere((cell) => redactText(cell, scanner.scan(cell), { operators, rng }).text);
    }
    case 'noise':
      if (noise === undefined) throw new TypeError('"noise" is needed for treatment noise');
      return (cell) => noise.release(cell, rng);
    case 'standardize': {
      const { mean, stddev } = taken.get(`columns.${name}.standardize`) as { mean: number; stddev: number };
      return ifThere((cell) => String((Number(cell) - mean) / stddev));
    }
  }
}

function keepOf(column: RecipeColumn, { name, taken }: TreatmentFields): Treatment {
  if (column.bounds !== undefined) {
    const bounds = (taken.get(`columns.${name}.bounds`) as number[]).toSorted((a, b) => a - b);
    const [lower, upper] = bounds as [number, number];
    return (cell) => {
      if (cell === null) return null;
      const clamped = Math.min(upper, Math.max(lower, Number(cell)));
      return String(column.type === 'integer' ? Math.round(clamped) : clamped);
    };
  }
  if (column.categories !== undefined && !Array.isArray(column.categories)) {
    const known = taken.get(`columns.${name}.categories`) as Record<string, number>;
    const { other } = column.categories.private;
    return (cell) => (cell === null || Object.hasOwn(known, cell) ? cell : other);
  }
  return (cell) => cell;
}

function resolveOperator(
  spec: { readonly kind: PiiOperator['kind']; readonly [key: string]: unknown },
  key: () => Uint8Array,
): PiiOperator {
  const rest = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  if (spec.kind === 'hash')
    return { ...rest, kind: 'hash', salt: hkdfSha256(key(), { info: utf8('salt'), sizeBytes: 16 }) } as PiiOperator;
  if (spec.kind === 'encrypt') return { kind: 'encrypt', key: key() };
  return rest as unknown as PiiOperator;
}

/** Encrypts the characters of the alphabet, and leaves hyphens, spaces, dots and slashes where they are. */
function keepSeparators(
  text: string,
  { alphabet, encrypt }: { alphabet: string; encrypt: (text: string) => string },
): string {
  const letters = Array.from(text);
  const isSeparator = (letter: string): boolean => /[\s./-]/.test(letter) && !alphabet.includes(letter);
  const changed = Array.from(encrypt(letters.filter((letter) => !isSeparator(letter)).join('')));
  let next = 0;
  return letters.map((letter) => (isSeparator(letter) ? letter : changed[next++])).join('');
}
