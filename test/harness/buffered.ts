/**
 * A served task of buffered rounds: client-level privacy, cohorts of three among six, two open at once; and what its
 * journal and its log say of it.
 *
 * @module
 */

import { derivePlan } from '../../src/cli/derive-plan.ts';
import type { Database } from '../../src/runtime/storage/database/index.ts';
import { auditRun, type AuditReport, type RunFiles } from '../../src/trust/log/index.ts';
import { OPERATOR } from './service.ts';

/** Audits a task by what its coordinator gives away. */
export async function auditServed(
  taskId: string,
  { url, fetch: ask = fetch }: { readonly url: string; readonly fetch?: typeof fetch },
): Promise<AuditReport> {
  const files: RunFiles = {
    list: () => Promise.resolve(undefined),
    async read(name) {
      const headers = { authorization: `Bearer ${OPERATOR}` };
      const response = await ask(`${url}/v1/tasks/${taskId}/${name}`, { headers });
      return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
    },
  };
  return auditRun(files, { derivePlan });
}

/** The attempts of a task, from the journal. */
export function attemptsOf(db: Database, taskId: string) {
  return db.selectFrom('attempts').selectAll().where('task_id', '=', taskId).orderBy('attempt').execute();
}

/** Memberships by participant. */
export function membershipsIn(attempts: readonly { readonly cohort: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const who of attempts.flatMap(({ cohort }) => JSON.parse(cohort) as string[]))
    counts.set(who, (counts.get(who) ?? 0) + 1);
  return counts;
}

/** The text of the task. */
export function bufferedTask({
  name = 'buffered',
  rounds = 6,
  spareRounds = 6,
  participants = 6,
  maxParticipations = 8,
  stageTimeoutMs = 4000,
  adversary = 'honest-but-curious',
  roundWindowMs = 0,
}: {
  name?: string;
  rounds?: number;
  spareRounds?: number;
  participants?: number;
  maxParticipations?: number;
  stageTimeoutMs?: number;
  adversary?: 'honest-but-curious' | 'malicious-coordinator';
  roundWindowMs?: number;
} = {}): string {
  return `
task: ${name}
participants: ${participants}
data: { kind: idx, folder: none, test: public }
partition: { kind: iid }
model: { input: [6], layers: [{ kind: dense, out: 2 }], loss: softmaxCrossEntropy }
training:
  rounds: ${rounds}
  spareRounds: ${spareRounds}
  cohortSize: 3
  buffered: { concurrency: 2 }
  local: { epochs: 1, batchSize: 10, learningRate: 0.1 }
privacy:
  privacyUnit: client
  trust: nobody
  aggregation: { kind: secagg, threshold: 3, stageTimeoutMs: ${stageTimeoutMs}, adversary: ${adversary} }
  maxCorrupt: 1
  maxParticipations: ${maxParticipations}
  epsilon: 10
  delta: 1.0e-5
service: { roundWindowMs: ${roundWindowMs} }
`;
}
