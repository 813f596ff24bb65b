/**
 * Scattering features of images [TB21]: averages of wavelet moduli over two scales and eight angles, 81 channels on a
 * grid four times coarser than the image. They are fixed and public, so they cost no privacy, and a linear model on
 * them is the strongest small private model known for digits.
 *
 * Normalisation is either independent of the data (each example by itself), or standardisation by constants that were
 * computed privately and charged (`private-normalization.ts`). Features are kept in 8 or 16 bits at a public scale.
 *
 * @module
 */

import { z } from 'zod';

import { createScatteringKernel, SCATTERING_LANES } from '../../foundations/kernels/index.ts';
import { assertInteger } from '../../foundations/numerics/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';
import { drawStrokes } from './strokes.ts';
import { computePadding, createScatteringTables, SCATTERING_CHANNELS } from './scattering-filters.ts';

/** Smallest side of an image: below, fewer than four samples of a side would be kept. */
const MIN_SIDE = 16;
const GROUP_EPSILON = 1e-5;

const numbers = z.array(z.number());

/** The `features` key of a task file. */
export const featuresSchema = z.strictObject({
  kind: z.literal('scattering'),
  normalization: z
    .discriminatedUnion('kind', [
      /** Each example's groups of channels are brought to mean 0 and variance 1; nothing is learned from data. */
      z.strictObject({ kind: z.literal('group'), groups: z.int().positive().default(27) }),
      /** Channels are shifted and scaled by constants: public ones, or privately computed and charged ones. */
      z.strictObject({ kind: z.literal('standardize'), mean: numbers, stddev: z.array(z.number().positive()) }),
      z.strictObject({ kind: z.literal('none') }),
    ])
    .prefault({ kind: 'group' }),
  /**
   * What is subtracted from group-normalised features: nothing, or the mean over drawn strokes, a public template of
   * writing (`strokes.ts`), which leaves more of a clipped gradient to what tells one example from another.
   */
  center: z.enum(['none', 'strokes']).default('none'),
  /** Samples left out at each border of the grid: a public choice for images whose border is empty. */
  crop: z.int().nonnegative().default(0),
  bits: z.union([z.literal(8), z.literal(16)]).default(8),
});

/** How features are made; what is left out takes its default. */
export type FeaturesConfig = z.input<typeof featuresSchema>;

/** A fixed public map from images to features. */
export interface FeatureExtractor {
  /** Height, width and channels of the features of one example. */
  readonly outputShape: readonly [number, number, number];
  /** Features as they are, before they are put on the integer scale. */
  compute(images: Dataset): Float32Array;
  /**
   * Replaces a dataset's inputs by features on the integer scale; labels stay. An image with a number that is not finite
   * becomes the lowest level throughout, for integers know no NaN: its gradient is clipped like any other's.
   */
  extract(images: Dataset): Dataset;
}

/** The public range that features are kept in; what lies outside is clamped. */
function rangeOf({ normalization, center }: z.output<typeof featuresSchema>): { low: number; high: number } {
  if (center === 'strokes') return { low: -4, high: 7 };
  switch (normalization.kind) {
    case 'none':
      return { low: 0, high: 1 };
    case 'group':
      // The mean of a group is 0 and most of its features are small: few lie above six, none on digits below −1.5.
      return { low: -1.5, high: 7 };
    case 'standardize':
      return { low: -4, high: 8 };
  }
}

/**
 * Creates the extractor for images of a shape.
 * @param inputShape - height, width and channels, as a dataset has them; sides of at least 16.
 * @throws {RangeError} when a setting or the shape does not fit.
 */
