/**
 * Figures of a classifier from its counts, exact or noisy: accuracy, confusion, precision, recall and F1, areas under
 * curves, calibration, and what differs between groups.
 *
 * @module
 */

import {
  type Estimate,
  estimateCount,
  estimateForm,
  estimateRatio,
  estimateSmooth,
  type Linear,
  type NoisyCounts,
} from './estimates.ts';
import { type ClassificationLayout, offsetsOf } from './tally.ts';

/** Figures of one class. */
export interface ClassMetrics {
  readonly class: number;
  readonly examples: Estimate;
  readonly precision: Estimate;
  readonly recall: Estimate;
  readonly f1: Estimate;
  /** One class against the others; null when the layout counts no scores for it. */
  readonly auc: Estimate | null;
}

/** One bin of a calibration plot. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly examples: Estimate;
  /** Share that is right (of the second class, for two classes). */
  readonly observed: Estimate;
}

/** Figures of one group. */
export interface GroupMetrics {
  readonly group: number;
  readonly examples: Estimate;
  readonly accuracy: Estimate;
  /** Two classes: share predicted as the second one. */
  readonly selectionRate: Estimate | null;
  /** Two classes: recall of the second one. */
  readonly truePositiveRate: Estimate | null;
  /** Two classes: share of the first one predicted as the second one. */
  readonly falsePositiveRate: Estimate | null;
}

/** The largest difference between groups; noise and chance make it larger, never smaller, on average. */
export interface FairnessGaps {
  readonly accuracy: Estimate;
  /** Demographic parity difference. */
  readonly selectionRate: Estimate | null;
  /** Equal opportunity difference. */
  readonly truePositiveRate: Estimate | null;
  readonly falsePositiveRate: Estimate | null;
  /** The larger one of the last two. */
  readonly equalizedOdds: number | null;
}

/** Everything that is said of a classifier. */
export interface ClassificationMetrics {
  readonly kind: 'classification';
  readonly examples: Estimate;
  readonly accuracy: Estimate;
  /** `[label][prediction]`. */
  readonly confusion: readonly (readonly Estimate[])[];
  readonly classes: readonly ClassMetrics[];
  readonly macroF1: Estimate;
  /** Two classes: area under the curve; more: mean over classes; null when no scores are counted. */
  readonly auc: Estimate | null;
  /** Expected calibration error. Noise in nearly empty bins adds to it. */
  readonly calibrationError: Estimate;
  readonly calibration: readonly CalibrationBin[];
  /** Points (false positive rate, true positive rate), two classes. */
  readonly roc: readonly { readonly fpr: number; readonly tpr: number }[] | null;
  readonly groups: readonly GroupMetrics[];
  readonly gaps: FairnessGaps | null;
}

/** Cells of the counts, by what they stand for. */
interface Cells {
  /** Cells of (group, label, prediction); undefined stands for any. */
  of(filter: { group?: number; label?: number; predicted?: number }): number[];
}

function cellsOf(layout: ClassificationLayout): Cells {
  const { classes, groups, bins } = layout;
  return {
    of({ group, label, predicted }) {
      const cells: number[] = [];
      for (let g = 0; g < groups; g += 1) {
        if (group !== undefined && g !== group) continue;
        for (let y = 0; y < classes; y += 1) {
          if (label !== undefined && y !== label) continue;
          if (classes > 2) {
            for (let p = 0; p < classes; p += 1) {
              if (predicted === undefined || p === predicted) cells.push((g * classes + y) * classes + p);
            }
            continue;
          }
          for (let bin = 0; bin < bins; bin += 1) {
            const p = 2 * bin >= bins ? 1 : 0;
            if (predicted === undefined || p === predicted) cells.push((g * 2 + y) * bins + bin);
          }
        }
      }
      return cells;
    },
  };
}

const ones = (...lists: readonly (readonly number[])[]): Linear => {
  const form = new Map<number, number>();
  for (const cells of lists) for (const cell of cells) form.set(cell, (form.get(cell) ?? 0) + 1);
  return form;
};

/** Area under the curve from counts of negatives and positives in ascending bins of the score. */
function aucOfBins(at: { negative: number; positive: number; bins: number }) {
  return (counts: ArrayLike<number>): number => {
    let below = 0;
    let pairs = 0;
    let positives = 0;
    for (let bin = 0; bin < at.bins; bin += 1) {
      const negative = counts[at.negative + bin] as number;
      const positive = counts[at.positive + bin] as number;
      pairs += positive * (below + negative / 2);
      below += negative;
      positives += positive;
    }
    return below > 0 && positives > 0 ? pairs / (below * positives) : Number.NaN;
  };
}

const range = (from: number, length: number): number[] => Array.from({ length }, (_, i) => from + i);

