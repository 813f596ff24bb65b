/**
 * Learning-rate schedules: a factor of the base rate for each step, a function of public numbers only.
 *
 * @module
 */

import { z } from 'zod';

import { assertInteger, assertNever } from '../../foundations/numerics/index.ts';

const warmupSteps = z.int().nonnegative().default(0);
const finalFactor = z.number().min(0).max(1).default(0);

/** The `schedule` key of a task file. */
export const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), warmupSteps }),
  z.strictObject({ kind: z.literal('linear'), warmupSteps, finalFactor }),
  z.strictObject({ kind: z.literal('cosine'), warmupSteps, finalFactor }),
  z.strictObject({ kind: z.literal('exponential'), warmupSteps, finalFactor: z.number().positive().max(1) }),
  z.strictObject({
    kind: z.literal('steps'),
    warmupSteps,
    milestones: z.array(z.int().positive()).min(1),
    factor: z.number().positive().max(1).default(0.1),
  }),
]);

/** How the learning rate moves over the steps of a task. */
export type ScheduleConfig = z.input<typeof scheduleSchema>;

/** The factor of the base learning rate at `step` (0-based). Steps after the last keep the last factor. */
export type Schedule = (step: number) => number;

/**
 * Creates a schedule over `totalSteps` steps. During `warmupSteps` the factor rises linearly to 1; after them
 * `constant` stays, `linear`, `cosine` and `exponential` fall to `finalFactor` at the last step, and `steps` multiplies
 * by `factor` at each milestone.
 * @throws {RangeError} when a setting is out of range.
 */
export function createSchedule(config: ScheduleConfig, { totalSteps }: { totalSteps: number }): Schedule {
  assertInteger(totalSteps, 'totalSteps', { min: 1 });
  const parsed = scheduleSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RangeError(`"schedule.${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not understood'}`);
  }
  const settings = parsed.data;
  const warmup = settings.warmupSteps;
  const span = Math.max(1, totalSteps - 1 - warmup);
  return (step) => {
    if (step < warmup) return (step + 1) / (warmup + 1);
    const progress = Math.min(1, (step - warmup) / span);
    switch (settings.kind) {
      case 'constant':
        return 1;
      case 'linear':
        return 1 - (1 - settings.finalFactor) * progress;
      case 'cosine':
        return settings.finalFactor + (1 - settings.finalFactor) * 0.5 * (1 + Math.cos(Math.PI * progress));
      case 'exponential':
        return settings.finalFactor ** progress;
      case 'steps':
        return settings.factor ** settings.milestones.filter((milestone) => step >= milestone).length;
      default:
        return assertNever(settings, 'schedule');
    }
  };
}
