/**
 * First-order optimizers over one flat parameter vector. They read a gradient that is already private (clipped, summed,
 * noised, divided by a public constant), so what they do is post-processing and costs nothing.
 *
 * Formulas are those of PyTorch where it has the optimizer [PyTorch]; Yogi is [ZRSKK18], LAMB is [YLRHKBSDKH20].
 *
 * @module
 */

import { z } from 'zod';

import { assertInteger } from '../../foundations/numerics/index.ts';

const learningRate = z.number().positive();
const weightDecay = z.number().nonnegative().default(0);
const fraction = z.number().min(0).lt(1);
const moments = {
  learningRate,
  beta1: fraction.default(0.9),
  beta2: fraction.default(0.999),
};

/** The `optimizer` key of a task file. */
export const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sgd'), learningRate, weightDecay }),
  z.strictObject({ kind: z.literal('momentum'), learningRate, momentum: fraction.default(0.9), weightDecay }),
  z.strictObject({ kind: z.literal('nesterov'), learningRate, momentum: fraction.default(0.9), weightDecay }),
  z.strictObject({
    kind: z.literal('adam'),
    ...moments,
    epsilon: z.number().positive().default(1e-8),
    weightDecay,
    amsgrad: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('adamw'),
    ...moments,
    epsilon: z.number().positive().default(1e-8),
    weightDecay: z.number().nonnegative().default(0.01),
  }),
  z.strictObject({
    kind: z.literal('adagrad'),
    learningRate,
    epsilon: z.number().positive().default(1e-10),
    initialAccumulator: z.number().nonnegative().default(0),
    weightDecay,
  }),
  z.strictObject({
    kind: z.literal('yogi'),
    ...moments,
    epsilon: z.number().positive().default(1e-3),
    initialAccumulator: z.number().nonnegative().default(1e-6),
    biasCorrection: z.boolean().default(true),
  }),
  z.strictObject({
    kind: z.literal('lamb'),
    ...moments,
    epsilon: z.number().positive().default(1e-6),
    weightDecay,
  }),
]);

/** How parameters follow gradients; what is left out takes its default. */
export type OptimizerConfig = z.input<typeof optimizerSchema>;
type ResolvedConfig = z.output<typeof optimizerSchema>;

/** One tensor of the flat vector: LAMB scales each by its own norm. */
export interface ParameterSpan {
  readonly offset: number;
  readonly length: number;
}

/** What an optimizer remembers between steps: checkpoint it beside the parameters. */
export interface OptimizerState {
  readonly kind: OptimizerConfig['kind'];
  readonly steps: number;
  readonly slots: Readonly<Record<string, Float64Array>>;
}

/** Moves parameters against a gradient. Stateful. */
export interface Optimizer {
  readonly kind: OptimizerConfig['kind'];
  /**
   * Takes one step, in place.
   * @param parameters - as long as the parameter count.
   * @param gradient - of the same length; not changed.
   * @param options - `learningRateFactor` of a schedule, 1 by default.
   * @throws {RangeError} before anything changes when a length is wrong or a gradient is not finite.
   */
  step(
    parameters: Float32Array | Float64Array,
    gradient: Float64Array | Float32Array,
    options?: { learningRateFactor?: number },
  ): void;
  /** Copies the state. */
  state(): OptimizerState;
  /** Replaces the state. @throws {RangeError} when it belongs to another optimizer or parameter count. */
  load(state: OptimizerState): void;
}

type Numbers = Float32Array | Float64Array;
interface Update {
  readonly slots: Record<string, Float64Array>;
  apply(parameters: Numbers, gradient: Numbers, rate: number, step: number): void;
}

/**
 * Creates an optimizer.
 * @param parameterCount - length of the flat parameter vector.
 * @param options - `spans`, the tensors of the vector, which only LAMB reads; one span by default.
 * @throws {RangeError} when a setting is out of range.
 */
