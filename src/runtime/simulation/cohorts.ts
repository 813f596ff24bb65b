/**
 * Who was in which attempt, where not everybody is in all of them: kept with the private half of a run, since the log
 * has commitments alone. Receipts are made from it, and a run that is taken up again counts memberships from it.
 *
 * @module
 */

import { createParticipations, type Participations, type TaskPlan } from '../../federation/rounds/index.ts';
import { RUN_FILES } from '../../trust/log/index.ts';
import type { RunFolder } from '../storage/index.ts';
import type { TaskLog } from '../storage/tiles/index.ts';

/** The cohorts of a run. */
export interface Cohorts {
  /** Writes down whom an attempt asks, before anybody is asked. */
  record(attempt: number, cohort: readonly string[]): void;
  /** Whom the log commits an attempt to, see `loggedCohort`; empty when it is not known any more. */
  of(attempt: number): readonly string[];
  /**
   * Counts the memberships of the attempts so far; one whose cohort is not known counts for everybody.
   * @param options - `charged`: attempts that were charged, of a run that began before cohorts were written down.
   */
  participations(options: { readonly charged: number }): Participations;
}

/**
 * Whom the log commits an attempt to: its cohort, or, of a private draw, everybody it was drawn from. How many were drawn
 * is as secret as who was: an attempt that drew many is amplified less than its charge says.
 */
export function loggedCohort(
  { update }: Pick<TaskPlan, 'update'>,
  { ids, cohort }: { readonly ids: readonly string[]; readonly cohort: readonly string[] },
): readonly string[] {
  return update?.drawRate === undefined ? cohort : ids;
}

/** Opens the cohorts of a run folder; `ids` is everybody. */
export function openCohorts({
  plan,
  ids,
  folder,
  log,
}: {
  readonly plan: Pick<TaskPlan, 'participants' | 'maxParticipations' | 'update'>;
  readonly ids: readonly string[];
  readonly folder: Pick<RunFolder, 'appendLine' | 'readLines'>;
  readonly log: Pick<TaskLog, 'leaves'>;
}): Cohorts {
  const { maxParticipations } = plan;
  const areAll =
    plan.participants === ids.length && maxParticipations === undefined && plan.update?.drawRate === undefined;
  const lines = areAll ? [] : (folder.readLines(RUN_FILES.cohorts) as { attempt: number; cohort: string[] }[]);
  const cohorts = new Map<number, readonly string[]>(lines.map(({ attempt, cohort }) => [attempt, cohort]));
  return {
    record(attempt, cohort) {
      if (areAll) return;
      cohorts.set(attempt, cohort);
      folder.appendLine(RUN_FILES.cohorts, { attempt, cohort });
    },
    of: (attempt) => (areAll ? ids : loggedCohort(plan, { ids, cohort: cohorts.get(attempt) ?? [] })),
    participations({ charged }) {
      const opened = log.leaves.flatMap((leaf) => (leaf.kind === 'round-opened' ? [leaf.attempt] : []));
      const isKnown = opened.some((attempt) => cohorts.has(attempt));
      const members = createParticipations({ ids, maxParticipations, earlier: isKnown ? 0 : charged });
      if (isKnown) for (const attempt of opened) members.add(cohorts.get(attempt) ?? ids);
      return members;
    },
  };
}
