/**
 * Who takes part in a round, and how often: memberships are counted, nobody is asked beyond the bound that its noise was
 * calibrated for, and an attempt is charged only when it takes somebody to a number of memberships that nobody had before.
 * A participant's data is touched by its own memberships alone, so what a task has spent is what its most frequent
 * member has spent.
 *
 * @module
 */

import { type Rng, sampleUint32Below } from '../../foundations/random/index.ts';
import type { TaskPlan } from './plan-types.ts';

/**
 * Whether cohorts are chosen, those with the fewest memberships first: where an attempt need not ask everybody, and nobody
 * is drawn in private. Elsewhere whoever is there is asked.
 */
export function choosesCohorts({ participants, enrolled, maxParticipations, update }: TaskPlan): boolean {
  const isPartial = participants < enrolled || maxParticipations !== undefined;
  return update !== undefined && update.drawRate === undefined && isPartial;
}

/** Whether a task is charged by memberships: where cohorts are chosen, and cost something. Elsewhere every attempt is. */
export function countsMemberships(plan: TaskPlan): boolean {
  return plan.event !== undefined && choosesCohorts(plan);
}

/**
 * Whether an offer names the whole cohort. A private draw publishes no roster; in a sparse graph the roster of the
 * protocol names the others.
 */
export function namesCohort({ update, aggregation }: Pick<TaskPlan, 'update' | 'aggregation'>): boolean {
  return update?.drawRate === undefined && !(aggregation.kind === 'secagg' && aggregation.degree !== undefined);
}

/** The memberships of a task. */
export interface Participations {
  /**
   * Chooses a cohort among those who are idle and under the bound, those with the fewest memberships first, ties at
   * random.
   * @param options - `busy`: members of open attempts; `among`: who is there, everybody when left out.
   * @returns fewer than `size` when there are no more.
   */
  choose(
    size: number,
    rng: Rng,
    options?: { readonly busy?: ReadonlySet<string>; readonly among?: readonly string[] },
  ): string[];
  /** Who could be chosen: idle and under the bound. */
  eligible(options?: { readonly busy?: ReadonlySet<string>; readonly among?: readonly string[] }): string[];
  /** Draws a cohort by independent coins. */
  draw(rate: number, rng: Rng): string[];
  /** Whether asking this cohort costs a charge. */
  isCharged(cohort: readonly string[]): boolean;
  /** Counts a membership for each. @returns the memberships that the most frequent one of them now has. */
  add(cohort: readonly string[]): number;
  countOf(id: string): number;
  /** Memberships of the most frequent member. */
  readonly most: number;
  /** How many have as many memberships as anybody may have. */
  readonly exhausted: number;
}

/** Creates the count; everybody is taken to have been in all `earlier` charged attempts. */
export function createParticipations({
  ids = [],
  maxParticipations = Number.POSITIVE_INFINITY,
  earlier = 0,
}: {
  /** Everybody who may be asked; others come in by `among`. */
  readonly ids?: readonly string[];
  readonly maxParticipations?: number | undefined;
  readonly earlier?: number;
}): Participations {
  const counts = new Map(ids.map((id) => [id, earlier]));
  const countOf = (id: string): number => counts.get(id) ?? earlier;
  const eligible: Participations['eligible'] = ({ busy, among = ids } = {}) =>
    among.filter((id) => busy?.has(id) !== true && countOf(id) < maxParticipations);
  let most = earlier;
  return {
    countOf,
    eligible,
    get most() {
      return most;
    },
    get exhausted() {
      return [...counts.values()].filter((count) => count >= maxParticipations).length;
    },
    choose(size, rng, options) {
      const free = eligible(options);
      for (let i = free.length - 1; i > 0; i -= 1) {
        const j = sampleUint32Below(i + 1, rng);
        [free[i], free[j]] = [free[j] as string, free[i] as string];
      }
      return free
        .toSorted((a, b) => countOf(a) - countOf(b))
        .slice(0, size)
        .toSorted();
    },
    draw(rate, rng) {
      // 2⁻³² of a draw is rounded down: less is asked than is charged.
      const limit = Math.floor(rate * 2 ** 32);
      return ids.filter(() => rng.uint32() < limit);
    },
    isCharged: (cohort) => cohort.length === 0 || cohort.some((id) => countOf(id) >= most),
    add(cohort) {
      for (const id of cohort) counts.set(id, countOf(id) + 1);
      const reached = Math.max(0, ...cohort.map(countOf));
      most = Math.max(most, reached);
      return reached;
    },
  };
}