export function createOptimizer(
  config: OptimizerConfig,
  parameterCount: number,
  { spans = [{ offset: 0, length: parameterCount }] }: { spans?: readonly ParameterSpan[] } = {},
): Optimizer {
  assertInteger(parameterCount, 'parameterCount', { min: 1 });
  const parsed = optimizerSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RangeError(`"optimizer.${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not understood'}`);
  }
  const settings = parsed.data;
  const update = createUpdate(settings, parameterCount, spans);
  let steps = 0;
  return {
    kind: settings.kind,
    step(parameters, gradient, { learningRateFactor = 1 } = {}) {
      if (parameters.length !== parameterCount || gradient.length !== parameterCount) {
        throw new RangeError(
          `"parameters" and "gradient" must have ${parameterCount} entries, got ${parameters.length} and ${gradient.length}`,
        );
      }
      if (!Number.isFinite(learningRateFactor) || learningRateFactor < 0) {
        throw new RangeError(`"learningRateFactor" must be a finite number ≥ 0, got ${learningRateFactor}`);
      }
      for (let i = 0; i < parameterCount; i += 1) {
        if (!Number.isFinite(gradient[i])) throw new RangeError(`"gradient[${i}]" must be finite, got ${gradient[i]}`);
      }
      steps += 1;
      update.apply(parameters, gradient, settings.learningRate * learningRateFactor, steps);
    },
    state: () => ({
      kind: settings.kind,
      steps,
      slots: Object.fromEntries(Object.entries(update.slots).map(([name, slot]) => [name, slot.slice()])),
    }),
    load(state) {
      if (state.kind !== settings.kind) {
        throw new RangeError(`"state.kind" must be ${settings.kind}, got ${state.kind}`);
      }
      assertInteger(state.steps, 'state.steps');
      for (const [name, slot] of Object.entries(update.slots)) {
        if (state.slots[name]?.length !== slot.length) {
          throw new RangeError(
            `"state.slots.${name}" must have ${slot.length} entries, got ${state.slots[name]?.length ?? 'none'}`,
          );
        }
      }
      for (const [name, slot] of Object.entries(update.slots)) slot.set(state.slots[name] as Float64Array);
      steps = state.steps;
    },
  };
}

function createUpdate(config: ResolvedConfig, count: number, spans: readonly ParameterSpan[]): Update {
  switch (config.kind) {
    case 'sgd':
    case 'momentum':
    case 'nesterov':
      return descend(config, count);
    case 'adam':
    case 'adamw':
      return adam(config, count);
    case 'adagrad':
      return adagrad(config, count);
    case 'yogi':
      return yogi(config, count);
    case 'lamb':
      return lamb(config, count, spans);
  }
}

function descend(config: Extract<ResolvedConfig, { kind: 'sgd' | 'momentum' | 'nesterov' }>, count: number): Update {
  const { weightDecay: decay } = config;
  const mu = config.kind === 'sgd' ? 0 : config.momentum;
  const nesterov = config.kind === 'nesterov';
  const velocity = new Float64Array(config.kind === 'sgd' ? 0 : count);
  return {
    slots: config.kind === 'sgd' ? {} : { velocity },
    apply(parameters, gradient, rate) {
      for (let i = 0; i < count; i += 1) {
        const x = parameters[i] as number;
        const g = (gradient[i] as number) + decay * x;
        if (config.kind === 'sgd') {
          parameters[i] = x - rate * g;
          continue;
        }
        const v = mu * (velocity[i] as number) + g;
        velocity[i] = v;
        parameters[i] = x - rate * (nesterov ? g + mu * v : v);
      }
    },
  };
}

function adam(config: Extract<ResolvedConfig, { kind: 'adam' | 'adamw' }>, count: number): Update {
  const { beta1, beta2, epsilon, weightDecay: decay } = config;
  const coupled = config.kind === 'adam' ? decay : 0;
  const decoupled = config.kind === 'adamw' ? decay : 0;
  const amsgrad = config.kind === 'adam' && config.amsgrad;
  const first = new Float64Array(count);
  const second = new Float64Array(count);
  const largest = new Float64Array(amsgrad ? count : 0);
  return {
    slots: amsgrad ? { first, second, largest } : { first, second },
    apply(parameters, gradient, rate, step) {
      const firstCorrection = 1 - beta1 ** step;
      const secondCorrection = 1 - beta2 ** step;
      for (let i = 0; i < count; i += 1) {
        const x = (parameters[i] as number) * (1 - rate * decoupled);
        const g = (gradient[i] as number) + coupled * x;
        const m = beta1 * (first[i] as number) + (1 - beta1) * g;
        let v = beta2 * (second[i] as number) + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        if (amsgrad) {
          v = Math.max(v, largest[i] as number);
          largest[i] = v;
        }
        parameters[i] = x - (rate * (m / firstCorrection)) / (Math.sqrt(v / secondCorrection) + epsilon);
      }
    },
  };
}

