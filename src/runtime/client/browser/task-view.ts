/**
 * From a task's definition to the facts a page explains.
 *
 * @module
 */

import { equalBytes, fromHex, toHex } from '../../../foundations/crypto/index.ts';
import { parseTaskFile } from '../../task/index.ts';
import { planRun, type RunPlan } from '../../training/federated/index.ts';
import { ClientError } from '../errors.ts';
import type { Invited } from '../transport.ts';
import type { TaskView } from './messages.ts';

/**
 * Derives a task's plan from its definition, as this side will use it.
 * @throws {@link ClientError} `client/policy-refused` when the coordinator means another plan.
 */
export function deriveRun({ task, inputShape, planDigest }: Invited): RunPlan {
  const run = planRun(parseTaskFile(task, { path: 'the coordinator’s task' }), { inputShape });
  if (!equalBytes(run.plan.digest, fromHex(planDigest))) {
    throw new ClientError(
      'client/policy-refused',
      'this side derives another plan from the task than the coordinator: versions differ',
    );
  }
  return run;
}

/** Names the facts. */
export function viewTask(run: RunPlan, { taskId, invited }: { taskId: string; invited: Invited }): TaskView {
  const { task, plan, layers } = run;
  const { privacy } = task;
  return {
    taskId,
    name: task.task,
    participants: plan.participants,
    rounds: plan.rounds,
    attempts: plan.attempts,
    inputShape: invited.inputShape,
    outputs: layers.outputWidth,
    classifies: task.model.loss === 'softmaxCrossEntropy' || task.model.loss === 'binaryCrossEntropy',
    parameterCount: plan.dimension,
    layers: [
      ...(task.features === undefined ? [] : [task.features.kind]),
      ...task.model.layers.map(({ kind }) => kind),
    ],
    tokens: tokensOf(run),
    samplingRate: plan.samplingRate,
    clipNorm: plan.clipNorm,
    trust: privacy.trust,
    privacyUnit: privacy.trust === 'off' ? 'none' : privacy.privacyUnit,
    aggregation: plan.aggregation.kind,
    assistants: assistantsOf(plan.aggregation),
    threshold: plan.aggregation.kind === 'clear' ? 0 : plan.aggregation.minSurvivors,
    maxCorrupt: plan.aggregation.kind === 'clear' ? 0 : plan.aggregation.maxCorrupt,
    epsilon: privacy.trust === 'off' ? null : (privacy.epsilon ?? plan.epsilonAtEnd),
    delta: privacy.trust === 'off' ? null : (privacy.delta ?? null),
    epsilonPerRound: plan.epsilonPerAttempt,
    noiseMultiplier: plan.noise?.noiseMultiplier ?? null,
    contributionBytes: Math.ceil(((plan.update?.length ?? plan.dimension) * plan.bitWidth) / 8),
    planDigest: toHex(plan.digest),
    definition: invited.task,
  };
}

function assistantsOf(aggregation: RunPlan['plan']['aggregation']): readonly string[] {
  if (aggregation.kind === 'shares') return aggregation.servers.map(({ name }) => name);
  return aggregation.kind === 'homomorphic' ? [aggregation.holder.name] : [];
}

function tokensOf({ task }: RunPlan): TaskView['tokens'] {
  const [first] = task.model.layers;
  if (first?.kind !== 'embeddingBag') return null;
  return { vocabulary: first.vocabulary, padding: first.padding ?? first.vocabulary };
}
