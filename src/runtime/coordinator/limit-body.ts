/**
 * How large a body may be.
 *
 * @module
 */

import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';

import { CoordinatorError } from './errors.ts';

/** Most bytes of a body of control. */
export const MAX_JSON_BYTES = 1 << 20;

/** What a body of more than `maxSize` bytes is refused with. */
export function tooLarge(maxSize: number): CoordinatorError {
  return new CoordinatorError('coordinator/too-large', `a body may have at most ${maxSize} bytes here`);
}

/** Refuses larger bodies, those of no announced length while they come. */
export function limitBody(maxSize: number): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw tooLarge(maxSize);
    },
  });
}