function adagrad(config: Extract<ResolvedConfig, { kind: 'adagrad' }>, count: number): Update {
  const { epsilon, weightDecay: decay } = config;
  const accumulator = new Float64Array(count).fill(config.initialAccumulator);
  return {
    slots: { accumulator },
    apply(parameters, gradient, rate) {
      for (let i = 0; i < count; i += 1) {
        const x = parameters[i] as number;
        const g = (gradient[i] as number) + decay * x;
        const s = (accumulator[i] as number) + g * g;
        accumulator[i] = s;
        parameters[i] = x - (rate * g) / (Math.sqrt(s) + epsilon);
      }
    },
  };
}

function yogi(config: Extract<ResolvedConfig, { kind: 'yogi' }>, count: number): Update {
  const { beta1, beta2, epsilon, biasCorrection } = config;
  const first = new Float64Array(count);
  const second = new Float64Array(count).fill(config.initialAccumulator);
  return {
    slots: { first, second },
    apply(parameters, gradient, rate, step) {
      const firstCorrection = biasCorrection ? 1 - beta1 ** step : 1;
      const secondCorrection = biasCorrection ? 1 - beta2 ** step : 1;
      for (let i = 0; i < count; i += 1) {
        const g = gradient[i] as number;
        const m = beta1 * (first[i] as number) + (1 - beta1) * g;
        const old = second[i] as number;
        const v = old - (1 - beta2) * Math.sign(old - g * g) * g * g;
        first[i] = m;
        second[i] = v;
        parameters[i] =
          (parameters[i] as number) - (rate * (m / firstCorrection)) / (Math.sqrt(v / secondCorrection) + epsilon);
      }
    },
  };
}

/** Adam's direction, scaled in each tensor to the length of the tensor. [YLRHKBSDKH20] Algorithm 2, φ(z) = z */
function lamb(
  config: Extract<ResolvedConfig, { kind: 'lamb' }>,
  count: number,
  spans: readonly ParameterSpan[],
): Update {
  const { beta1, beta2, epsilon, weightDecay: decay } = config;
  const covered = spans.reduce((end, { offset, length }) => (offset === end ? end + length : Number.NaN), 0);
  if (covered !== count) throw new RangeError(`"spans" must cover ${count} parameters in order without gaps`);
  const first = new Float64Array(count);
  const second = new Float64Array(count);
  const direction = new Float64Array(count);
  return {
    slots: { first, second },
    apply(parameters, gradient, rate, step) {
      const firstCorrection = 1 - beta1 ** step;
      const secondCorrection = 1 - beta2 ** step;
      for (const { offset, length } of spans) {
        let parameterSquares = 0;
        let directionSquares = 0;
        for (let i = offset; i < offset + length; i += 1) {
          const x = parameters[i] as number;
          const g = gradient[i] as number;
          const m = beta1 * (first[i] as number) + (1 - beta1) * g;
          const v = beta2 * (second[i] as number) + (1 - beta2) * g * g;
          first[i] = m;
          second[i] = v;
          const r = m / firstCorrection / (Math.sqrt(v / secondCorrection) + epsilon) + decay * x;
          direction[i] = r;
          parameterSquares += x * x;
          directionSquares += r * r;
        }
        // A tensor that is still zero, or has nowhere to go, takes a plain step.
        const trust = parameterSquares > 0 && directionSquares > 0 ? Math.sqrt(parameterSquares / directionSquares) : 1;
        for (let i = offset; i < offset + length; i += 1) {
          parameters[i] = (parameters[i] as number) - rate * trust * (direction[i] as number);
        }
      }
    },
  };
}
