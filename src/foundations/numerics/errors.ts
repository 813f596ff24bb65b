/**
 * The base of all errors that Sotto throws on purpose, and the asserters of arguments.
 *
 * @module
 */

/** What an error carries beside its message. */
export interface SottoErrorOptions {
  /** Whether the same call may succeed later without any change. False by default. */
  readonly retryable?: boolean;
  /** Facts for programs; never data, updates, shares, keys or seeds. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Base of every typed error. Each room has one subclass with a closed union of codes; codes are public API. */
export abstract class SottoError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, { retryable = false, details = {}, cause }: SottoErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = retryable;
    this.details = details;
  }
}

/** Ends an exhaustive `switch`. @throws {TypeError} always: the value has a kind the code does not know. */
export function assertNever(value: never, title = 'value'): never {
  throw new TypeError(`"${title}" has an unknown kind: ${JSON.stringify(value)}`);
}

/** @throws {RangeError} when `value` is not a finite number > 0. */
export function assertPositive(value: number, title: string): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new RangeError(`"${title}" must be a finite number > 0, got ${value}`);
  }
}

/** @throws {RangeError} when `value` is not a finite number ≥ 0. */
export function assertNonNegative(value: number, title: string): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new RangeError(`"${title}" must be a finite number ≥ 0, got ${value}`);
  }
}

/** @throws {RangeError} when `value` is not an integer in [min, max]. */
export function assertInteger(
  value: number,
  title: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`"${title}" must be an integer in [${min}, ${max}], got ${value}`);
  }
}

/** @throws {RangeError} when `value` is not a number in [0, 1]. */
export function assertProbability(value: number, title: string): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new RangeError(`"${title}" must be a number in [0, 1], got ${value}`);
  }
}
