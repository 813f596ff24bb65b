/**
 * A served task of buffered rounds: client-level privacy, cohorts of three among six, two open at once.
 *
 * @module
 */

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
