/**
 * Degree and threshold of the sparse graph for given fractions of corrupt and lost participants, at 2^-40 security and
 * 2^-20 correctness: the rule of the parameter finder of Google's federated-compute, recomputed.
 *
 * @module
 */

import { assertInteger, assertProbability } from '../../foundations/numerics/index.ts';
import { SecAggError } from './errors.ts';

/** What the graph has to withstand. */
export interface GraphRequirements {
  /** Size of the cohort, absent members included. */
  readonly participants: number;
  /** Share of the cohort that may collude with the coordinator. */
  readonly corruptFraction: number;
  /** Share of the cohort that may be lost in any stage. */
  readonly dropoutFraction: number;
  /** `semi-malicious`: the coordinator may also lie about who was lost, so degree and threshold grow. */
  readonly adversary: 'semi-honest' | 'semi-malicious';
}

/** Neighbours of each participant and shares that reconstruct. */
export interface GraphParameters {
  readonly degree: number;
  readonly threshold: number;
}

/** 2^-40 of security, halved between connectivity and thresholds. */
const SECURITY_BITS = 41;
/** 2^-20 of failure through lost participants. */
const CORRECTNESS_BITS = 20;

let logFactorials = new Float64Array(1);

/** ln(n!) by a compensated sum of logarithms, remembered. */
function logFactorial(n: number): number {
  if (n >= logFactorials.length) {
    const table = new Float64Array(Math.max(1024, 2 * (n + 1)));
    let sum = 0;
    let lost = 0;
    for (let i = 1; i < table.length; i += 1) {
      const term = Math.log(i) - lost;
      const next = sum + term;
      lost = next - sum - term;
      sum = next;
      table[i] = sum;
    }
    logFactorials = table;
  }
  return logFactorials[n] as number;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Probability of exactly x marked among k drawn from n of which `marked` are. */
function hypergeometric(n: number, marked: number, k: number, x: number): number {
  return Math.exp(logChoose(marked, x) + logChoose(n - marked, k - x) - logChoose(n, k));
}

/** Smallest x with Pr[X > x] ≤ 2^logProbability: more marked neighbours than x are as good as impossible. */
function upperQuantile(n: number, marked: number, k: number, logProbability: number): number {
  const limit = 2 ** logProbability;
  const smallest = Math.max(0, k - (n - marked));
  let tail = 0;
  for (let x = Math.min(k, marked); x > smallest; x -= 1) {
    tail += hypergeometric(n, marked, k, x);
    if (tail > limit) return x;
  }
  return smallest;
}

/** Largest x with Pr[X < x] ≤ 2^logProbability: fewer marked neighbours than x are as good as impossible. */
function lowerQuantile(n: number, marked: number, k: number, logProbability: number): number {
  const limit = 2 ** logProbability;
  const largest = Math.min(k, marked);
  let tail = 0;
  for (let x = Math.max(0, k - (n - marked)); x < largest; x += 1) {
    tail += hypergeometric(n, marked, k, x);
    if (tail > limit) return x;
  }
  return largest;
}

/** Fractions to counts; the slack undoes the rounding of a fraction that stands for a whole number. */
function counts({ participants, corruptFraction, dropoutFraction }: GraphRequirements) {
  return {
    corrupt: Math.floor(corruptFraction * participants + 1e-9),
    dropped: Math.floor(dropoutFraction * participants + 1e-9),
    surviving: Math.ceil((1 - dropoutFraction) * participants - 1e-9),
  };
}

/** Whether the graph stays connected when the corrupt and the lost go, by a union bound over all cuts of k places. */
function staysConnected(n: number, k: number, gone: number): boolean {
  if (k > gone) return true;
  const logCuts = Math.log((n * (n - k - 1)) / 2);
  return (
    logCuts + logFactorial(gone) + logFactorial(n - k) - logFactorial(n) - logFactorial(gone - k) <
    -SECURITY_BITS * Math.LN2
  );
}

/** The least threshold that keeps a secret from the corrupt neighbours, for a given degree. */
function leastThreshold(requirements: GraphRequirements, degree: number): number {
  const { participants: n, adversary } = requirements;
  const corrupt = upperQuantile(n, counts(requirements).corrupt, degree, -SECURITY_BITS - Math.log2(n));
  const held = adversary === 'semi-malicious' ? Math.ceil((corrupt + degree - 1.25) / 2) : corrupt;
  return Math.max(held + 1, 2);
}

function assertRequirements({ participants, corruptFraction, dropoutFraction, adversary }: GraphRequirements): void {
  assertInteger(participants, 'participants', { min: 2, max: 1_000_000 });
  assertProbability(corruptFraction, 'corruptFraction');
  assertProbability(dropoutFraction, 'dropoutFraction');
  const burden = corruptFraction + (adversary === 'semi-malicious' ? 2 : 1) * dropoutFraction;
  if (burden > 0.9) {
    const form = adversary === 'semi-malicious' ? 'corrupt + 2 · dropout' : 'corrupt + dropout';
    throw new SecAggError('secagg/unsafe-parameters', `${form} fractions must be at most 0.9, got ${burden}`, {
      details: { corruptFraction, dropoutFraction, adversary },
    });
  }
}

/**
 * Finds the smallest even degree, and the threshold, of a Harary graph that meets the requirements.
 * Guarantee: except with probability 2^-40 no honest participant's secret is within reach of its corrupt neighbours and
 * the honest survivors stay connected; except with probability 2^-20 every survivor's secrets can be reconstructed.
 * @returns undefined when no degree below the cohort does: use the complete graph.
 * @throws {SecAggError} `secagg/unsafe-parameters` when the fractions leave no room at all.
 */
export function findGraphParameters(requirements: GraphRequirements): GraphParameters | undefined {
  assertRequirements(requirements);
  const n = requirements.participants;
  const { corrupt, dropped, surviving } = counts(requirements);
  for (let degree = 2; degree <= n - 2; degree += 2) {
    if (!staysConnected(n, degree, corrupt + dropped)) continue;
    const threshold = leastThreshold(requirements, degree);
    // Enough neighbours survive only if more of them remain than the adversary is granted.
    const remaining = lowerQuantile(n, surviving, degree, -CORRECTNESS_BITS - Math.log2(n));
    if (threshold - 1 < remaining) return { degree, threshold: Math.max(threshold, 2) };
  }
  return undefined;
}

/**
 * Checks that a degree and threshold are no smaller than the finder's for the stated fractions.
 * @throws {SecAggError} `secagg/unsafe-parameters`, naming the parameters that would do.
 */
export function assertGraphParameters({ degree, threshold }: GraphParameters, requirements: GraphRequirements): void {
  const found = findGraphParameters(requirements);
  if (found === undefined) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `no sparse graph of ${requirements.participants} participants withstands these fractions: use the complete graph`,
    );
  }
  const least = degree < found.degree ? found.threshold : leastThreshold(requirements, degree);
  if (degree < found.degree || threshold < least || threshold > degree) {
    throw new SecAggError(
      'secagg/unsafe-parameters',
      `degree ${degree} with threshold ${threshold} is below what ${requirements.participants} participants need: ` +
        `degree ≥ ${found.degree} with threshold ≥ ${least}`,
      { details: { degree, threshold, requiredDegree: found.degree, requiredThreshold: least } },
    );
  }
}
