/** The story of rounds that were open at once: accepted as it happened, and every way of telling it otherwise is found. */
import { describe, expect, it } from 'vitest';

import { createFindings } from '../../src/trust/log/audit/report.ts';
import { auditStory } from '../../src/trust/log/audit/story.ts';
import type { LeafOf, LogLeaf } from '../../src/trust/log/index.ts';
import { eventToJson, gaussian } from '../../src/privacy/accounting/index.ts';

const time = '2026-01-01T00:00:00.000Z';
const event = eventToJson(gaussian({ noiseMultiplier: 4 })) as LeafOf<'plan'>['event'];
const model = (version: number): string => `${version}`.padStart(64, '0');

const task: LeafOf<'task'> = {
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
  record: { kind: 'reserve', reservation: `charge-${attempt}`, attempt, event, purpose: 'training', accounts: [0] },
});
const refund = (attempt: number): LogLeaf => ({
  kind: 'ledger',
  time,
  ledger: 'ledger.jsonl',
  record: { kind: 'abort', reservation: `charge-${attempt}`, dataTouched: false },
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
    expect(problemsOf(plan(2), ...notLate)).toEqual([
      expect.stringContaining('of round 1, is 0 late and ends as round 3'),
    ]);
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

  it('count their lateness from the version that was the newest: one opened for a later round is found', () => {
    // Base and end are as they were: the cohort that ended two versions late would have counted in full.
    const early = { ...opened(1, 0, 1), round: 3 } as LogLeaf;
    const fresh = story.map((leaf) => (leaf === story[1] ? early : leaf === story[7] ? closed(1, 3, 0) : leaf));
    expect(problemsOf(plan(2), ...fresh)).toEqual([expect.stringContaining('opens for round 3, and 0 are done')]);
    // More versions late than there are.
    const later = story.map((leaf) => (leaf === story[7] ? closed(1, 3, 3) : leaf));
    expect(problemsOf(plan(2), ...later)).toEqual([expect.stringContaining('is 3 late and ends as round 3')]);
  });

  it('are each applied once, from one base, in the order of their numbers', () => {
    expect(problemsOf(plan(2), ...story.slice(0, 4), closed(2, 2, 1)).join()).toContain(
      'attempt 2 ends, and is not open',
    );
    const twoBases = [...story.slice(0, 6), opened(1, 1, 2)];
    expect(problemsOf(plan(2), ...twoBases).join()).toContain('attempt 1 opens twice');
    const swapped = [charge(1), opened(2, 0, 1), opened(1, 0, 1)];
    expect(problemsOf(plan(2), ...swapped)).toEqual([expect.stringContaining('attempt 1 opens after a later one')]);
    const ends = [...story.slice(0, 6), closed(1, 2, 1), closed(3, 3, 0)];
    expect(problemsOf(plan(2), ...ends)).toEqual([expect.stringContaining('attempt 3, of round 2, is 0 late')]);
    // Where one follows another, none can end behind the next.
    const behind = [charge(1), opened(1, 0, 1), opened(2, 0, 1), closed(1, 1, 0)];
    expect(problemsOf(plan(), ...behind)).toEqual([
      expect.stringContaining('attempt 1 ends, and is not open any more'),
    ]);
    const crowd = story.map((leaf) => (leaf === story[3] ? { ...leaf, contributors: 4 } : leaf));
    expect(problemsOf(plan(2), ...crowd)).toEqual([expect.stringContaining('formed by 4 of a cohort of 3')]);
  });

  it('begin with no model that never was', () => {
    const never = story.map((leaf) => (leaf === story[5] ? { ...leaf, modelDigest: model(7) } : leaf));
    expect(problemsOf(plan(2), ...never)).toEqual([expect.stringContaining('begins with another model')]);
    // A restart cannot bring one in: nothing was open, or more rounds were done than one end may have left out.
    const done = [charge(1), opened(1, 0, 1), closed(1, 1, 0)];
    for (const mode of ['served', 'federated'] as const) {
      const first = { ...task, mode } as LogLeaf;
      expect(problemsIn(first, [plan(), ...done, resumed(2)]).join()).toContain('a model that no round left');
      const leapt = [plan(2), charge(1), opened(1, 0, 1), opened(2, 0, 1), resumed(2)];
      expect(problemsIn(first, leapt).join()).toContain('a model that no round left');
      const elsewhere = { ...resumed(2), modelDigest: model(1) } as LogLeaf;
      expect(problemsIn(first, [plan(), ...done, elsewhere]).join()).toContain('a model that no round left');
    }
  });

  it('cannot pay with a charge that is given back', () => {
    const paid = 'a charge was given back, and 2 memberships';
    expect(problemsOf(plan(2), ...story, refund(3)).join()).toContain(paid);
    // Nor with that of an attempt that never opened.
    const borrowed = story.map((leaf) => (leaf === story[4] ? charge(9) : leaf));
    expect(problemsOf(plan(2), ...borrowed)).toEqual([]);
    expect(problemsOf(plan(2), ...borrowed, refund(9)).join()).toContain(paid);
    const before = borrowed.toSpliced(5, 0, refund(9));
    expect(problemsOf(plan(2), ...before)).toEqual([expect.stringContaining('2 memberships, 1 were charged')]);
  });

  it('count no fewer memberships than there are of somebody, and none where every attempt is charged', () => {
    const few = story.map((leaf) => (leaf === story[5] ? opened(3, 1, 1) : leaf)).toSpliced(4, 1);
    // Of six participants nine memberships are two of somebody.
    const simulated = { ...task, mode: 'federated' } as LogLeaf;
    expect(problemsIn(simulated, [plan(2), ...few])).toEqual([
      expect.stringContaining('9 memberships of 6 participants are 2 of somebody, and 1 were counted'),
    ]);
    const examples = { ...task, privacy: { ...task.privacy, privacyUnit: 'example' } } as LogLeaf;
    expect(problemsIn(examples, [plan(), charge(1), opened(1, 0, 1)])).toEqual([
      expect.stringContaining('every attempt is charged'),
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
    // What was open died, and cannot end any more.
    const undead = [...killed.slice(0, 5), closed(1, 1, 0)];
    expect(problemsIn({ ...task, mode: 'federated' } as LogLeaf, undead)).toEqual([
      expect.stringContaining('attempt 1 ends, and is not open any more'),
    ]);
  });
});
