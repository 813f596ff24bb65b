import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { createLedger, createMemoryLedgerStore, gaussian } from '../../privacy/accounting/index.ts';
import {
  type Alert,
  ALERT_CODES,
  type AlertCode,
  computeBurnRate,
  createAlertFeed,
  createMonitor,
  DEFAULT_RULES,
  evaluateRules,
  forecastExhaustion,
  measureBudgets,
  METRICS,
  type Observation,
} from './index.ts';

const start = new Date('2026-01-01T00:00:00Z');
const after = (minutes: number): Date => new Date(start.getTime() + minutes * 60_000);
const budget = (epsilonSpent: number, more = {}) => ({
  dataset: 'd',
  timeBlock: null,
  purpose: null,
  privacyUnit: 'example',
  epsilonSpent,
  epsilonLimit: 10,
  delta: 1e-5,
  ...more,
});
const attempt = (more = {}) => ({
  at: start,
  outcome: 'committed' as const,
  cohort: 20,
  contributors: 20,
  dropouts: 0,
  splitViews: 0,
  ...more,
});
const quiet: Observation = {
  at: start,
  task: 't',
  budgets: [budget(1)],
  attempts: [attempt()],
  noiseMultiplier: 1.2,
  policy: { minNoiseMultiplier: 1, minCohort: 10 },
  refusals: [],
  clockRefusals: [],
  log: { ledgerRecords: 5, loggedRecords: 5 },
};
const codesOf = (alerts: readonly Alert[]): AlertCode[] => alerts.map(({ code }) => code);

describe('alert rules', () => {
  it('say nothing when nothing is wrong', () => {
    expect(evaluateRules(quiet)).toEqual([]);
  });

  it.each([
    [4.99, undefined],
    [5, 'info'],
    [8, 'warning'],
    [9.5, 'critical'],
  ])('speak at 50, 80 and 95 %% of a budget: ε %d of 10', (spent, severity) => {
    const [alert] = evaluateRules({ ...quiet, budgets: [budget(spent)] });
    expect(alert?.severity).toBe(severity);
  });

  it.each<[AlertCode, Partial<Observation>]>([
    ['noise-below-policy', { noiseMultiplier: 0.99 }],
    ['noise-below-policy', { noiseMultiplier: null }],
    ['noise-below-policy', { noiseMultiplier: Number.NaN }],
    ['cohort-below-minimum', { attempts: [attempt({ cohort: 9 })] }],
    ['dropouts', { attempts: [attempt({ dropouts: 7, contributors: 13 })] }],
    ['rounds-aborting', { attempts: Array.from({ length: 4 }, () => attempt({ outcome: 'aborted' })) }],
    ['split-view', { attempts: [attempt({ splitViews: 1 }), attempt()] }],
    ['refusal-storm', { refusals: Array.from({ length: 61 }, () => start) }],
    ['clock-skew', { clockRefusals: Array.from({ length: 4 }, () => start) }],
    ['ledger-behind-log', { log: { ledgerRecords: 4, loggedRecords: 5 } }],
    ['log-behind-ledger', { log: { ledgerRecords: 10, loggedRecords: 5 } }],
  ])('find %s', (code, change) => {
    expect(codesOf(evaluateRules({ ...quiet, ...change }))).toEqual([code]);
    expect(evaluateRules({ ...quiet, ...change }, { ...DEFAULT_RULES, off: [code] })).toEqual([]);
  });

  it('count refusals of the last minute alone', () => {
    const refusals = Array.from({ length: 100 }, (_, i) => after(-2 - i / 100));
    expect(evaluateRules({ ...quiet, refusals })).toEqual([]);
  });
});

describe('burn rates', () => {
  it('are epsilon a day, over a window with what was spent before it', () => {
    const samples = [
      { at: after(0), epsilon: 1 },
      { at: after(30), epsilon: 1.5 },
      { at: after(60), epsilon: 2 },
    ];
    expect(computeBurnRate(samples, { at: after(60), windowMs: 3600_000 })).toBeCloseTo(24, 9);
    expect(computeBurnRate(samples, { at: after(600), windowMs: 3600_000 })).toBe(0);
    expect(computeBurnRate([], { at: start, windowMs: 1 })).toBe(0);
    const forecast = forecastExhaustion(samples, { at: after(60), limit: 14 });
    expect(forecast.exhaustedAt).toEqual(after(60 + 720));
    expect(forecastExhaustion(samples, { at: after(60), limit: 2 }).exhaustedAt).toEqual(after(60));
    expect(forecastExhaustion([], { at: start, limit: 2 }).exhaustedAt).toBeNull();
  });
});

