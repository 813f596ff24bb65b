/**
 * Every row of the accounting reference, each against its stated tolerance; and the known defects of the reference's own
 * tools, each with the right value. See test/vectors/accounting/PROVENANCE.md.
 */

import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import {
  calibrateAnalyticGaussian,
  calibrateCount,
  calibrateDistributedNoise,
  calibrateNoiseMultiplier,
  computeAttackAccuracy,
  computeAttackAuroc,
  computeClassicEpsilon,
  computeConditionalRoundingNorm,
  computeFixedOrderGap,
  computeGaussianDelta,
  computeGeneralSampledRdp,
  computeLaplaceRdp,
  computeOneRunEpsilon,
  computeOneRunGaussianEpsilon,
  computeOneRunPValue,
  computeSampledGaussianRdp,
  computeScoresEpsilon,
  computeShuffleClosedForm,
  computeShuffleDelta,
  computeShuffleEpsilon,
  computeSymmetricSampledRdp,
  computeTprAtFpr,
  createAccountant,
  createGdpAccountant,
  createPldAccountant,
  createRdpAccountant,
  discreteGaussian,
  type DpEvent,
  estimateEpsilonFromCounts,
  eventFromJson,
  exponential,
  gaussian,
  INTEGER_ORDERS,
  laplace,
  parseRelation,
  poissonSampled,
  randomizedResponse,
  selfComposed,
  treeAggregation,
} from '../../src/privacy/accounting/index.ts';
import {
  computeBufferedToeplitz,
  computeOptimalToeplitz,
  computePrefixVariances,
  computeToeplitzSensitivity,
  createBandedStrategy,
  createBufferedStrategy,
  invertToeplitz,
} from '../../src/privacy/mechanisms/index.ts';

// The rows are JSON of many shapes; each group's check knows its own.
// oxlint-disable-next-line typescript/no-explicit-any
type Row = any;

const reference = JSON.parse(
  readFileSync(new URL('../vectors/accounting/reference.json', import.meta.url), 'utf8'),
) as { readonly rows: readonly Row[]; readonly counts: Readonly<Record<string, number>> };

const row = (id: string): Row => reference.rows.find((entry) => entry.id === id);
const sampled = (samplingRate: number, noiseMultiplier: number): DpEvent =>
  poissonSampled({ samplingRate, event: gaussian({ noiseMultiplier }) });

/** Asserts |value − wanted| ≤ tolerance · |wanted|. */
function assertRelative(value: number, wanted: number, tolerance: number): void {
  expect(Math.abs(value - wanted), `${value} against ${wanted}`).toBeLessThanOrEqual(tolerance * Math.abs(wanted));
}

/** Convention: ours doubles the sensitivity under replace-one everywhere, the reference's RDP of a plain Gaussian does not. */
const RDP_BY_OTHER_CONVENTION = new Set(['ref-009', 'ref-010']);
const WITHOUT_SAMPLING = (json: string): boolean => !/PoissonSampled|Truncated|WithoutReplacement/.test(json);

