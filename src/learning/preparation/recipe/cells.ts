/**
 * Cells against what a recipe declares for their column: type, range, categories. What does not hold is named by rule,
 * never by value.
 *
 * @module
 */

import { parseDate } from '../tables/hierarchy.ts';
import type { RecipeColumn } from './schema.ts';

/** A cell that was read: its text, tidied, or what is wrong with it. */
export type CheckedCell = { readonly value: string | null } | { readonly problem: string };

/**
 * Creates the check of one column.
 *
 * A private column never makes a row malformed: that the row is not there would tell what the cell holds, without a charge.
 * What is out of range counts as the bound, everything else that does not hold as missing.
 */
export function createCellCheck(column: RecipeColumn): (cell: string | null) => CheckedCell {
  const check = createDeclaredCheck(column);
  if (!isProtected(column)) return check;
  return (cell) => {
    const checked = check(cell);
    return 'problem' in checked ? { value: null } : checked;
  };
}

/** Whether a column may leave only with noise, or not at all. */
function isProtected({ private: isPrivate, treatment }: RecipeColumn): boolean {
  return isPrivate || treatment.kind === 'noise';
}

function createDeclaredCheck(column: RecipeColumn): (cell: string | null) => CheckedCell {
  const categories = Array.isArray(column.categories) ? new Set(column.categories) : undefined;
  const lower = column.bounds?.private.lower ?? column.min;
  const upper = column.bounds?.private.upper ?? column.max;
  // Private bounds are narrower than the declared range: values between are clamped, not refused.
  const clamp = column.outside === 'clamp' || column.bounds !== undefined || isProtected(column);
  return (cell) => {
    const text = column.type === 'text' ? cell : (cell?.trim() ?? null);
    if (text === null || text === '') {
      return column.missing === 'refuse' ? { problem: 'is missing' } : { value: null };
    }
    switch (column.type) {
      case 'integer':
      case 'number': {
        const value = Number(text);
        if (!Number.isFinite(value) || !/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text))
          return { problem: 'is not a number' };
        if (column.type === 'integer' && !Number.isInteger(value)) return { problem: 'is not an integer' };
        if (lower === undefined || upper === undefined || (value >= lower && value <= upper))
          return { value: String(value) };
        return clamp
          ? { value: String(Math.min(upper, Math.max(lower, value))) }
          : { problem: `is outside [${lower}, ${upper}]` };
      }
      case 'category':
        return categories === undefined || categories.has(text)
          ? { value: text }
          : { problem: 'is not among the declared categories' };
      case 'boolean': {
        const value = /^(?:true|yes|1|t|y)$/i.test(text) ? 'true' : 'false';
        return /^(?:true|yes|1|t|y|false|no|0|f|n)$/i.test(text) ? { value } : { problem: 'is neither true nor false' };
      }
      case 'date':
        return parseDate(text.slice(0, 10)) !== undefined && /^(?:$|[T ]\d{2}:\d{2})/.test(text.slice(10))
          ? { value: text }
          : { problem: 'is not a date of the form YYYY-MM-DD' };
      case 'text':
        return { value: text };
    }
  };
}
