/** Handwriting for the demo: strokes of each digit in a unit square, drawn as a pen would. No data set is shipped. */

type Stroke = readonly (readonly [x: number, y: number])[];

const arc = (x: number, y: number, rx: number, ry: number, from: number, to: number): Stroke =>
  Array.from({ length: 25 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / 24) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)] as const;
  });

const STROKES: readonly (readonly Stroke[])[] = [
  [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
  [
    [
      [0.38, 0.3],
      [0.53, 0.2],
      [0.5, 0.8],
    ],
  ],
  [[...arc(0.5, 0.36, 0.19, 0.17, 190, 380), [0.32, 0.78], [0.72, 0.76]]],
  [[...arc(0.48, 0.35, 0.18, 0.15, 200, 440), ...arc(0.48, 0.64, 0.2, 0.16, -80, 160)]],
  [
    [
      [0.55, 0.2],
      [0.3, 0.58],
      [0.72, 0.56],
    ],
    [
      [0.6, 0.38],
      [0.58, 0.82],
    ],
  ],
  [[[0.68, 0.22], [0.42, 0.23], [0.38, 0.46], ...arc(0.48, 0.62, 0.19, 0.17, -110, 150)]],
  [[[0.6, 0.2], [0.42, 0.4], ...arc(0.5, 0.63, 0.17, 0.17, 190, 545)]],
  [
    [
      [0.3, 0.25],
      [0.7, 0.23],
      [0.48, 0.8],
    ],
  ],
  [[...arc(0.5, 0.35, 0.15, 0.15, -60, 300)], [...arc(0.5, 0.65, 0.18, 0.16, -90, 270)]],
  [[...arc(0.5, 0.38, 0.16, 0.17, 0, 360), [0.64, 0.6], [0.56, 0.8]]],
];

/** Side of a picture, in pixels. */
export const SIDE = 28;

/** Draws a digit on a square context of `size`, slanted and moved a little by `hand`. */
export function drawDigit(
  context: CanvasRenderingContext2D,
  { digit, size, hand = 0 }: { digit: number; size: number; hand?: number },
): void {
  context.fillStyle = '#000';
  context.fillRect(0, 0, size, size);
  context.save();
  context.translate(size * 0.5 + size * 0.03 * Math.sin(hand * 7), size * 0.5 + size * 0.03 * Math.cos(hand * 5));
  context.transform(1, 0, -0.12 * Math.sin(hand * 3 + 0.6), 1, 0, 0);
  context.translate(-size * 0.5, -size * 0.5);
  setPen(context, size);
  for (const stroke of STROKES[digit] ?? []) {
    context.beginPath();
    for (const [i, [x, y]] of stroke.entries()) {
      if (i === 0) context.moveTo(x * size, y * size);
      else context.lineTo(x * size, y * size);
    }
    context.stroke();
  }
  context.restore();
}

/** Sets the pen of handwriting. */
export function setPen(context: CanvasRenderingContext2D, size: number): void {
  context.strokeStyle = '#fff';
  context.lineWidth = size * 0.085;
  context.lineCap = 'round';
  context.lineJoin = 'round';
}

/** Reads a canvas as 28 × 28 brightness, as the model sees it. */
export function readPixels(source: HTMLCanvasElement): Uint8Array<ArrayBuffer> {
  const small = document.createElement('canvas');
  small.width = SIDE;
  small.height = SIDE;
  const context = small.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('this browser gives no canvas');
  context.imageSmoothingQuality = 'high';
  context.drawImage(source, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => data[i * 4] as number);
}

/** A digit as pixels. */
export function digitPixels(digit: number, hand: number): Uint8Array<ArrayBuffer> {
  const canvas = document.createElement('canvas');
  canvas.width = 112;
  canvas.height = 112;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('this browser gives no canvas');
  drawDigit(context, { digit, size: 112, hand });
  return readPixels(canvas);
}
