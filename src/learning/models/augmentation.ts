/**
 * Augmentation multiplicity [DBHSB22]: several views of one example whose gradients are averaged before clipping, so that
 * they count as one gradient and cost no privacy.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { ModelError } from './errors.ts';
import type { Plan } from './plan.ts';
import type { Workshop } from './sites.ts';

/** How views of one image are made. Which view is drawn follows from the step's coins and the example's number. */
export interface Augmentation {
  /** Views of one example. */
  readonly views: number;
  /** Largest move in pixels, in each direction; 0 by default. */
  readonly shift?: number;
  /** Whether a view may be mirrored left to right; false by default. */
  readonly flip?: boolean;
}

/** @throws {ModelError} when the model's input is no image but views move it. */
export function assertAugmentation(plan: Plan, { views, shift = 0, flip = false }: Augmentation): void {
  assertInteger(views, 'views', { min: 1, max: 1024 });
  assertInteger(shift, 'shift', { min: 0, max: 1024 });
  if ((shift > 0 || flip) && plan.input.length !== 3) {
    throw new ModelError(
      'models/shape-mismatch',
      `views move images of height × width × channels, but the model's input is ${plan.input.join(' × ')}`,
    );
  }
}

/** Stream of a row's coins that augmentation reads; dropout reads the ordinals of its steps. */
const STREAM = 0xffff_ffff;

/** Whether views differ from the example. */
export function movesViews({ shift = 0, flip = false }: Augmentation): boolean {
  return shift > 0 || flip;
}

/** Replaces the example in row `from` by its views, one a row, from there on. */
export function spreadViews(
  plan: Plan,
  { kernels, memory, input, staging, state }: Workshop,
  { augmentation, from }: { augmentation: Augmentation; from: number },
): void {
  const { views, shift = 0, flip = false } = augmentation;
  const floats = plan.inputWidth;
  const at = input / 4 + floats * from;
  memory.f32.copyWithin(staging / 4, at, at + floats);
  const [height = 1, breadth = 1, channels = 1] = plan.input;
  for (let row = from; row < from + views; row += 1) {
    const out = input + 4 * floats * row;
    if (!movesViews(augmentation)) {
      memory.f32.copyWithin(out / 4, staging / 4, staging / 4 + floats);
      continue;
    }
    const [k0, k1] = [state.coins[2 * row] as number, state.coins[2 * row + 1] as number];
    const words = BigInt.asUintN(64, kernels.coins(k0, k1, 0, STREAM));
    const span = 2n * BigInt(shift) + 1n;
    // 31 bits a direction: the bias of the remainder is below 2^-20.
    const dy = Number((words & 0x7fff_ffffn) % span) - shift;
    const dx = Number(((words >> 31n) & 0x7fff_ffffn) % span) - shift;
    kernels.shiftImage(staging, height, breadth, channels, dy, dx, flip && words >> 63n === 1n, out);
  }
}
