/**
 * The door to running recipes. What recipes need (anonymisation, screening, Parquet) is loaded when one is run, so that a
 * room which only stores things does not wait for it.
 *
 * @module
 */

import type { PrepareOptions, PrepareResult } from './prepare.ts';

export type { PrepareOptions, PrepareResult };

/**
 * Runs a recipe.
 * @throws {@link PreparationError} or {@link StorageError}: nothing was put in place; a quarantine file stays when rows
 * were malformed, and the charge stands once rows were read.
 */
export async function runPreparation(options: PrepareOptions): Promise<PrepareResult> {
  const { runPreparation: run } = await import('./prepare.ts');
  return run(options);
}
