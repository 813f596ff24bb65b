/**
 * `sotto predict RUN IMAGE.png`: asks a model of a run about one image. The answer says in which mode it was given and what
 * it cost: a model that was trained privately answers for nothing, one that was not says that it protects nobody.
 *
 * @module
 */

import { Command } from 'commander';
import { decode } from 'fast-png';

import { argmax } from '../learning/answers/index.ts';
import { createDataset, pixelFormatOf, pixelsInto } from '../learning/data/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { type AnsweringModel, openAnsweringModel } from './answering.ts';
import { UsageError } from './exit-codes.ts';
import { integerOption } from './mpc.ts';

interface PredictOptions {
  readonly top: string;
  readonly digits: string;
  readonly invert?: boolean;
  readonly json?: boolean;
}

/** Creates the command. */
export function createPredictCommand(): Command {
  return new Command('predict')
    .description('Ask a model about an image; the answer names its mode and its charge.')
    .argument('<run>', 'run folder with model.safetensors')
    .argument('<image>', 'PNG file of the size the model takes')
    .option('--top <count>', 'classes that are told', '3')
    .option('--digits <count>', 'decimal digits of a score', '3')
    .option('--invert', 'the image is dark on light, the model takes light on dark')
    .option('--json', 'print the answer as JSON, and nothing else, on standard output')
    .action((run: string, image: string, options: PredictOptions) => predict(run, image, options));
}

function predict(run: string, image: string, options: PredictOptions): void {
  const digits = integerOption(options.digits, '--digits', { min: 0, max: 6 });
  const model = openAnsweringModel(run);
  const top = integerOption(options.top, '--top', { min: 1, max: model.classes });
  const probabilities = model.probabilities(readImage(image, model, options.invert === true));
  const order = Array.from(probabilities, (score, label) => ({ label, score: Number(score.toFixed(digits)) }));
  const best = argmax(probabilities, 0, model.classes);
  order.sort((a, b) => (probabilities[b.label] as number) - (probabilities[a.label] as number));
  const { promise } = model;
  const answer = {
    label: best,
    top: order.slice(0, top),
    mode: promise === null ? 'not-private' : 'dp-trained-model',
    charge: 0,
    guarantee:
      promise === null
        ? 'NONE: this model was trained without privacy (or with a seed); its answers may tell its training data'
        : `post-processing of a model with ε = ${promise.epsilon.toFixed(3)} at δ = ${promise.delta} for one ${promise.privacyUnit} (${promise.relation}): any number of answers costs nothing more`,
  };
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(answer, undefined, 2)}\n`);
    return;
  }
  const scores = answer.top.map(({ label, score }) => `${label} (${score.toFixed(digits)})`).join(', ');
  process.stdout.write(
    `answer     ${best}\nscores     ${scores}\nmode       ${answer.mode}\ncharge     ε = 0\nguarantee  ${answer.guarantee}\n`,
  );
}

/** Width and height in the header of a PNG file; it is looked at before anything is unpacked. */
function sizeOfPng(bytes: Uint8Array, path: string): { width: number; height: number } {
  const signature = [137, 80, 78, 71, 13, 10, 26, 10];
  if (bytes.length < 24 || signature.some((byte, i) => bytes[i] !== byte)) {
    throw new UsageError(`${path} is not a PNG file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function readImage(path: string, model: AnsweringModel, invert: boolean): ReturnType<typeof createDataset> {
  const format = pixelFormatOf(model.inputShape);
  if (format === undefined) throw new UsageError(`the model takes no images but ${model.inputShape.join(' × ')}`);
  const bytes = readFileOf(path, 'image');
  const { width, height } = sizeOfPng(bytes, path);
  if (width !== format.width || height !== format.height) {
    throw new UsageError(`${path} has ${width} × ${height} pixels, the model takes ${format.width} × ${format.height}`);
  }
  let image: ReturnType<typeof decode>;
  try {
    image = decode(bytes);
  } catch (cause) {
    throw new UsageError(`${path} cannot be decoded: ${(cause as Error).message}`);
  }
  const { data, channels, depth, palette } = image;
  const shift = depth === 16 ? 8 : 0;
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i += 1) {
    const at = (j: number): number => (data[i * channels + j] as number) >> shift;
    const entry = palette?.[at(0)];
    const [red = 0, green = 0, blue = 0, alpha = 255] =
      entry ??
      (channels < 3
        ? [at(0), at(0), at(0), channels === 2 ? at(1) : 255]
        : [at(0), at(1), at(2), channels === 4 ? at(3) : 255]);
    rgba.set([red, green, blue, alpha], i * 4);
  }
  const inputs = new Uint8Array(width * height * format.channels);
  pixelsInto(rgba, { ...format, invert }, inputs);
  return createDataset({ inputs, inputShape: model.inputShape, labels: new Uint8Array(1), inputScale: 1 / 255 });
}