describe('a monitor', () => {
  it('raises once, again when it gets worse, and resolves', async () => {
    const monitor = createMonitor();
    const feed = createAlertFeed();
    const heard: string[] = [];
    const stop = feed.subscribe(({ code, resolved }) => void heard.push(`${code}${resolved ? ' over' : ''}`));
    const step = async (minutes: number, change: Partial<Observation>) => {
      const result = monitor.observe({ ...quiet, at: after(minutes), ...change });
      await feed.deliver(result);
      return codesOf(result.raised);
    };
    const slow = { noiseMultiplier: 0.5 };
    expect(await step(0, slow)).toEqual(['noise-below-policy']);
    expect(await step(1, slow)).toEqual([]);
    expect(await step(2, {})).toEqual([]);
    expect(heard).toEqual(['noise-below-policy', 'noise-below-policy over']);
    stop();
    expect(await step(3, { budgets: [budget(5.1)] })).toContain('budget-spent');
    expect(await step(4, { budgets: [budget(5.2)] })).not.toContain('budget-spent');
    expect(await step(5, { budgets: [budget(8.2)] })).toContain('budget-spent');
    expect(heard).toHaveLength(2);
    expect(codesOf(monitor.active())).toContain('budget-burning');
    expect(feed.recent().length).toBeGreaterThan(3);
  });

  it('warns of a budget that ends within a week, and says when it has ended', () => {
    const monitor = createMonitor();
    monitor.observe(quiet);
    const next = monitor.observe({ ...quiet, at: after(60), budgets: [budget(1.1)] });
    expect(codesOf(next.raised)).toEqual(['budget-burning']);
    const last = monitor.observe({ ...quiet, at: after(120), budgets: [budget(10)] });
    expect(codesOf(last.active)).toEqual(['budget-spent', 'budget-exhausted']);
  });
});

describe('budgets', () => {
  it('are read from the ledger by data set, block and purpose', async () => {
    const ledger = await createLedger({
      store: createMemoryLedgerStore(),
      budget: { epsilon: 5, delta: 1e-5 },
      relation: 'add-or-remove-one',
      privacyUnit: 'example',
      dataset: 'd',
      timeBlock: '2026-01',
      quotas: { training: 4, evaluation: 1 },
      accountant: 'rdp',
      clock: () => start,
    });
    await ledger.reserve({ event: gaussian({ noiseMultiplier: 5 }), purpose: 'training' });
    const facts = measureBudgets(await ledger.verify());
    expect(facts.map(({ purpose, epsilonLimit, epsilonSpent }) => [purpose, epsilonLimit, epsilonSpent > 0])).toEqual([
      [null, 5, true],
      ['evaluation', 1, false],
      ['training', 4, true],
    ]);
    expect(facts[0]?.epsilonSpent).toBe(ledger.spent().epsilon);
  });
});

describe('the shipped files', () => {
  const read = (name: string): string => readFileSync(new URL(`../../../ops/${name}`, import.meta.url), 'utf8');
  const namesIn = (text: string): string[] => [...text.matchAll(/\bsotto_[a-z_]+\b/g)].map(([name]) => name);

  it('Prometheus rules parse and refer to metrics that exist', () => {
    const { groups } = parse(read('prometheus-rules.yaml')) as {
      groups: { name: string; rules: { alert: string; expr: string; labels: { severity: string } }[] }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(rules.length).toBeGreaterThanOrEqual(ALERT_CODES.length);
    for (const { expr, labels } of rules) {
      expect(namesIn(expr).length).toBeGreaterThan(0);
      for (const name of namesIn(expr)) expect(Object.keys(METRICS)).toContain(name);
      expect(['info', 'warning', 'critical']).toContain(labels.severity);
    }
  });

  it('the Grafana dashboard parses, refers to metrics that exist, and shows each of them', () => {
    const { panels } = JSON.parse(read('grafana-dashboard.json')) as {
      panels: { id: number; targets: { expr: string }[] }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const used = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr))));
    for (const name of used) expect(Object.keys(METRICS)).toContain(name);
    const shown = Object.keys(METRICS).filter((name) => name !== 'sotto_epsilon');
    for (const name of shown) expect(used).toContain(name);
  });
});