/** The difference of the largest and the smallest estimate, as independent figures. */
function gapOf(estimates: readonly Estimate[]): Estimate {
  const known = estimates.filter(({ value }) => !Number.isNaN(value));
  if (known.length < 2) return { value: Number.NaN, noiseInterval: [0, 1], interval: [0, 1] };
  const sorted = known.toSorted((a, b) => a.value - b.value);
  const low = sorted[0] as Estimate;
  const high = sorted.at(-1) as Estimate;
  const value = high.value - low.value;
  const around = (key: 'noiseInterval' | 'interval'): readonly [number, number] => {
    const half = Math.hypot((high[key][1] - high[key][0]) / 2, (low[key][1] - low[key][0]) / 2);
    return [Math.max(0, value - half), Math.min(1, value + half)];
  };
  return { value, noiseInterval: around('noiseInterval'), interval: around('interval') };
}

/** Computes all figures of a classifier. Post-processing of the counts: it costs nothing. */
export function computeClassificationMetrics(layout: ClassificationLayout, noisy: NoisyCounts): ClassificationMetrics {
  const { counts, noiseStddev } = noisy;
  const { classes, groups, bins, scoresOfAll } = layout;
  const { calibration: calibrationAt, scores } = offsetsOf(layout);
  const cells = cellsOf(layout);
  const all = cells.of({});
  const ratio = (of: readonly number[], over: readonly number[]): Estimate =>
    estimateRatio(noisy, { of: ones(of), over: ones(over) });
  const sum = (of: readonly number[]): Estimate => {
    const value = of.reduce((total, cell) => total + (counts[cell] as number), 0);
    if (of.length === 1) return estimateCount(counts, of[0] as number, noiseStddev);
    return estimateCount([value], 0, noiseStddev * Math.sqrt(of.length));
  };
  const right = (group?: number): number[] =>
    range(0, classes).flatMap((c) => cells.of({ label: c, predicted: c, ...(group === undefined ? {} : { group }) }));

  // More than two classes: how many are right is told by the confusion matrix and by the bins of confidence. Each sum has
  // the noise of its cells, so the best of their means weighs them by the inverse of how many those are.
  const best = (cellsOfMatrix: readonly number[], rightOrWrong: 0 | 1): Linear => {
    if (classes === 2) return ones(cellsOfMatrix);
    const share = noiseStddev === 0 ? 1 : bins / (bins + cellsOfMatrix.length);
    const form = new Map<number, number>(cellsOfMatrix.map((cell) => [cell, share]));
    for (const i of range(0, bins)) form.set(calibrationAt + 2 * i + rightOrWrong, 1 - share);
    return form;
  };
  const rightCells = new Set(right());
  const hits = best([...rightCells], 1);
  const misses = best(
    all.filter((cell) => !rightCells.has(cell)),
    0,
  );
  const examples: Linear = new Map([...hits, ...misses]);

  const confusion = range(0, classes).map((label) =>
    range(0, classes).map((predicted) => sum(cells.of({ label, predicted }))),
  );
  const f1 = (c: number): { of: Linear; over: Linear } => {
    const hit = cells.of({ label: c, predicted: c });
    // 2·TP / (2·TP + FP + FN) = 2·TP / (predicted + labelled)
    return { of: ones(hit, hit), over: ones(cells.of({ predicted: c }), cells.of({ label: c })) };
  };
  const f1Forms = range(0, classes).map(f1);
  const aucOf = (c: number): Estimate | null => {
    if (classes === 2) {
      if (c !== 1) return null;
      const figure = (read: ArrayLike<number>): number => {
        const joined = new Float64Array(2 * bins);
        for (let g = 0; g < groups; g += 1) {
          for (let i = 0; i < 2 * bins; i += 1) joined[i] = (joined[i] as number) + (read[g * 2 * bins + i] as number);
        }
        return aucOfBins({ negative: 0, positive: bins, bins })(joined);
      };
      return estimateSmooth(noisy, { figure, over: all });
    }
    if (!scoresOfAll) return null;
    const from = scores + 2 * c * bins;
    return estimateSmooth(noisy, {
      figure: aucOfBins({ negative: from, positive: from + bins, bins }),
      over: range(from, 2 * bins),
    });
  };
  const perClass = range(0, classes).map((c): ClassMetrics => ({
    class: c,
    examples: sum(cells.of({ label: c })),
    precision: ratio(cells.of({ label: c, predicted: c }), cells.of({ predicted: c })),
    recall: ratio(cells.of({ label: c, predicted: c }), cells.of({ label: c })),
    f1: estimateRatio(noisy, f1Forms[c] as { of: Linear; over: Linear }),
    auc: aucOf(c),
  }));
  const bin = (i: number): { negative: number[]; positive: number[] } =>
    classes === 2
      ? {
          negative: range(0, groups).map((g) => g * 2 * bins + i),
          positive: range(0, groups).map((g) => (g * 2 + 1) * bins + i),
        }
      : { negative: [calibrationAt + 2 * i], positive: [calibrationAt + 2 * i + 1] };
  const calibration = range(0, bins).map((i): CalibrationBin => {
    const { negative, positive } = bin(i);
    return {
      from: i / bins,
      to: (i + 1) / bins,
      examples: sum([...negative, ...positive]),
      observed: ratio(positive, [...negative, ...positive]),
    };
  });
  const calibrationCells = range(0, bins).flatMap((i) => Object.values(bin(i)).flat());
  const calibrationError = estimateSmooth(noisy, {
    over: calibrationCells,
    figure(read) {
      let off = 0;
      let total = 0;
      const add = (cells: readonly number[]): number => cells.reduce((s, cell) => s + (read[cell] as number), 0);
      for (let i = 0; i < bins; i += 1) {
        const { negative, positive } = bin(i);
        const hits = add(positive);
        const here = hits + add(negative);
        off += Math.abs(hits - (here * (i + 0.5)) / bins);
        total += here;
      }
      return total > 0 ? off / total : Number.NaN;
    },
  });
  const perGroup = range(0, groups).map((group): GroupMetrics => {
    const here = cells.of({ group });
    const two = classes === 2;
    return {
      group,
      examples: sum(here),
      accuracy: ratio(right(group), here),
      selectionRate: two ? ratio(cells.of({ group, predicted: 1 }), here) : null,
      truePositiveRate: two ? ratio(cells.of({ group, label: 1, predicted: 1 }), cells.of({ group, label: 1 })) : null,
      falsePositiveRate: two ? ratio(cells.of({ group, label: 0, predicted: 1 }), cells.of({ group, label: 0 })) : null,
    };
  });
  return {
    kind: 'classification',
    examples: estimateForm(noisy, { of: examples, cells: ones(all) }),
    accuracy: estimateRatio(noisy, { of: hits, over: examples, cells: { of: ones(right()), over: ones(all) } }),
    confusion,
    classes: perClass,
    macroF1: estimateSmooth(noisy, {
      over: all,
      figure: (read) =>
        f1Forms.reduce((total, { of, over }) => total + quotient(of, over, read), 0) / Math.max(1, classes),
    }),
    auc: classes === 2 ? (perClass[1]?.auc ?? null) : meanOf(perClass.map(({ auc }) => auc)),
    calibrationError,
    calibration,
    roc: classes === 2 ? rocOf(range(0, bins).map((i) => countsOf(bin(i), counts))) : null,
    groups: groups > 1 ? perGroup : [],
    gaps: groups > 1 ? gapsOf(perGroup) : null,
  };
}

