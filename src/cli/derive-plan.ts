/**
 * Derives a task's plan from its file alone, for commands that check whether it is the one that was logged.
 *
 * @module
 */

import { countsMemberships } from '../federation/rounds/index.ts';
import { toHex } from '../foundations/crypto/index.ts';
import { decodeSafetensors, tensorToFloat32 } from '../learning/models/index.ts';
import { eventToJson } from '../privacy/accounting/index.ts';
import { digestParameters } from '../runtime/storage/tiles/index.ts';
import { parseTaskFile } from '../runtime/task/index.ts';
import { deriveFit, deriveTraining, PLAN_VERSION, planRun } from '../runtime/training/index.ts';
import type { DerivedPlan } from '../trust/log/index.ts';

/** Shards that a task's data is cut into where one party has all of it; a constant of the plan. */
const SINGLE_PARTY_SHARDS = 4;

/** Derives a task's plan from its file alone; `version` says what derived it first. */
export function derivePlan(text: string, inputShape: readonly number[], version: string = PLAN_VERSION): DerivedPlan {
  if (version.startsWith('sotto/fit-')) return deriveFit(text);
  if (version.startsWith('sotto/train-')) return deriveTraining(text, inputShape);
  const task = parseTaskFile(text, { path: 'task.resolved.yaml' });
  const resolved = task.simulation.mode === 'single-party' ? { ...task, participants: SINGLE_PARTY_SHARDS } : task;
  const { plan, layers } = planRun(resolved, { inputShape });
  return {
    version: PLAN_VERSION,
    planDigest: toHex(plan.digest),
    event: plan.event === undefined ? null : eventToJson(plan.event),
    ...(plan.update?.buffered === undefined ? {} : { concurrency: plan.update.buffered.concurrency }),
    countsMemberships: countsMemberships(plan),
    digestModel(file) {
      const { tensors } = decodeSafetensors(file);
      const all = new Float32Array(plan.dimension);
      for (const { name, offset } of layers.parameters) {
        const tensor = tensors.get(name);
        if (tensor !== undefined) all.set(tensorToFloat32(tensor), offset);
      }
      return digestParameters(all);
    },
  };
}
