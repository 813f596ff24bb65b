/**
 * `sotto privacy evaluate`: many questions in one file, for machines. A row that cannot be answered carries the code of
 * its error; the others are answered.
 *
 * @module
 */

import {
  calibrateCount,
  calibrateNoiseMultiplier,
  calibrateParameter,
  createPldAccountant,
  createRdpAccountant,
  type DpEvent,
  eventFromJson,
  INTEGER_ORDERS,
  parseRelation,
} from '../../privacy/accounting/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { UsageError } from '../exit-codes.ts';

/** One question's answer. */
export interface EvaluatedQuery {
  readonly id: string | number | null;
  readonly value: number | null;
  readonly lower?: number;
  readonly upper?: number;
  readonly accountant: string | null;
  readonly seconds: number;
  readonly error?: { readonly code: string; readonly message: string };
}

interface Query {
  readonly id?: unknown;
  readonly event?: unknown;
  readonly event_family?: unknown;
  readonly relation?: unknown;
  readonly query?: unknown;
  readonly delta?: unknown;
  readonly epsilon?: unknown;
  readonly accountant?: unknown;
  readonly orders?: unknown;
}

interface Answer {
  readonly value: number;
  readonly lower?: number;
  readonly upper?: number;
}

/** Answers every query of a parsed file. @throws {UsageError} when the file is no array. */
export function evaluateQueries(queries: unknown): readonly EvaluatedQuery[] {
  if (!Array.isArray(queries)) throw new UsageError('the file must hold an array of queries');
  return queries.map((query: unknown) => evaluateQuery(query));
}

function evaluateQuery(input: unknown): EvaluatedQuery {
  const query = (typeof input === 'object' && input !== null ? input : {}) as Query;
  const id = typeof query.id === 'string' || typeof query.id === 'number' ? query.id : null;
  const accountant = typeof query.accountant === 'string' ? query.accountant : null;
  const start = process.hrtime.bigint();
  const seconds = (): number => Number(process.hrtime.bigint() - start) / 1e9;
  try {
    const answer = answerQuery(query);
    return { id, ...answer, accountant, seconds: seconds() };
  } catch (error) {
    return { id, value: null, accountant, seconds: seconds(), error: describe(error) };
  }
}

function describe(error: unknown): { code: string; message: string } {
  if (error instanceof SottoError) return { code: error.code, message: error.message };
  if (error instanceof RangeError || error instanceof TypeError)
    return { code: 'usage/invalid', message: error.message };
  // A defect in one row must not cost the others their answers.
  return { code: 'internal/unexpected', message: error instanceof Error ? error.message : String(error) };
}

function field(query: Query, name: 'delta' | 'epsilon'): number {
  const value = query[name];
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(`"${name}" must be a number ≥ 0, got ${JSON.stringify(value)}`);
}

function answerQuery(query: Query): Answer {
  const { accountant, orders = 'default' } = query;
  if (accountant !== 'rdp' && accountant !== 'pld') {
    throw new UsageError(`"accountant" must be "rdp" or "pld", got ${JSON.stringify(accountant)}`);
  }
  if (orders !== 'default' && orders !== 'integer') {
    throw new UsageError(`"orders" must be "default" or "integer", got ${JSON.stringify(orders)}`);
  }
  const relation = parseRelation(query.relation ?? 'add-or-remove-one');
  if (query.query === 'calibrate') {
    const family = query.event_family ?? query.event;
    const target = { epsilon: field(query, 'epsilon'), delta: field(query, 'delta'), relation, accountant } as const;
    return { value: calibrateHole(family, target) };
  }
  const event = eventFromJson(query.event);
  switch (query.query) {
    case 'epsilon_for_delta':
      return accountant === 'rdp'
        ? { value: createRdp(event, relation, orders).epsilon(field(query, 'delta')) }
        : toAnswer(createPld(event, relation).epsilonInterval(field(query, 'delta')));
    case 'delta_for_epsilon':
      return accountant === 'rdp'
        ? { value: createRdp(event, relation, orders).delta(field(query, 'epsilon')) }
        : toAnswer(createPld(event, relation).deltaInterval(field(query, 'epsilon')));
    default:
      throw new UsageError(
        `"query" must be "epsilon_for_delta", "delta_for_epsilon" or "calibrate", got ${JSON.stringify(query.query)}`,
      );
  }
}

type Target = Omit<Parameters<typeof calibrateNoiseMultiplier>[0], 'event'>;
type Hole = 'count' | Pick<Parameters<typeof calibrateParameter>[0], 'increasing' | 'range' | 'start'>;

const SCALE = { low: 1e-6, high: 1e9 };
/** Fields a family can be open in, by their JSON names: a number of repetitions, noise, or something that costs. */
const HOLES: Readonly<Record<string, Hole>> = {
  count: 'count',
  step_counts: 'count',
  sigma: { increasing: 'safer', range: SCALE, start: 1 },
  standard_deviation: { increasing: 'safer', range: SCALE, start: 1 },
  variance: { increasing: 'safer', range: SCALE, start: 1 },
  share_variance: { increasing: 'safer', range: SCALE, start: 1 },
  sampling_probability: { increasing: 'costlier', range: { low: 1e-9, high: 1 }, start: 0.01 },
  epsilon: { increasing: 'costlier', range: SCALE, start: 1 },
  rho: { increasing: 'costlier', range: SCALE, start: 1 },
  l2_sensitivity: { increasing: 'costlier', range: SCALE, start: 1 },
};

/** Solves for whatever a family leaves open. */
function calibrateHole(family: unknown, target: Target): number {
  const event = (value: number): DpEvent => eventFromJson(fillHole(family, value));
  const names = holesOf(family);
  const [name] = names;
  if (name === undefined || names.every((key) => key === 'noise_multiplier')) {
    return calibrateNoiseMultiplier({ ...target, event });
  }
  const hole = HOLES[name];
  if (hole === undefined || names.some((key) => key !== name)) {
    const known = ['noise_multiplier', ...Object.keys(HOLES)].join(', ');
    throw new UsageError(`"?" must stand for one of ${known}, got ${[...new Set(names)].join(', ')}`);
  }
  return hole === 'count' ? calibrateCount({ ...target, event }) : calibrateParameter({ ...target, event, ...hole });
}

/** The keys that hold "?". */
function holesOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, inner]) => (inner === '?' ? [key] : holesOf(inner)));
}

function toAnswer({ lower, upper }: { readonly lower: number; readonly upper: number }): Answer {
  return { value: upper, lower, upper };
}

type Relation = ReturnType<typeof parseRelation>;

function createRdp(event: DpEvent, relation: Relation, orders: 'default' | 'integer') {
  const accountant = createRdpAccountant(orders === 'integer' ? { relation, orders: INTEGER_ORDERS } : { relation });
  accountant.compose(event);
  return accountant;
}

function createPld(event: DpEvent, relation: Relation) {
  const accountant = createPldAccountant({ relation });
  accountant.compose(event);
  return accountant;
}

/**
 * Puts a value where a family has its hole: the string "?", or, in an event without one, every noise multiplier (so that
 * an event with a number there serves as a family too).
 */
export function fillHole(family: unknown, value: number): unknown {
  const marked = JSON.stringify(family ?? null).includes('"?"');
  const fill = (part: unknown): unknown => {
    if (part === '?') return value;
    if (Array.isArray(part)) return part.map(fill);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, inner]) => [key, !marked && key === 'noise_multiplier' ? value : fill(inner)]),
    );
  };
  return fill(family);
}

/** JSON has no infinity: it is written as the string "Infinity". */
export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (inner === Infinity ? 'Infinity' : inner), 2);
}
