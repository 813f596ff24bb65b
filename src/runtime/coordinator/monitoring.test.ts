import { readFileSync } from 'node:fs';

import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { createLedger, createMemoryLedgerStore, gaussian } from '../../privacy/accounting/index.ts';
import { METRICS } from '../../trust/monitoring/index.ts';
import { createServiceMonitor } from './monitoring.ts';
import type { ServiceReport } from './served-task.ts';

describe('the monitor of a service', () => {
  it('sets metrics, tells the sinks once, and survives one that fails', async () => {
    const registry = new Registry();
    const delivered: string[] = [];
    const logged: string[] = [];
    const monitor = createServiceMonitor({
      registry,
      log: (_, text) => void logged.push(text),
      alerts: {
        minNoiseMultiplier: 9,
        sinks: [
          { name: 'broken', deliver: () => Promise.reject(new Error('away')) },
          {
            name: 'kept',
            deliver: ({ raised }) => {
              delivered.push(...raised.map(({ code }) => code));
              return Promise.resolve();
            },
          },
        ],
      },
    });
    const ledger = await createLedger({
      store: createMemoryLedgerStore(),
      budget: { epsilon: 1, delta: 1e-5 },
      relation: 'add-or-remove-one',
      privacyUnit: 'example',
      dataset: 'd',
      accountant: 'rdp',
      clock: () => new Date(0),
    });
    await ledger.reserve({ event: gaussian({ noiseMultiplier: 5.5 }), purpose: 'training' });
    const report: ServiceReport = {
      attempt: 1,
      round: 1,
      outcome: 'committed',
      epsilon: 0.5,
      contributors: 3,
      dropouts: 0,
      seconds: 1,
    };
    const task = { id: 't', ledger, noiseMultiplier: 8, minCohort: 5, loggedRecords: () => 3 };
    await monitor.observe(task, report);
    await monitor.observe(task, { ...report, attempt: 2 });
    expect(delivered.toSorted()).toEqual([
      'budget-spent',
      'budget-spent',
      'cohort-below-minimum',
      'ledger-behind-log',
      'noise-below-policy',
    ]);
    expect(logged).toContain('an alert could not be delivered');
    monitor.refused('coordinator/stale-request');
    const text = await registry.metrics();
    expect(text).toContain('sotto_noise_multiplier_floor{task="t"} 9');
    expect(text).toContain('sotto_refusals_total{code="coordinator/stale-request"} 1');
    expect(text).toMatch(/sotto_budget_spent\{task="t",dataset="d",block="",purpose="training"\} 0\.\d+/);
    expect(text).toContain('sotto_alerts{task="t",code="ledger-behind-log",severity="critical"} 1');
    const service = readFileSync(new URL('service.ts', import.meta.url), 'utf8');
    for (const name of Object.keys(METRICS)) {
      expect(text.includes(`# TYPE ${name} `) || service.includes(`'${name}'`), name).toBe(true);
    }
  });

  it('notices between attempts, tells the pages, and tries a sink again that was away', async () => {
    let now = new Date('2026-01-01T00:00:00Z');
    let away = true;
    const delivered: string[] = [];
    const shown: string[] = [];
    const monitor = createServiceMonitor({
      registry: new Registry(),
      log: () => {},
      clock: () => now,
      onRaised: ({ code }) => void shown.push(code),
      alerts: {
        sinks: [
          {
            name: 'now and then',
            deliver: ({ raised, resolved }) => {
              if (away) return Promise.reject(new Error('away'));
              delivered.push(...raised.map(({ code }) => code), ...resolved.map(({ code }) => `over: ${code}`));
              return Promise.resolve();
            },
          },
        ],
      },
    });
    let inLog = 0;
    monitor.watch({ id: 't', ledger: undefined, noiseMultiplier: 1, minCohort: 3, loggedRecords: () => inLog });
    await monitor.tick();
    expect(shown).toEqual([]);
    for (let i = 0; i < 100; i += 1) monitor.refused('coordinator/not-authorized');
    await monitor.tick();
    expect([shown, delivered]).toEqual([['refusal-storm'], []]);
    inLog = 1;
    now = new Date(now.getTime() + 120_000);
    await monitor.tick();
    away = false;
    await monitor.tick();
    // In order, each once.
    expect(delivered).toEqual(['refusal-storm', 'over: refusal-storm']);
    await monitor.tick();
    expect(delivered).toHaveLength(2);
  });
});
