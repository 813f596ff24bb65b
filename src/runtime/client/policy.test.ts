import { describe, expect, it } from 'vitest';

import { planRun } from '../training/index.ts';
import { parseTaskFile } from '../task/index.ts';
import { assertPolicyAccepts, policySchema, securityOf } from './policy.ts';

function taskOf(privacy: string, training = 'samplingRate: 0.1, expectedBatchSize: 10'): string {
  return `
task: small
participants: 12
data: { kind: files, train: a.csv, heldOut: b.csv, test: public }
partition: { kind: iid }
model: { input: [4], layers: [{ kind: dense, out: 2 }], loss: softmaxCrossEntropy }
training: { rounds: 2, ${training}, optimizer: { kind: sgd, learningRate: 1 } }
privacy: ${privacy}
`;
}

function planOf(text: string): Pick<ReturnType<typeof planRun>, 'task' | 'plan'> {
  return planRun(parseTaskFile(text, { path: 'task.yaml' }), { inputShape: [4] });
}

const NOBODY =
  '{ privacyUnit: example, trust: nobody, aggregation: { kind: secagg, threshold: 9 }, epsilon: 3, delta: 1.0e-5 }';

describe('a participant’s policy', () => {
  it('holds the floor of members against every round, and in a sparse graph against the neighbors that are seen', () => {
    const policy = policySchema.parse({ minParticipants: 10 });
    const { plan } = planOf(taskOf(NOBODY));
    expect(securityOf(policy, plan).minCohort).toBe(10);
    const { aggregation } = plan;
    if (aggregation.kind !== 'secagg') throw new TypeError('not secagg');
    expect(securityOf(policy, { aggregation: { ...aggregation, degree: 6 } }).minCohort).toBe(7);
    expect(securityOf(policySchema.parse({}), plan)).not.toHaveProperty('minCohort');
  });

  it('takes the total delta of a local task where the task states none', () => {
    const { task, plan } = planOf(
      taskOf(
        '{ privacyUnit: client, trust: local, aggregation: { kind: clear }, epsilonPerRound: 1, deltaPerRound: 1.0e-6 }',
        'local: { epochs: 1, batchSize: 5, learningRate: 0.1 }',
      ).replace(', optimizer: { kind: sgd, learningRate: 1 }', ''),
    );
    const check = (maxDelta: number): void =>
      assertPolicyAccepts(policySchema.parse({ trust: ['local'], maxDelta }), {
        task,
        plan,
        url: 'http://localhost',
        epsilonPerRound: plan.epsilonPerAttempt,
      });
    expect(() => check(1e-6)).not.toThrow();
    expect(() => check(1e-7)).toThrow(/maxDelta allows at most 1e-7, the task has 0.000001/);
  });
});