function checkRdp(entry: Row, event: DpEvent): void {
  const relation = parseRelation(entry.neighbouring ?? 'ADD_OR_REMOVE_ONE');
  const answer = (orders?: readonly number[]): number => {
    const accountant = createRdpAccountant(orders === undefined ? { relation } : { relation, orders });
    accountant.compose(event);
    return entry.query === 'delta_for_epsilon'
      ? accountant.delta(entry.target_epsilon)
      : accountant.epsilon(entry.delta);
  };
  const exact = entry.exact === undefined ? 0 : Number(entry.exact.value);
  if (entry.rdp?.value !== undefined) {
    const value = answer();
    if (RDP_BY_OTHER_CONVENTION.has(entry.id)) {
      const halved = selfComposed(
        gaussian({ noiseMultiplier: 2 * entry.event.event.noise_multiplier }),
        entry.event.count,
      );
      const accountant = createRdpAccountant({ relation });
      accountant.compose(halved);
      assertRelative(accountant.epsilon(entry.delta), entry.rdp.value, 1e-9);
    } else {
      expect(value).toBeLessThanOrEqual(entry.rdp.value + 1e-9);
      expect(value).toBeGreaterThanOrEqual(entry.rdp.value * 0.95);
      const capped = ['randomized-response', 'epsilon-delta', 'exponential'].includes(entry.group);
      if (WITHOUT_SAMPLING(JSON.stringify(entry.event)) && !capped) assertRelative(value, entry.rdp.value, 1e-9);
    }
    expect(value).toBeGreaterThanOrEqual(exact);
  } else if (entry.rdp?.unsupported !== undefined) {
    // The reference refuses these; ours have a bound, which must not lie below what the distributions say.
    expect(answer()).toBeGreaterThanOrEqual(entry.pld_optimistic?.value ?? entry.pld.value - 1e-3);
  }
  if (entry.rdp_integer_orders !== undefined && !RDP_BY_OTHER_CONVENTION.has(entry.id)) {
    assertRelative(answer(INTEGER_ORDERS), entry.rdp_integer_orders.value, 1e-9);
  }
}

function checkPld(entry: Row, event: DpEvent): void {
  if (entry.pld?.value === undefined) return;
  const accountant = createPldAccountant({ relation: parseRelation(entry.neighbouring ?? 'ADD_OR_REMOVE_ONE') });
  accountant.compose(event);
  const { lower, upper } =
    entry.query === 'delta_for_epsilon'
      ? accountant.deltaInterval(entry.target_epsilon)
      : accountant.epsilonInterval(entry.delta);
  expect(lower).toBeLessThanOrEqual(upper);
  const ceiling = entry.pld_fine?.value ?? entry.pld.value + 1e-3;
  expect(upper).toBeLessThanOrEqual(ceiling);
  // The bounded range of the exponential mechanism is used here, so its bound may lie below that of the black box.
  for (const floor of [entry.exact?.value, entry.pld_optimistic?.value, entry.prv?.lower]) {
    if (floor !== undefined) expect(upper).toBeGreaterThanOrEqual(Number(floor));
  }
  for (const roof of [entry.exact?.value, entry.prv?.upper, ceiling]) {
    if (roof !== undefined) expect(lower).toBeLessThanOrEqual(Number(roof));
  }
}

function checkEvent(entry: Row): void {
  const event = eventFromJson(entry.event);
  checkRdp(entry, event);
  checkPld(entry, event);
}

function checkCalibration(entry: Row): void {
  const relation = entry.neighbouring.startsWith('any') ? 'add-or-remove-one' : parseRelation(entry.neighbouring);
  const target = { epsilon: entry.target_epsilon, delta: entry.delta, relation } as const;
  const family = (value: number): DpEvent =>
    eventFromJson(JSON.parse(JSON.stringify(entry.event_family).replace('"?"', String(value))));
  if (entry.accountant === 'analytic') {
    assertRelative(calibrateAnalyticGaussian(target), Number(entry.exact.value), 1e-12);
    assertRelative(calibrateAnalyticGaussian(target), entry.analytic.value, 1e-9);
    return;
  }
  const { accountant } = entry as { accountant: 'rdp' | 'pld' };
  const wanted = entry[accountant].value;
  const epsilonAt = (event: DpEvent): number => {
    const spent = createAccountant({ accountant, relation });
    spent.compose(event);
    return spent.epsilon(entry.delta);
  };
  if (entry.query === 'calibrate_steps') {
    const count = calibrateCount({ ...target, accountant, event: sampled(0.1, 3) });
    expect(Math.abs(count - wanted)).toBeLessThanOrEqual(1);
    expect(epsilonAt(family(count))).toBeLessThanOrEqual(entry.target_epsilon);
    expect(epsilonAt(family(count + 1))).toBeGreaterThan(entry.target_epsilon);
    return;
  }
  const value = calibrateNoiseMultiplier({ ...target, accountant, event: family });
  assertRelative(value, wanted, 1e-3);
  expect(epsilonAt(family(value))).toBeLessThanOrEqual(entry.target_epsilon);
}

