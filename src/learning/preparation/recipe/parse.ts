/**
 * The recipe's parser: every refusal names file, line, key, rule and next step, and nothing is read or written before a
 * recipe has parsed whole.
 *
 * @module
 */

import { parseYaml } from '../../../foundations/documents/index.ts';
import { PreparationError } from '../errors.ts';
import { type Recipe, recipeSchema } from './schema.ts';

/**
 * Parses a recipe.
 * @param text - YAML.
 * @param options - `path` as messages shall name it.
 * @throws {@link PreparationError} `preparation/recipe`, one line a problem; `details.problems` has them as data.
 */
export function parseRecipe(text: string, { path }: { path: string }): Recipe {
  return parseYaml(recipeSchema, text, {
    path,
    guide: { page: 'docs/preparation.md', subject: 'recipe' },
    refuse: (message, details) => new PreparationError('preparation/recipe', message, { details }),
  });
}