export function createFeatureExtractor(config: FeaturesConfig, inputShape: readonly number[]): FeatureExtractor {
  const settings = featuresSchema.parse(config);
  const { normalization, center, crop, bits } = settings;
  const [height, width, planes] = inputShape;
  if (height === undefined || width === undefined || planes === undefined || inputShape.length !== 3) {
    throw new RangeError(`"inputShape" must be [height, width, channels], got [${inputShape.join(', ')}]`);
  }
  assertInteger(height, 'inputShape[0]', { min: MIN_SIDE });
  assertInteger(width, 'inputShape[1]', { min: MIN_SIDE });
  const [rows, columns] = [computePadding(height), computePadding(width)];
  const kept = { rows: rows.kept - 2 * crop, columns: columns.kept - 2 * crop };
  if (kept.rows < 1 || kept.columns < 1) throw new RangeError(`"crop" must leave a sample, got ${crop}`);
  const channels = planes * SCATTERING_CHANNELS;
  let group = 0;
  if (normalization.kind === 'group') {
    group = SCATTERING_CHANNELS / normalization.groups;
    if (!Number.isInteger(group)) {
      throw new RangeError(`"groups" must divide ${SCATTERING_CHANNELS}, got ${normalization.groups}`);
    }
  } else if (normalization.kind === 'standardize') {
    for (const key of ['mean', 'stddev'] as const) {
      if (normalization[key].length !== channels) {
        throw new RangeError(`"${key}" must have ${channels} entries, got ${normalization[key].length}`);
      }
    }
  }
  if (center === 'strokes' && normalization.kind !== 'group') {
    throw new RangeError('"center: strokes" needs "normalization: group": the template is one of normalised features');
  }
  const template = center === 'strokes' ? computeTemplate(settings, inputShape as [number, number, number]) : undefined;
  const kernel = createScatteringKernel(createScatteringTables(rows, columns));
  const points = rows.kept * columns.kept;
  const outputShape = [kept.rows, kept.columns, channels] as const;
  const outputWidth = kept.rows * kept.columns * channels;
  const source = createReflection({ height, width, planes }, { rows, columns });

  /** Calls `visit` with the features of each example in turn; the array is reused. */
  function forEach(images: Dataset, visit: (features: Float32Array, example: number) => void): void {
    if (images.inputShape.join() !== inputShape.join()) {
      throw new RangeError(
        `"images" must have shape [${inputShape.join(', ')}], got [${images.inputShape.join(', ')}]`,
      );
    }
    const lanes = new Float32Array(rows.padded * columns.padded * 2 * SCATTERING_LANES);
    const planesOut = new Float32Array(SCATTERING_CHANNELS * points * SCATTERING_LANES);
    const features = new Float32Array(outputWidth);
    const total = images.size * (planes as number);
    for (let start = 0; start < total; start += SCATTERING_LANES) {
      const filled = Math.min(SCATTERING_LANES, total - start);
      // Lanes without a plane keep the one before: computed and thrown away.
      for (let lane = 0; lane < filled; lane += 1) source.fillLane(images, start + lane, lanes, lane);
      kernel.transformInto(lanes, planesOut, { group, epsilon: GROUP_EPSILON });
      for (let lane = 0; lane < filled; lane += 1) {
        const plane = (start + lane) % (planes as number);
        collect(planesOut, lane, plane, features);
        if (plane === (planes as number) - 1) visit(features, Math.floor((start + lane) / (planes as number)));
      }
    }
  }

  /** Picks one lane out of the output planes, channel last, cropped. */
  function collect(planesOut: Float32Array, lane: number, plane: number, features: Float32Array): void {
    for (let channel = 0; channel < SCATTERING_CHANNELS; channel += 1) {
      const to = plane * SCATTERING_CHANNELS + channel;
      const mean = normalization.kind === 'standardize' ? (normalization.mean[to] as number) : 0;
      const factor = normalization.kind === 'standardize' ? 1 / (normalization.stddev[to] as number) : 1;
      for (let r = 0; r < kept.rows; r += 1) {
        for (let c = 0; c < kept.columns; c += 1) {
          const at = (channel * points + (r + crop) * columns.kept + c + crop) * SCATTERING_LANES + lane;
          const place = (r * kept.columns + c) * channels + to;
          features[place] = ((planesOut[at] as number) - mean) * factor - (template?.[place] ?? 0);
        }
      }
    }
  }

  return {
    outputShape,
    compute(images) {
      const out = new Float32Array(images.size * outputWidth);
      forEach(images, (features, example) => out.set(features, example * outputWidth));
      return out;
    },
    extract(images) {
      const { low, high } = rangeOf(settings);
      const levels = 2 ** bits - 1;
      const inputScale = (high - low) / levels;
      const size = images.size * outputWidth;
      const inputs = bits === 8 ? new Uint8Array(size) : new Uint16Array(size);
      forEach(images, (features, example) => {
        const start = example * outputWidth;
        for (let i = 0; i < outputWidth; i += 1) {
          const level = ((features[i] as number) - low) / inputScale + 0.5;
          // What is not a number becomes the lowest level: `level > 0` is false for it.
          inputs[start + i] = level > 0 ? (level < levels ? level : levels) : 0;
        }
      });
      return createDataset({
        inputs,
        inputShape: outputShape,
        labels: images.labels,
        inputScale,
        inputOffset: low,
        labelWidth: images.labelWidth,
        classes: images.classes,
      });
    },
  };
}

/** The mean features of the drawn strokes, by the same settings without a centre. */
function computeTemplate(
  settings: z.output<typeof featuresSchema>,
  [height, width, planes]: readonly [number, number, number],
): Float32Array {
  const images = drawStrokes({ height, width, planes });
  const features = createFeatureExtractor({ ...settings, center: 'none' }, [height, width, planes]).compute(images);
  const mean = new Float64Array(features.length / images.size);
  for (let i = 0; i < features.length; i += 1) {
    mean[i % mean.length] = (mean[i % mean.length] as number) + (features[i] as number) / images.size;
  }
  return Float32Array.from(mean);
}

interface Sides {
  readonly rows: { readonly padded: number; readonly before: number };
  readonly columns: { readonly padded: number; readonly before: number };
}

/** Reads planes of images, padded by reflection about their outermost points (which are not repeated). */
function createReflection(
  { height, width, planes }: { height: number; width: number; planes: number },
  { rows, columns }: Sides,
) {
  const reflect = (index: number, size: number): number => {
    const period = 2 * (size - 1);
    const inside = ((index % period) + period) % period;
    return inside < size ? inside : period - inside;
  };
  const from = new Uint32Array(rows.padded * columns.padded);
  for (let r = 0; r < rows.padded; r += 1) {
    for (let c = 0; c < columns.padded; c += 1) {
      from[r * columns.padded + c] =
        (reflect(r - rows.before, height) * width + reflect(c - columns.before, width)) * planes;
    }
  }
  return {
    fillLane({ inputs, inputScale, inputOffset, inputWidth }: Dataset, index: number, out: Float32Array, lane: number) {
      const start = Math.floor(index / planes) * inputWidth + (index % planes);
      for (let i = 0; i < from.length; i += 1) {
        out[2 * i * SCATTERING_LANES + lane] =
          (inputs[start + (from[i] as number)] as number) * inputScale + inputOffset;
      }
    },
  };
}