function checkDistributedRow(entry: Row): void {
  const type = entry.group === 'skellam' ? 'Skellam' : 'DistributedDiscreteGaussian';
  const accountant = createRdpAccountant({ relation: 'zero-out' });
  const event = eventFromJson({ type, ...entry.parameters });
  accountant.compose(event);
  // Default orders add fractional ones, which may only help.
  expect(accountant.epsilon(entry.delta)).toBeLessThanOrEqual(entry.epsilon * (1 + 1e-9));
  const sameOrders = createRdpAccountant({
    relation: 'zero-out',
    orders: [...INTEGER_ORDERS.filter((order) => order <= 128), 256],
  });
  sameOrders.compose(event);
  const { value, order } = sameOrders.epsilonAndOrder(entry.delta);
  assertRelative(value, entry.epsilon, 1e-9);
  expect(order).toBe(entry.order);
}

function checkDistributedParameters(entry: Row): void {
  const { bits, num_clients, dim, l2_clip, beta, k, rho, steps, q } = entry.parameters;
  const { gamma, localStddev } = calibrateDistributedNoise({
    mechanism: entry.group === 'skellam-params' ? 'skellam' : 'discrete-gaussian',
    epsilon: entry.target_epsilon,
    delta: entry.delta,
    bits,
    clients: num_clients,
    dimension: dim,
    clipNorm: l2_clip,
    beta,
    deviations: k,
    flatness: rho,
    rounds: steps,
    samplingRate: q,
  });
  assertRelative(gamma, entry.gamma ?? 1 / entry.scale, 3e-3);
  assertRelative(localStddev, entry.local_stddev, 3e-3);
}

function checkShuffle(entry: Row): void {
  const shuffled = { reports: entry.parameters.n, epsilon0: entry.parameters.epsilon0 };
  const epsilon = computeShuffleEpsilon(shuffled, entry.delta);
  // The reference's search ends on a grid of closed_form / 2^iterations: its "lower" value is one cell above the truth.
  const cell = entry.closed_form / 2 ** entry.binary_search_iterations;
  expect(epsilon).toBeGreaterThanOrEqual(entry.numerical_lower - cell);
  expect(epsilon).toBeLessThanOrEqual(entry.numerical_upper * 1.01);
  expect(computeShuffleDelta(shuffled, epsilon)).toBeLessThanOrEqual(entry.delta * (1 + 1e-6));
  expect(computeShuffleDelta(shuffled, epsilon * 0.999)).toBeGreaterThan(entry.delta);
  assertRelative(computeShuffleClosedForm(shuffled, entry.delta) as number, entry.closed_form, 1e-9);
}

function checkExactRdp(entry: Row): void {
  const { q, sigma, b, alpha } = entry.parameters;
  const value =
    b === undefined
      ? computeSampledGaussianRdp({ samplingRate: q, noiseMultiplier: sigma }, alpha)
      : computeLaplaceRdp(1 / b, alpha);
  assertRelative(value, Number(entry.exact.value), 1e-9);
  // Nor above the reference's own figure, which is an upper bound.
  expect(value).toBeLessThanOrEqual(entry.rdp.value * (1 + 1e-12));
}

function checkOneStep(entry: Row): void {
  const { q, sigma } = entry.parameters;
  const accountant = createPldAccountant({ relation: 'add-or-remove-one', tolerance: { delta: 1e-7 } });
  accountant.compose(sampled(q, sigma));
  const { lower, upper } = accountant.deltaInterval(entry.target_epsilon);
  const exact = Math.max(Number(entry.exact.remove), Number(entry.exact.add));
  expect(lower).toBeLessThanOrEqual(exact);
  expect(upper).toBeGreaterThanOrEqual(exact);
  assertRelative(upper, exact, 1e-6);
}

