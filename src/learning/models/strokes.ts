/**
 * Draws random strokes: pictures of nothing in particular that look like writing. They are public, made from a fixed
 * seed and no data, and serve as a template of what all handwriting has in common.
 *
 * @module
 */

import { createSeededRng, type Rng } from '../../foundations/random/index.ts';
import { createDataset, type Dataset } from '../data/index.ts';

/** Pictures of a template: the mean's error is then a fifth of a percent of its square. */
const PICTURES = 512;
/** Points along a curve. */
const POINTS = 40;
/** Share of the picture that strokes fill: 20 of 28 pixels, as in MNIST's own description. */
const FILL = 20 / 28;
/** Distance from the middle of a stroke, for pictures of 28 pixels, at which ink ends. */
const REACH = 1.9;

type Point = readonly [number, number];

const unit = (rng: Rng): number => (rng.uint32() + 0.5) / 2 ** 32;

/** Points along one to three quadratic curves, most of them joined, in the unit square. */
function drawCurves(rng: Rng): Point[] {
  const point = (): Point => [unit(rng), unit(rng)];
  const points: Point[] = [];
  let start = point();
  const curves = 1 + (rng.uint32() % 3);
  for (let curve = 0; curve < curves; curve += 1) {
    if (unit(rng) > 0.7) start = point();
    const [bend, end] = [point(), point()];
    for (let i = 0; i < POINTS; i += 1) {
      const t = i / (POINTS - 1);
      const along = (axis: 0 | 1): number =>
        (1 - t) * (1 - t) * start[axis] + 2 * t * (1 - t) * bend[axis] + t * t * end[axis];
      points.push([along(0), along(1)]);
    }
    start = end;
  }
  return points;
}

/** Moves points so that their mean is the middle and the longer side fills its share, unless that is too much larger. */
function center(points: readonly Point[]): Point[] {
  const mean = (axis: 0 | 1): number => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const extent = (axis: 0 | 1): number => {
    const values = points.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  };
  const [y, x] = [mean(0), mean(1)];
  const scale = Math.min(FILL / Math.max(extent(0), extent(1), 0.3), 1.15);
  return points.map((point) => [0.5 + (point[0] - y) * scale, 0.5 + (point[1] - x) * scale]);
}

/** Draws the pictures, pixels in [0, 1], all planes alike; always the same ones. */
export function drawStrokes({ height, width, planes }: { height: number; width: number; planes: number }): Dataset {
  const rng = createSeededRng('sotto/learning/strokes');
  const size = Math.min(height, width);
  const reach = (REACH * size) / 28;
  const inputs = new Float32Array(PICTURES * height * width * planes);
  for (let picture = 0; picture < PICTURES; picture += 1) {
    const points = center(drawCurves(rng)).map(([y, x]): Point => [
      (y - 0.5) * size + (height - 1) / 2,
      (x - 0.5) * size + (width - 1) / 2,
    ]);
    const nearest = new Float64Array(height * width).fill(Infinity);
    for (const [y, x] of points) {
      // Only pixels within reach get ink.
      for (let r = Math.max(0, Math.ceil(y - reach)); r <= Math.min(height - 1, y + reach); r += 1) {
        for (let c = Math.max(0, Math.ceil(x - reach)); c <= Math.min(width - 1, x + reach); c += 1) {
          const squares = (r - y) * (r - y) + (c - x) * (c - x);
          nearest[r * width + c] = Math.min(nearest[r * width + c] as number, squares);
        }
      }
    }
    for (const [place, squares] of nearest.entries()) {
      const ink = Math.min(1, Math.max(0, reach - Math.sqrt(squares)));
      inputs.fill(ink, (picture * height * width + place) * planes, (picture * height * width + place + 1) * planes);
    }
  }
  return createDataset({ inputs, inputShape: [height, width, planes], labels: new Uint8Array(PICTURES) });
}
