// Normalisation within one example: over `groups` groups of channels, each over all places. Layer norm is one group of
// as many channels as there are numbers, at one place. Means and variances are sums in float64.

/**
 * y = (x - mean) / √(variance + epsilon) · weight + bias, with the biased variance. `stats` gets mean and reciprocal
 * deviation of each group (two floats).
 */
export function normForward(
  x: usize,
  places: i32,
  channels: i32,
  groups: i32,
  weight: usize,
  bias: usize,
  epsilon: f64,
  stats: usize,
  y: usize,
): void {
  const width = channels / groups;
  const count = <f64>(places * width);
  for (let g = 0; g < groups; g++) {
    let sum: f64 = 0;
    for (let p = 0; p < places; p++) {
      const from = x + ((<usize>(p * channels + g * width)) << 2);
      for (let c = 0; c < width; c++) sum += <f64>load<f32>(from + ((<usize>c) << 2));
    }
    const mean = sum / count;
    let squares: f64 = 0;
    for (let p = 0; p < places; p++) {
      const from = x + ((<usize>(p * channels + g * width)) << 2);
      for (let c = 0; c < width; c++) {
        const d = <f64>load<f32>(from + ((<usize>c) << 2)) - mean;
        squares += d * d;
      }
    }
    const m = <f32>mean;
    const r = <f32>(1 / sqrt(squares / count + epsilon));
    store<f32>(stats, m);
    store<f32>(stats, r, 4);
    stats += 8;
    for (let p = 0; p < places; p++) {
      for (let c = g * width; c < (g + 1) * width; c++) {
        const at = (<usize>(p * channels + c)) << 2;
        const normal = (load<f32>(x + at) - m) * r;
        store<f32>(y + at, normal * load<f32>(weight + ((<usize>c) << 2)) + load<f32>(bias + ((<usize>c) << 2)));
      }
    }
  }
}

/** The gradient by the input. */
export function normBackward(
  x: usize,
  dy: usize,
  places: i32,
  channels: i32,
  groups: i32,
  weight: usize,
  stats: usize,
  dx: usize,
): void {
  const width = channels / groups;
  const count = <f64>(places * width);
  for (let g = 0; g < groups; g++) {
    const m = load<f32>(stats);
    const r = load<f32>(stats, 4);
    stats += 8;
    let sum: f64 = 0;
    let dot: f64 = 0;
    for (let p = 0; p < places; p++) {
      for (let c = g * width; c < (g + 1) * width; c++) {
        const at = (<usize>(p * channels + c)) << 2;
        const d = <f64>(load<f32>(dy + at) * load<f32>(weight + ((<usize>c) << 2)));
        sum += d;
        dot += d * <f64>((load<f32>(x + at) - m) * r);
      }
    }
    const meanOfD = <f32>(sum / count);
    const meanOfDot = <f32>(dot / count);
    for (let p = 0; p < places; p++) {
      for (let c = g * width; c < (g + 1) * width; c++) {
        const at = (<usize>(p * channels + c)) << 2;
        const d = load<f32>(dy + at) * load<f32>(weight + ((<usize>c) << 2));
        const normal = (load<f32>(x + at) - m) * r;
        store<f32>(dx + at, r * (d - meanOfD - normal * meanOfDot));
      }
    }
  }
}

/** Adds one example's gradients by scale and shift to `weightGradient` and `biasGradient`. */
export function normGradient(
  x: usize,
  dy: usize,
  places: i32,
  channels: i32,
  groups: i32,
  stats: usize,
  weightGradient: usize,
  biasGradient: usize,
): void {
  const width = channels / groups;
  for (let p = 0; p < places; p++) {
    for (let c = 0; c < channels; c++) {
      const at = (<usize>(p * channels + c)) << 2;
      const group = stats + ((<usize>(c / width)) << 3);
      const normal = (load<f32>(x + at) - load<f32>(group)) * load<f32>(group, 4);
      const d = load<f32>(dy + at);
      const w = weightGradient + ((<usize>c) << 2);
      const b = biasGradient + ((<usize>c) << 2);
      store<f32>(w, load<f32>(w) + d * normal);
      store<f32>(b, load<f32>(b) + d);
    }
  }
}
