/**
 * The examples a model is trained on: inputs in one row-major array, as floats or as small integers with a public
 * scale, and labels beside them. Rows keep their order; a subset copies its rows, so that a participant holds nothing
 * but its own examples.
 *
 * @module
 */

import { assertInteger } from '../../foundations/numerics/index.ts';
import { DataError } from './errors.ts';
import { type IdxArray } from './idx.ts';

/** Row-major inputs. Integers stand for `value × inputScale + inputOffset`. */
export type InputArray = Float32Array | Uint8Array | Uint16Array;

/** Class indices, or targets of a regression (`labelWidth` numbers an example). */
export type LabelArray = Uint8Array | Int32Array | Float32Array;

/** What a dataset consists of. */
export interface DatasetFields {
  /** `size × product(inputShape)` values, row-major, channel last. */
  readonly inputs: InputArray;
  /** The shape of one example. */
  readonly inputShape: readonly number[];
  readonly labels: LabelArray;
  /** A stored value v stands for v × inputScale + inputOffset. Public constants, never computed from the data. */
  readonly inputScale?: number;
  readonly inputOffset?: number;
  /** Numbers a label consists of; 1 by default. */
  readonly labelWidth?: number;
  /** Number of classes; labels must then be integers in [0, classes). 0 when the labels are not classes. */
  readonly classes?: number;
}

/** Examples with their labels. */
export interface Dataset extends Required<DatasetFields> {
  readonly size: number;
  /** Numbers one input consists of: the product of `inputShape`. */
  readonly inputWidth: number;
  /** Copies the rows of `indices`, in that order. @throws {RangeError} when an index is out of range. */
  subset(indices: ArrayLike<number>): Dataset;
}

function checkLabels({ labels, classes }: { labels: LabelArray; classes: number }): void {
  if (classes > 0) {
    for (let i = 0; i < labels.length; i += 1) {
      const label = labels[i] as number;
      if (!Number.isInteger(label) || label < 0 || label >= classes) {
        throw new DataError(
          'data/label-out-of-range',
          `label of example ${i} must be an integer in [0, ${classes - 1}], got ${label}`,
          { details: { example: i, classes } },
        );
      }
    }
  } else if (labels instanceof Float32Array) {
    const at = labels.findIndex((label) => !Number.isFinite(label));
    if (at >= 0) throw new DataError('data/not-finite', `label value ${at} is not finite`, { details: { at } });
  }
}

/**
 * Makes a dataset of arrays; nothing is copied.
 *
 * Inputs that are not finite are allowed here and reported by {@link countNonFinite}: training gives such an example a
 * zero gradient, for leaving it out on sight would depend on the data.
 * @throws {DataError} when lengths do not fit or a label is out of range or not finite.
 */
export function createDataset({
  inputs,
  inputShape,
  labels,
  inputScale = 1,
  inputOffset = 0,
  labelWidth = 1,
  classes = 0,
}: DatasetFields): Dataset {
  for (const [i, extent] of inputShape.entries()) assertInteger(extent, `inputShape[${i}]`, { min: 1 });
  assertInteger(labelWidth, 'labelWidth', { min: 1 });
  assertInteger(classes, 'classes');
  // They are used as 32-bit floats.
  if (!Number.isFinite(Math.fround(inputScale)) || Math.fround(inputScale) === 0) {
    throw new RangeError(`"inputScale" must be a finite 32-bit float other than 0, got ${inputScale}`);
  }
  if (!Number.isFinite(Math.fround(inputOffset))) {
    throw new RangeError(`"inputOffset" must be a finite 32-bit float, got ${inputOffset}`);
  }
  const inputWidth = inputShape.reduce((product, extent) => product * extent, 1);
  const size = labels.length / labelWidth;
  if (!Number.isInteger(size)) {
    throw new DataError('data/labels-mismatch', `${labels.length} label values do not make rows of ${labelWidth}`);
  }
  if (inputs.length !== size * inputWidth) {
    const examples = inputs.length / inputWidth;
    throw Number.isInteger(examples)
      ? new DataError('data/labels-mismatch', `${examples} examples but ${size} labels`, {
          details: { examples, size },
        })
      : new DataError(
          'data/shape-mismatch',
          `${inputs.length} input values do not make examples of shape ${inputShape.join(' × ')}`,
        );
  }
  checkLabels({ labels, classes });
  return {
    inputs,
    inputShape: [...inputShape],
    labels,
    inputScale,
    inputOffset,
    labelWidth,
    classes,
    size,
    inputWidth,
    subset(indices) {
      const rows = inputs.slice(0, 0).constructor as new (length: number) => InputArray;
      const targets = labels.slice(0, 0).constructor as new (length: number) => LabelArray;
      const pickedInputs = new rows(indices.length * inputWidth);
      const pickedLabels = new targets(indices.length * labelWidth);
      for (let i = 0; i < indices.length; i += 1) {
        const row = indices[i] as number;
        if (!Number.isInteger(row) || row < 0 || row >= size) {
          throw new RangeError(`"indices[${i}]" must be an integer in [0, ${size - 1}], got ${row}`);
        }
        pickedInputs.set(inputs.subarray(row * inputWidth, (row + 1) * inputWidth), i * inputWidth);
        pickedLabels.set(labels.subarray(row * labelWidth, (row + 1) * labelWidth), i * labelWidth);
      }
      return createDataset({
        inputs: pickedInputs,
        inputShape,
        labels: pickedLabels,
        inputScale,
        inputOffset,
        labelWidth,
        classes,
      });
    },
  };
}

