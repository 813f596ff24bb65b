/**
 * How the sum of a task is formed: threshold, graph and least number of contributions, derived from the settings and
 * refused where they give no security.
 *
 * @module
 */

import { assertGraphParameters, findGraphParameters } from '../../secure/secagg/index.ts';
import { SottoError } from '../../foundations/numerics/index.ts';
import { RoundsError } from './errors.ts';
import type { PlannedAggregation } from './plan-types.ts';
import type { RoundsTask } from './task.ts';

/** Share of a cohort that a k-regular graph is made to lose when the task says nothing. */
const USUAL_DROPOUTS = 0.1;

type Settings = Pick<RoundsTask, 'participants' | 'privacy' | 'rounds'>;

/**
 * Derives the aggregation of a task.
 * @throws {@link RoundsError} `rounds/impossible-plan`, or the error of `secagg` for a graph that is too sparse.
 */
export function planAggregation({ participants, privacy, rounds }: Settings): PlannedAggregation {
  const { aggregation } = privacy;
  const { stageTimeoutMs } = aggregation;
  if (aggregation.kind === 'clear') return { kind: 'clear', combine: aggregation.combine, stageTimeoutMs };
  const cohort = rounds.cohortSize ?? participants;
  const maxCorrupt = privacy.trust === 'nobody' ? privacy.maxCorrupt : 0;
  if (aggregation.kind !== 'secagg') {
    const minSurvivors = assertThreshold(aggregation.threshold, { cohort, maxCorrupt });
    const common = { minSurvivors, maxCorrupt, stageTimeoutMs };
    if (aggregation.kind === 'shares') {
      const servers = aggregation.servers.map(({ name, publicKey = null }) => ({ name, publicKey }));
      return { kind: 'shares', ...common, servers };
    }
    const { scheme, keyBits, holder } = aggregation;
    const { name, keyDigest = null } = holder;
    return { kind: 'homomorphic', ...common, scheme, keyBits, holder: { name, keyDigest } };
  }
  const { adversary, setup, shareRatio, dropoutFraction } = aggregation;
  const common = { kind: 'secagg', maxCorrupt, stageTimeoutMs, adversary, setup } as const;
  const kept = (fraction: number): number => Math.max(2, Math.ceil((1 - fraction) * cohort - 1e-9));
  const sparse = shareRatio === 1 ? undefined : planGraph(aggregation, { cohort, maxCorrupt });
  if (sparse !== undefined) {
    const fraction = dropoutFraction ?? USUAL_DROPOUTS;
    return { ...common, ...sparse, dropoutFraction: fraction, minSurvivors: aboveCorrupt(kept(fraction), maxCorrupt) };
  }
  const threshold = assertThreshold(aggregation.threshold, { cohort, maxCorrupt });
  const minSurvivors = dropoutFraction === undefined ? threshold : Math.max(threshold, kept(dropoutFraction));
  return { ...common, threshold, degree: undefined, dropoutFraction: 1 - minSurvivors / cohort, minSurvivors };
}

/**
 * The threshold asked for, or the least one. Under masks two survivor sets of `threshold` that share no honest party
 * would open both secrets of a victim ([BIK17] §6); under shares and encryption two sums over such sets would be opened.
 */
function assertThreshold(
  asked: number | undefined,
  { cohort, maxCorrupt }: { readonly cohort: number; readonly maxCorrupt: number },
): number {
  const least = Math.floor((cohort + maxCorrupt) / 2) + 1;
  const threshold = asked ?? least;
  if (threshold >= least && threshold <= cohort) return threshold;
  throw new RoundsError(
    'rounds/impossible-plan',
    `must be in [${least}, ${cohort}] for ${cohort} participants of whom ${maxCorrupt} may be corrupt ` +
      '(2 · threshold > participants + maxCorrupt)',
  );
}

/** What is wrong with the aggregation of a task; undefined when nothing is. */
export function findAggregationProblem(settings: Settings): string | undefined {
  try {
    planAggregation(settings);
    return undefined;
  } catch (error) {
    if (error instanceof SottoError || error instanceof RangeError) return error.message;
    throw error;
  }
}

/** The k-regular graph asked for; undefined when only the complete one will do. */
function planGraph(
  {
    threshold,
    shareRatio,
    dropoutFraction = USUAL_DROPOUTS,
    adversary,
  }: Extract<RoundsTask['privacy']['aggregation'], { kind: 'secagg' }>,
  { cohort, maxCorrupt }: { readonly cohort: number; readonly maxCorrupt: number },
): { readonly threshold: number; readonly degree: number } | undefined {
  const requirements = {
    participants: cohort,
    corruptFraction: maxCorrupt / cohort,
    dropoutFraction,
    adversary: adversary === 'malicious-coordinator' ? ('semi-malicious' as const) : ('semi-honest' as const),
  };
  if (shareRatio === 'auto') {
    const found = findGraphParameters(requirements);
    if (found !== undefined && threshold !== undefined) assertGraphParameters({ ...found, threshold }, requirements);
    return found === undefined ? undefined : { ...found, ...(threshold === undefined ? {} : { threshold }) };
  }
  if (threshold === undefined) {
    throw new RoundsError(
      'rounds/impossible-plan',
      'is missing: a `shareRatio` below 1 needs it; or set shareRatio: auto',
    );
  }
  const degree = 2 * Math.ceil((shareRatio * cohort) / 2);
  assertGraphParameters({ degree, threshold }, requirements);
  return { degree, threshold };
}

function aboveCorrupt(minSurvivors: number, maxCorrupt: number): number {
  if (minSurvivors > maxCorrupt) return minSurvivors;
  throw new RoundsError(
    'rounds/impossible-plan',
    `leaves no honest share of the noise: ${minSurvivors} survivors, ${maxCorrupt} of whom may be corrupt`,
  );
}