function checkDiscreteGaussian(entry: Row): void {
  const { sigma2, sensitivity } = entry.parameters;
  const accountant = createPldAccountant({ relation: 'add-or-remove-one' });
  accountant.compose(discreteGaussian({ sigma: Math.sqrt(sigma2), sensitivity, dimension: 1 }));
  const { lower, upper } = accountant.deltaInterval(entry.target_epsilon);
  expect(lower).toBeLessThanOrEqual(Number(entry.exact.value));
  expect(upper).toBeGreaterThanOrEqual(Number(entry.exact.value));
  assertRelative(upper, Number(entry.exact.value), 1e-9);
}

function checkMatrix(entry: Row): void {
  const { parameters } = entry;
  if (entry.id === 'ref-089') {
    const { n: steps, bands } = parameters;
    const strategy = createBandedStrategy({ steps, bands, normalized: false });
    const variances = strategy.prefixVariances().map((variance) => variance * strategy.columnNorm ** 2);
    assertRelative(Math.max(...variances), entry.max_squared_error_unit_noise, 1e-6);
    assertRelative(variances.reduce((a, b) => a + b, 0) / steps, entry.mean_squared_error_unit_noise, 1e-6);
    expect(createBandedStrategy({ steps, bands }).columnNorm).toBe(entry.sensitivity);
  } else if (entry.id === 'ref-090') {
    const shape = { outputScales: parameters.output_scale, decays: parameters.buf_decay };
    const column = computeBufferedToeplitz(shape, parameters.n);
    entry.coefs_first.forEach((c: number, i: number) => expect(column[i]).toBeCloseTo(c, 12));
    const inverse = invertToeplitz(column, parameters.n);
    entry.inverse_coefs_first.forEach((c: number, i: number) => expect(inverse[i]).toBeCloseTo(c, 12));
    const strategy = createBufferedStrategy({ steps: parameters.n, ...shape });
    assertRelative(strategy.columnNorm ** 2, entry.sensitivity_squared_single_participation, 1e-6);
    const worst = Math.max(...strategy.prefixVariances());
    assertRelative(worst, entry.max_squared_error_unit_noise, 1e-6);
    assertRelative(worst * strategy.columnNorm ** 2, entry.max_loss, 1e-6);
    const separated = strategy.sensitivity({ minSeparation: parameters.n / 4 });
    assertRelative(separated ** 2, entry['minsep_sensitivity_squared_b=n/4'], 1e-6);
  } else if (entry.id === 'ref-091') {
    const { coef, n, min_sep, max_participations } = parameters;
    const sensitivity = computeToeplitzSensitivity(coef, {
      steps: n,
      minSeparation: min_sep,
      maxParticipations: max_participations,
    });
    assertRelative(sensitivity ** 2, entry.sensitivity_squared, 1e-9);
    assertRelative(sensitivity ** 2, entry.brute_force, 1e-9);
  } else {
    const { n } = parameters;
    const column = computeOptimalToeplitz(n);
    entry.first_coefs.forEach((c: number, i: number) => expect(column[i]).toBeCloseTo(c, 12));
    const noising = invertToeplitz(column, n);
    entry.first_noising_coefs.forEach((c: number, i: number) => expect(noising[i]).toBeCloseTo(c, 12));
    const square = computeToeplitzSensitivity(column, { steps: n, minSeparation: n }) ** 2;
    const variances = computePrefixVariances(column, { steps: n });
    assertRelative(square, entry.sensitivity_squared_single_participation, 1e-6);
    assertRelative(Math.sqrt(Math.max(...variances)), entry.max_error_unit_noise, 1e-6);
    assertRelative(Math.max(...variances), entry.max_loss, 1e-6);
    assertRelative((square * variances.reduce((a, b) => a + b, 0)) / n, entry.mean_squared_loss, 1e-6);
  }
}

/** The orders of Opacus and of TensorFlow Privacy's tests. */
const OPACUS_ORDERS = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 52 }, (_, i) => 12 + i),
];

function rdpOf(
  parts: readonly (readonly [DpEvent, number])[],
  orders: readonly number[] | undefined,
  delta: number,
): number {
  const accountant = createRdpAccountant({
    relation: 'add-or-remove-one',
    ...(orders === undefined ? {} : { orders }),
  });
  for (const [event, count] of parts) accountant.compose(event, count);
  return accountant.epsilon(delta);
}