/**
 * Puts the rows of a second data set behind those of the first.
 * @throws {DataError} `data/shape-mismatch` when they hold other kinds of examples or numbers.
 */
export function joinDatasets(first: Dataset, second: Dataset): Dataset {
  const kindOf = ({ inputs, labels, inputShape, inputScale, inputOffset, labelWidth }: Dataset): string =>
    [inputs.constructor.name, labels.constructor.name, inputShape, inputScale, inputOffset, labelWidth].join();
  if (kindOf(first) !== kindOf(second)) {
    throw new DataError('data/shape-mismatch', 'the two data sets hold other kinds of examples');
  }
  const concat = <Numbers extends InputArray | LabelArray>(a: Numbers, b: Numbers): Numbers => {
    const both = new (a.constructor as new (length: number) => Numbers)(a.length + b.length);
    both.set(a);
    both.set(b, a.length);
    return both;
  };
  return createDataset({
    ...first,
    inputs: concat(first.inputs, second.inputs),
    labels: concat(first.labels, second.labels),
  });
}

/**
 * Joins an IDX file of images with its IDX file of labels. Pixels stay bytes at the public scale 1/255.
 * @param images - shape `examples × height × width`, or with channels as a fourth dimension.
 * @param labels - shape `examples`.
 * @param options - `classes` bounds the labels (10 by default); `name` stands for the pair in messages.
 * @throws {DataError} when the two do not fit together.
 */
export function datasetFromIdx(
  { images, labels }: { images: IdxArray; labels: IdxArray },
  { classes = 10, name = 'the IDX pair' }: { classes?: number; name?: string } = {},
): Dataset {
  const [examples, ...rest] = images.shape;
  if (examples === undefined || rest.length < 2 || rest.length > 3 || rest.some((extent) => extent === 0)) {
    throw new DataError(
      'data/shape-mismatch',
      `${name}: images must have shape examples × height × width, got ${images.shape.join(' × ')}`,
      { details: { shape: images.shape } },
    );
  }
  if (labels.shape.length !== 1) {
    throw new DataError(
      'data/shape-mismatch',
      `${name}: labels must have one dimension, got ${labels.shape.join(' × ')} (is this the images file?)`,
      { details: { shape: labels.shape } },
    );
  }
  if (labels.shape[0] !== examples) {
    throw new DataError('data/labels-mismatch', `${name}: ${examples} images but ${labels.shape[0]} labels`, {
      details: { images: examples, labels: labels.shape[0] },
    });
  }
  return createDataset({
    inputs: images.data,
    inputShape: rest.length === 2 ? [...rest, 1] : rest,
    labels: labels.data,
    inputScale: 1 / 255,
    classes,
  });
}

/** Counts the examples that hold a NaN or an infinity. For the data holder alone: the count depends on the data. */
export function countNonFinite({ inputs, inputWidth }: Dataset): number {
  if (!(inputs instanceof Float32Array)) return 0;
  let count = 0;
  for (let start = 0; start < inputs.length; start += inputWidth) {
    for (let i = start; i < start + inputWidth; i += 1) {
      if (!Number.isFinite(inputs[i])) {
        count += 1;
        break;
      }
    }
  }
  return count;
}
