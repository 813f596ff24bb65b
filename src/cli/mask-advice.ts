/**
 * Advice for large cohorts whose members mask with everybody else: that work grows with the square of the cohort.
 *
 * @module
 */

import type { TaskPlan } from '../federation/rounds/index.ts';
import { findGraphParameters } from '../secure/secagg/index.ts';

/** From so many others on, a participant's keys, shares and masks take longer than its training. */
const MANY = 200;

/** What would make the rounds of a complete graph faster; undefined where nothing would. */
export function adviseOnMasks({
  aggregation,
  participants,
}: Pick<TaskPlan, 'aggregation' | 'participants'>): string | undefined {
  if (aggregation.kind !== 'secagg' || aggregation.degree !== undefined || participants <= MANY) return undefined;
  const found = findGraphParameters({
    participants,
    corruptFraction: aggregation.maxCorrupt / participants,
    dropoutFraction: 0.1,
    adversary: aggregation.adversary === 'malicious-coordinator' ? 'semi-malicious' : 'semi-honest',
  });
  const others = (participants - 1).toLocaleString('en');
  return found === undefined
    ? undefined
    : `each of ${participants.toLocaleString('en')} participants shares keys and masks with all ${others} others, which takes minutes a round; ` +
        `with aggregation: { kind: secagg, shareRatio: auto, dropoutFraction: 0.1 } and no threshold it is ${found.degree} others`;
}