function checkOpacus(entry: Row): void {
  if (entry.parameters === undefined) {
    const orders = Array.from({ length: 31 }, (_, i) => i + 2);
    const parts = [
      [sampled(1e-5, 1), 10],
      [sampled(1e-4, 3), 4],
    ] as const;
    assertRelative(rdpOf(parts, orders, entry.delta), entry.epsilon_rdp, 1e-9);
    return;
  }
  const { q, sigma, steps } = entry.parameters;
  const value = rdpOf([[sampled(q, sigma), steps]], OPACUS_ORDERS, entry.delta);
  assertRelative(value, entry.epsilon_rdp, 1e-8);
  const gdp = createGdpAccountant({ relation: 'add-or-remove-one' });
  gdp.compose(sampled(q, sigma), steps);
  assertRelative(gdp.epsilon(entry.delta), entry.epsilon_gdp, 1e-6);
  expect(gdp.approximate).toBe(true);
  const pld = createPldAccountant({ relation: 'add-or-remove-one' });
  pld.compose(sampled(q, sigma), steps);
  expect(pld.epsilon(entry.delta)).toBeLessThanOrEqual(entry.epsilon_prv);
}

function checkShuffleVsPoisson(entry: Row): void {
  const { sigma, T } = entry.parameters;
  const gap = computeFixedOrderGap({ batches: T, noiseMultiplier: sigma }, entry.delta);
  assertRelative(gap.cyclic, Number(entry.deterministic_exact), 1e-9);
  // A finer scan than the reference's can only show more, and never more than the fixed order costs.
  expect(gap.shuffledAtLeast).toBeGreaterThanOrEqual(entry.shuffle_lower_bound * (1 - 1e-6));
  expect(gap.shuffledAtLeast).toBeLessThanOrEqual(gap.cyclic);
  expect(gap.poisson.upper).toBeLessThanOrEqual(entry.poisson_pld_pessimistic + 1e-3);
  expect(gap.poisson.lower).toBeLessThan(gap.shuffledAtLeast);
}

function checkOneRun(entry: Row): void {
  const { m, guesses, correct, significance } = entry.parameters;
  const outcome = { canaries: m, guesses, correct };
  const options = { delta: entry.delta, significance };
  // The reference's own root is good to 1e-6.
  assertRelative(computeOneRunEpsilon(outcome, options), entry.value, 1e-6);
  assertRelative(computeOneRunPValue(outcome, { epsilon: 1, delta: entry.delta }), entry.p_value_at_eps_1, 1e-9);
  assertRelative(computeOneRunGaussianEpsilon(outcome, options), entry.fdp_value, 2e-6);
}

function checkScores(entry: Row): void {
  const scores = { inScores: entry.parameters.in_scores, outScores: entry.parameters.out_scores };
  assertRelative(computeAttackAuroc(scores), entry.attack_auroc, 1e-9);
  assertRelative(computeAttackAccuracy(scores), entry.max_accuracy, 1e-9);
  assertRelative(computeTprAtFpr(scores, 0.1), entry['tpr_at_fpr_0.1'], 1e-9);
  assertRelative(estimateEpsilonFromCounts(scores), entry.epsilon_raw_counts_delta0, 1e-9);
  // Not the reference's bound at the same significance, which is divided by corners of the hull that the data chose.
  const bound = computeScoresEpsilon(scores, { significance: 0.05 });
  expect(bound).toBeGreaterThan(0);
  expect(bound).toBeLessThan(estimateEpsilonFromCounts(scores, { minCount: 1 }));
}

