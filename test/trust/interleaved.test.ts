/** The story of rounds that were open at once: accepted as it happened, and every way of telling it otherwise is found. */
import { describe, expect, it } from 'vitest';

import { createFindings } from '../../src/trust/log/audit/report.ts';
import { auditStory } from '../../src/trust/log/audit/story.ts';
import type { LeafOf, LogLeaf } from '../../src/trust/log/index.ts';
import { eventToJson, gaussian } from '../../src/privacy/accounting/index.ts';

const time = '2026-01-01T00:00:00.000Z';
const event = eventToJson(gaussian({ noiseMultiplier: 4 })) as LeafOf<'plan'>['event'];
const model = (version: number): string => `${version}`.padStart(64, '0');

const task: LogLeaf = {
  kind: 'task',
  time,
  task: 'interleaved',
  taskDigest: model(0),
  mode: 'served',
  participants: 6,
  rounds: 3,
  aggregation: 'secagg',
  privacy: {
    privacyUnit: 'client',
    trust: 'nobody',
    epsilon: 3,
    delta: 1e-5,
    relation: 'zero-out',
    accountant: 'rdp',
  },
  seeded: false,
  version: 'v',
};
const plan = (concurrency?: number): LogLeaf => ({
  kind: 'plan',
  time,
  planDigest: model(0),
  attempts: 3,
  dimension: 1,
  inputShape: [1],
  samplingRate: 1,
  clipNorm: 1,
  noiseMultiplier: 4,
  threshold: 3,
  maxCorrupt: 1,
  ...(concurrency === undefined ? {} : { concurrency }),
  event,
  modelDigest: model(0),
});
const charge = (attempt: number): LogLeaf => ({
  kind: 'ledger',
  time,
  ledger: 'ledger.jsonl',
  record: { kind: 'reserve', attempt, event, purpose: 'training', accounts: [0] },
});
const opened = (attempt: number, version: number, memberships: number): LogLeaf => ({
  kind: 'round-opened',
  time,
  attempt,
  round: version + 1,
  rosterDigest: model(9),
  cohort: 3,
  memberships,
  modelDigest: model(version),
});
const closed = (attempt: number, version: number, staleness: number): LogLeaf => ({
  kind: 'round-closed',
  time,
  attempt,
  round: version,
  staleness,
  outcome: 'committed',
  contributors: 3,
  dropouts: 0,
  modelDigest: model(version),
  checkpointDigest: model(version),
});
const resumed = (version: number): LogLeaf => ({
  kind: 'resumed',
  time,
  round: version,
  modelDigest: model(version),
  checkpointDigest: model(version),
});

/** What is wrong with a story, beside its ledger's hashes, which these leaves do not have. */
function problemsOf(...leaves: readonly LogLeaf[]): readonly string[] {
  return problemsIn(task, leaves);
}

function problemsIn(first: LogLeaf, leaves: readonly LogLeaf[]): readonly string[] {
  const findings = createFindings();
  auditStory([first, ...leaves], { findings, file: 'log' });
  return findings.problems.filter(({ code }) => code !== 'verify/ledger-broken').map(({ detail }) => detail);
}

describe('rounds that are open at once', () => {
  // Attempt 1 is slow: attempts 2 and 3 of the other half are committed while it is open.
  const story = [
    charge(1),
    opened(1, 0, 1),
    opened(2, 0, 1),
    closed(2, 1, 0),
    charge(3),
    opened(3, 1, 2),
    closed(3, 2, 0),
    closed(1, 3, 2),
  ];

  it('are a story that holds, with a charge only where somebody reaches more memberships', () => {
    expect(problemsOf(plan(2), ...story)).toEqual([]);
  });

  it('must each begin with the model of the moment, and end as late as they are', () => {
    const wrongModel = story.map((leaf) => (leaf === story[5] ? opened(3, 0, 2) : leaf));
    expect(problemsOf(plan(2), ...wrongModel).join()).toContain('begins with another model');
    const notLate = story.map((leaf) => (leaf === story[7] ? closed(1, 3, 0) : leaf));
    expect(problemsOf(plan(2), ...notLate).join()).toContain('never opened');
  });

  it('are no more than the plan says, and none are late where one follows another', () => {
    expect(problemsOf(plan(2), charge(1), opened(1, 0, 1), opened(2, 0, 1), opened(3, 0, 1))).toEqual([
      expect.stringContaining('more than 2 attempts are open'),
    ]);
    expect(problemsOf(plan(), ...story).join()).toContain('one cohort after another');
  });

  it('cannot take anybody to more memberships than were charged', () => {
    const uncharged = story.filter((leaf) => leaf !== story[4]);
    expect(problemsOf(plan(2), ...uncharged)).toEqual([expect.stringContaining('2 memberships, 1 were charged')]);
    const { memberships: _memberships, ...silent } = opened(2, 0, 1) as LeafOf<'round-opened'>;
    expect(problemsOf(plan(2), charge(1), opened(1, 0, 1), silent)).toEqual([
      expect.stringContaining('opened before it was charged'),
    ]);
  });

  it('go on over a restart, which may have kept one end out of the log and no more', () => {
    // The process died after attempt 2 was committed and before its leaf was signed.
    const restart = [charge(1), opened(1, 0, 1), opened(2, 0, 1), resumed(1), closed(1, 2, 1)];
    expect(problemsOf(plan(2), ...restart)).toEqual([]);
    expect(problemsOf(plan(2), ...restart, opened(3, 2, 1), closed(3, 3, 0))).toEqual([]);
    expect(problemsOf(plan(2), ...restart, closed(2, 3, 2)).join()).toContain('a model that no round left');
    expect(problemsOf(plan(2), charge(1), resumed(1)).join()).toContain('a model that no round left');
  });

  it('end with the process in a simulation, which starts others when it is taken up', () => {
    const again = [charge(3), opened(3, 0, 2), opened(4, 0, 2), closed(4, 1, 0), closed(3, 2, 1)];
    const killed = [plan(2), charge(1), opened(1, 0, 1), opened(2, 0, 1), resumed(0), ...again];
    expect(problemsIn({ ...task, mode: 'federated' } as LogLeaf, killed)).toEqual([]);
    expect(problemsIn(task, killed).join()).toContain('more than 2 attempts are open');
  });
});