function quotient(of: Linear, over: Linear, counts: ArrayLike<number>): number {
  let a = 0;
  let b = 0;
  for (const [at, factor] of of) a += factor * (counts[at] as number);
  for (const [at, factor] of over) b += factor * (counts[at] as number);
  return b > 0 ? Math.min(1, Math.max(0, a / b)) : 0;
}

/** A mean of figures; its intervals as if they were wrong together, which is never too narrow. */
function meanOf(estimates: readonly (Estimate | null)[]): Estimate | null {
  if (estimates.includes(null) || estimates.length === 0) return null;
  const known = estimates as readonly Estimate[];
  const mean = (pick: (estimate: Estimate) => number): number =>
    known.reduce((total, estimate) => total + pick(estimate), 0) / known.length;
  return {
    value: mean(({ value }) => value),
    noiseInterval: [mean(({ noiseInterval }) => noiseInterval[0]), mean(({ noiseInterval }) => noiseInterval[1])],
    interval: [mean(({ interval }) => interval[0]), mean(({ interval }) => interval[1])],
  };
}

function countsOf(
  { negative, positive }: { negative: readonly number[]; positive: readonly number[] },
  counts: ArrayLike<number>,
): { negative: number; positive: number } {
  // Post-processing: a count is not negative.
  const add = (cells: readonly number[]): number =>
    Math.max(
      0,
      cells.reduce((sum, cell) => sum + (counts[cell] as number), 0),
    );
  return { negative: add(negative), positive: add(positive) };
}

function rocOf(bins: readonly { negative: number; positive: number }[]): { fpr: number; tpr: number }[] {
  const negatives = bins.reduce((sum, { negative }) => sum + negative, 0);
  const positives = bins.reduce((sum, { positive }) => sum + positive, 0);
  const points = [{ fpr: 0, tpr: 0 }];
  let fpr = 0;
  let tpr = 0;
  for (const { negative, positive } of bins.toReversed()) {
    fpr += negative / Math.max(1, negatives);
    tpr += positive / Math.max(1, positives);
    points.push({ fpr, tpr });
  }
  return points;
}

function gapsOf(groups: readonly GroupMetrics[]): FairnessGaps {
  const gap = (key: 'selectionRate' | 'truePositiveRate' | 'falsePositiveRate'): Estimate | null => {
    const estimates = groups.map((group) => group[key]);
    return estimates.includes(null) ? null : gapOf(estimates as Estimate[]);
  };
  const truePositiveRate = gap('truePositiveRate');
  const falsePositiveRate = gap('falsePositiveRate');
  return {
    accuracy: gapOf(groups.map(({ accuracy }) => accuracy)),
    selectionRate: gap('selectionRate'),
    truePositiveRate,
    falsePositiveRate,
    equalizedOdds:
      truePositiveRate === null || falsePositiveRate === null
        ? null
        : Math.max(truePositiveRate.value, falsePositiveRate.value),
  };
}