function checkPublished(entry: Row): void {
  switch (entry.id) {
    case 'ref-109': {
      const orders = Array.from({ length: 32 }, (_, i) => i + 2);
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one', orders });
      accountant.compose(eventFromJson(entry.event));
      const classic = computeClassicEpsilon({ orders, rdp: accountant.rdp() }, entry.delta).value;
      assertRelative(classic, entry.recomputed.rdp_classic_conversion_orders_2_33, 1e-9);
      checkRecomputed(entry);
      return;
    }
    case 'ref-110':
      expect(
        Math.abs(rdpOf([[eventFromJson(entry.event), 1]], OPACUS_ORDERS, entry.delta) - entry.published_epsilon),
      ).toBeLessThanOrEqual(entry.tolerance);
      return;
    case 'ref-111': {
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(eventFromJson(entry.event));
      const classic = computeClassicEpsilon({ orders: accountant.orders, rdp: accountant.rdp() }, entry.delta).value;
      expect(Math.abs(classic - entry.published_epsilon)).toBeLessThanOrEqual(0.005);
      assertRelative(classic, entry.recomputed.rdp_classic_conversion, 1e-6);
      checkRecomputed(entry);
      return;
    }
    case 'ref-112': {
      // ⌈1.2 epochs / q⌉ = 120 steps. The printed figure is itself an upper bound on a grid of 1e-4, which costs 4e-7.
      const accountant = createPldAccountant({ relation: 'add-or-remove-one', tolerance: { epsilon: 1e-6 } });
      accountant.compose(sampled(0.01, entry.parameters.sigma), 120);
      const upper = accountant.epsilon(entry.delta);
      expect(Math.abs(upper - entry.published_epsilon)).toBeLessThanOrEqual(1e-6);
      return;
    }
    case 'ref-113': {
      const { n, batch, sigma, steps } = entry.parameters;
      const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(sampled(batch / n, sigma), steps);
      const { value, order } = accountant.epsilonAndOrder(entry.delta);
      assertRelative(value, entry.published_epsilon, 1e-9);
      expect(order).toBe(entry.published_order);
      return;
    }
    case 'ref-114': {
      const accountant = createRdpAccountant({ relation: 'zero-out' });
      accountant.compose(treeAggregation({ noiseMultiplier: 1.13, stepCounts: 1600 }));
      assertRelative(accountant.epsilon(entry.delta), entry.recomputed.rdp, 1e-9);
      expect(accountant.epsilon(entry.delta)).toBeLessThan(entry.published_epsilon_upper);
      return;
    }
    default: {
      expect(entry.id).toBe('ref-115');
      const accountant = createPldAccountant({ relation: 'add-or-remove-one' });
      accountant.compose(poissonSampled({ samplingRate: 0.2, event: laplace({ noiseMultiplier: 0.5 }) }), 3);
      expect(Math.abs(accountant.epsilon(entry.delta) - entry.published_epsilon)).toBeLessThanOrEqual(entry.tolerance);
      assertRelative(accountant.epsilon(entry.delta), Number(entry.exact), 1e-9);
    }
  }
}

function checkRecomputed(entry: Row): void {
  checkRdp({ ...entry, rdp: { value: entry.recomputed.rdp } }, eventFromJson(entry.event));
  checkPld({ ...entry, pld: { value: entry.recomputed.pld } }, eventFromJson(entry.event));
}

const CHECKS: Readonly<Record<string, (entry: Row) => void>> = {
  calibration: checkCalibration,
  shuffle: checkShuffle,
  'distributed-discrete-gaussian': checkDistributedRow,
  skellam: checkDistributedRow,
  'distributed-discrete-gaussian-params': checkDistributedParameters,
  'skellam-params': checkDistributedParameters,
  'analytic-gauss': ({ target_epsilon, delta, parameters, stddev }) =>
    assertRelative(
      calibrateAnalyticGaussian({ epsilon: target_epsilon, delta, sensitivity: parameters.l2 }),
      stddev,
      1e-6,
    ),
  'rounding-norm': ({ parameters: { l2, beta, dim }, value }) =>
    assertRelative(computeConditionalRoundingNorm(l2, { beta, dimension: dim }), value, 1e-6),
  'zhu-wang-subsampling': ({ parameters: { alpha, q, sigma }, theorem5_general, theorem6_gaussian }) => {
    const plain = (order: number): number => order / (2 * sigma * sigma);
    assertRelative(computeGeneralSampledRdp(q, alpha, plain), theorem5_general, 1e-6);
    assertRelative(computeSymmetricSampledRdp(q, alpha, plain), theorem6_gaussian, 1e-6);
  },
  'matrix-factorisation': checkMatrix,
  opacus: checkOpacus,
  'sampled-gaussian-rdp-exact': checkExactRdp,
  'laplace-rdp-exact': checkExactRdp,
  'sampled-gaussian-one-step-exact': checkOneStep,
  'discrete-gaussian-exact': checkDiscreteGaussian,
  'shuffle-vs-poisson': checkShuffleVsPoisson,
  'auditing-one-run': checkOneRun,
  'auditing-scores': checkScores,
  published: checkPublished,
};

