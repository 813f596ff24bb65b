// Losses: the loss of every row (float64) and its gradient by the outputs, which may overwrite them.
import { exp1 } from './elementwise';

/**
 * Softmax cross-entropy with class labels. The gradient at the label is minus the sum of the others and not
 * p - 1, which would lose its digits as p nears 1. `gradient` 0: the loss alone.
 */
export function softmaxCrossEntropy(
  z: usize,
  labels: usize,
  gradient: usize,
  losses: usize,
  rows: i32,
  width: i32,
): void {
  for (let r = 0; r < rows; r++) {
    const label = load<i32>(labels + (r << 2));
    let top: f32 = load<f32>(z);
    for (let j = 1; j < width; j++) top = max<f32>(top, load<f32>(z + (j << 2)));
    const own = load<f32>(z + (label << 2));
    let others: f32 = 0;
    for (let j = 0; j < width; j++) {
      if (j != label) others += exp1(load<f32>(z + (j << 2)) - top);
    }
    const total = others + exp1(own - top);
    store<f64>(losses + (r << 3), Math.log(<f64>total) + <f64>top - <f64>own);
    if (gradient != 0) {
      for (let j = 0; j < width; j++) {
        const e = exp1(load<f32>(z + (j << 2)) - top);
        store<f32>(gradient + (j << 2), j == label ? -(others / total) : e / total);
      }
      gradient += (<usize>width) << 2;
    }
    z += (<usize>width) << 2;
  }
}

/** Sigmoid binary cross-entropy, summed over the outputs; targets are floats in [0, 1], `width` a row. */
export function binaryCrossEntropy(
  z: usize,
  targets: usize,
  gradient: usize,
  losses: usize,
  rows: i32,
  width: i32,
): void {
  for (let r = 0; r < rows; r++) {
    let loss: f64 = 0;
    for (let j = 0; j < width; j++) {
      const x = load<f32>(z);
      const y = load<f32>(targets);
      const e = exp1(-abs(x));
      loss += <f64>max<f32>(x, 0) - <f64>(x * y) + Math.log1p(<f64>e);
      if (gradient != 0) {
        // σ(x) - y, by the form that keeps its digits on either side.
        const small = e / (1 + e);
        const value: f32 = x >= 0 ? 1 - y - small : small - y;
        store<f32>(gradient, value);
        gradient += 4;
      }
      z += 4;
      targets += 4;
    }
    store<f64>(losses + (r << 3), loss);
  }
}

/** Σ (z - y)² over the outputs, without a factor of one half. */
export function squaredError(z: usize, targets: usize, gradient: usize, losses: usize, rows: i32, width: i32): void {
  for (let r = 0; r < rows; r++) {
    let loss: f64 = 0;
    for (let j = 0; j < width; j++) {
      const d = load<f32>(z) - load<f32>(targets);
      loss += <f64>d * <f64>d;
      if (gradient != 0) {
        store<f32>(gradient, 2 * d);
        gradient += 4;
      }
      z += 4;
      targets += 4;
    }
    store<f64>(losses + (r << 3), loss);
  }
}

/** Huber's loss, summed over the outputs: d²/2 while |d| ≤ threshold, else threshold · (|d| - threshold/2). */
export function huber(
  z: usize,
  targets: usize,
  gradient: usize,
  losses: usize,
  rows: i32,
  width: i32,
  threshold: f32,
): void {
  const t = <f64>threshold;
  for (let r = 0; r < rows; r++) {
    let loss: f64 = 0;
    for (let j = 0; j < width; j++) {
      const d = load<f32>(z) - load<f32>(targets);
      const size = <f64>abs(d);
      loss += size <= t ? 0.5 * size * size : t * (size - 0.5 * t);
      if (gradient != 0) {
        // Written so that NaN stays NaN.
        store<f32>(gradient, d > threshold ? threshold : d < -threshold ? -threshold : d);
        gradient += 4;
      }
      z += 4;
      targets += 4;
    }
    store<f64>(losses + (r << 3), loss);
  }
}