describe('accounting reference', () => {
  it('has all its rows', () => {
    expect(reference.rows).toHaveLength(115);
    const counted: Record<string, number> = {};
    for (const { group } of reference.rows) counted[group] = (counted[group] ?? 0) + 1;
    expect(counted).toEqual(reference.counts);
    // A row is checked by its group's check or is an event with answers: nothing is passed over.
    for (const entry of reference.rows) {
      const answered = ['rdp', 'pld', 'rdp_integer_orders'].some((key) => entry[key]?.value !== undefined);
      expect(CHECKS[entry.group] !== undefined || (entry.event !== undefined && answered), entry.id).toBe(true);
    }
  });

  it.each(reference.rows.map((entry) => [entry.id, entry.group, entry.label, entry] as const))(
    '%s (%s): %s',
    (_id, group, _label, entry) => {
      (CHECKS[group] ?? checkEvent)(entry);
      expect.assertions(expect.getState().assertionCalls);
    },
  );
});

describe('known defects of the reference tools', () => {
  it('1: ten randomized responses cost ten, not one', () => {
    const once = randomizedResponse({ noiseParameter: 0.5, buckets: 2 });
    const accountant = createPldAccountant({ relation: 'replace-one' });
    accountant.compose(selfComposed(once, 10));
    assertRelative(accountant.epsilon(1e-5), Number(row('ref-053').exact.value), 1e-9);
  });

  it('2: ten exponential mechanisms cost more than one', () => {
    const accountant = createRdpAccountant({ relation: 'add-or-remove-one' });
    accountant.compose(selfComposed(exponential({ epsilon: 1 }), 10));
    expect(accountant.epsilon(1e-5)).toBeGreaterThan(8);
    expect(accountant.epsilon(1e-5)).toBeLessThan(8.1);
  });

  it('3: replace-one means the same in both accountants', () => {
    const exact = Number(row('ref-009').exact.value);
    for (const accountant of ['rdp', 'pld'] as const) {
      const spent = createAccountant({ accountant, relation: 'replace-one' });
      spent.compose(gaussian({ noiseMultiplier: 1 }));
      expect(spent.epsilon(1e-5)).toBeGreaterThanOrEqual(exact);
      expect(spent.epsilon(1e-5)).toBeLessThan(exact * 1.08);
    }
  });

  it('4: fractional orders are exact and finite', () => {
    // mpmath 1.3, 40 digits: log(quad(phi(z)·(1−q+q·exp((2z−1)/(2σ²)))**α))/(α−1)
    const exact = [
      [0.01, 1, 1.5, 0.00012725374332744983],
      [0.5, 1, 1.1, 0.156130475685493],
      [0.004266666666666667, 1.1, 7.3, 8.918137988757536e-5],
      [0.1, 0.3, 2.7, 11.342953179169381],
      [0.9, 2, 3.5, 0.37248099011713226],
      [1e-6, 0.6, 1.9, 1.4328948508497821e-11],
      [0.02, 4, 40.5, 0.0005502191324991306],
    ] as const;
    for (const [samplingRate, noiseMultiplier, alpha, value] of exact) {
      assertRelative(computeSampledGaussianRdp({ samplingRate, noiseMultiplier }, alpha), value, 1e-13);
    }
  });

  it('5: long runs choose their own grid', () => {
    const cases = [
      [1e-4, 4, 50_000, 0.014677897462665988],
      [1e-6, 0.6, 1_000_000, 0.0198],
    ] as const;
    for (const [q, sigma, steps, coarse] of cases) {
      const accountant = createPldAccountant({ relation: 'add-or-remove-one', tolerance: { epsilon: 0.2 } });
      accountant.compose(sampled(q, sigma), steps);
      const { lower, upper } = accountant.epsilonInterval(1e-5);
      expect(upper).toBeLessThan(coarse);
      expect(lower).toBeGreaterThan(0);
    }
  });

  it('6: tiny deltas are true, and no answer exceeds the pure sum', () => {
    // mpmath: erfc((8−1/2)/√2)/2 − e⁸·erfc((8+1/2)/√2)/2 = 3.650821687421791e-15
    assertRelative(computeGaussianDelta(1, 8), 3.650821687421791e-15, 1e-12);
    const nearly = createPldAccountant({ relation: 'add-or-remove-one' });
    nearly.compose(sampled(1 - 1e-9, 1));
    expect(nearly.deltaInterval(8).lower).toBeLessThanOrEqual(3.6508217e-15);
    expect(nearly.deltaInterval(8).upper).toBeGreaterThanOrEqual(3.6508216e-15);
    assertRelative(nearly.delta(8), 3.650821687421791e-15, 1e-3);
    expect(nearly.epsilon(1e-30)).toBeLessThan(12);
    for (const accountant of ['rdp', 'pld'] as const) {
      const once = createAccountant({ accountant, relation: 'replace-one' });
      once.compose(exponential({ epsilon: 1 }));
      expect(once.epsilon(1e-5)).toBeLessThanOrEqual(1);
      const tenfold = createAccountant({ accountant, relation: 'replace-one' });
      tenfold.compose(randomizedResponse({ noiseParameter: 0.5, buckets: 2 }), 10);
      expect(tenfold.epsilon(1e-5)).toBeLessThanOrEqual(10 * Math.log(3) * (1 + 1e-12));
    }
  });

  it('7: the central limit is marked as an approximation, and lies below what is proved', () => {
    const gdp = createGdpAccountant({ relation: 'add-or-remove-one' });
    gdp.compose(sampled(1e-3, 0.8), 5000);
    const pld = createPldAccountant({ relation: 'add-or-remove-one' });
    pld.compose(sampled(1e-3, 0.8), 5000);
    expect(gdp.approximate).toBe(true);
    assertRelative(gdp.epsilon(1e-6), 0.557, 1e-3);
    expect(pld.epsilonInterval(1e-6).lower).toBeGreaterThan(0.73);
    expect(gdp.epsilonInterval(1e-6).upper).toBe(Infinity);
  });

  it('8: shuffling takes both ends of every row into account', () => {
    // Exact enumeration at n = 3 by the definition, all outcomes (A, C).
    const epsilon0 = 1;
    const rate = Math.exp(-epsilon0);
    const own = 1 / (1 + rate);
    const epsilon = 0.3;
    let delta = 0;
    const binomial = [1, 2, 1];
    for (let c = 0; c <= 2; c += 1) {
      const mass = (binomial[c] as number) * rate ** c * (1 - rate) ** (2 - c) * 0.5 ** c;
      const weights = [[1], [1, 1], [1, 2, 1]][c] as number[];
      for (let a = 0; a <= c + 1; a += 1) {
        const here = mass * (weights[a] ?? 0);
        const before = mass * (weights[a - 1] ?? 0);
        delta += Math.max(0, own * before + (1 - own) * here - Math.exp(epsilon) * ((1 - own) * before + own * here));
      }
    }
    assertRelative(computeShuffleDelta({ reports: 3, epsilon0 }, epsilon), delta, 1e-11);
  });

  it('10: one epoch of fixed or shuffled batches is not Poisson sampling', () => {
    const gap = computeFixedOrderGap({ batches: 1000, noiseMultiplier: 1 }, 1e-5);
    expect(gap.poisson.upper).toBeLessThan(0.15);
    expect(gap.shuffledAtLeast).toBeGreaterThan(2.88);
    expect(gap.cyclic).toBeGreaterThan(4.37);
  });
});
