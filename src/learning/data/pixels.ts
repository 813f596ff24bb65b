/**
 * From decoded pixels to an example. Decoding is the host's (a browser's decoder, a PNG reader); what the model sees is
 * decided here, alike everywhere.
 *
 * @module
 */

/** What an image must become. */
export interface PixelFormat {
  readonly height: number;
  readonly width: number;
  /** 1 for brightness, 3 for red, green, blue. */
  readonly channels: number;
  /** Turns light into dark, for scans of ink on paper where the model expects light on dark. */
  readonly invert?: boolean;
}

/** Reads an input shape as an image's; undefined when it is none. */
export function pixelFormatOf(inputShape: readonly number[]): PixelFormat | undefined {
  const [height, width, channels = 1] = inputShape;
  if (height === undefined || width === undefined || inputShape.length > 3) return undefined;
  return channels === 1 || channels === 3 ? { height, width, channels } : undefined;
}

/**
 * Writes RGBA pixels into an example: laid over white where they are transparent; brightness by Rec. 601 weights.
 * @param rgba - `height × width × 4` bytes, row-major.
 * @param out - `height × width × channels` bytes.
 * @throws {RangeError} when a length is wrong.
 */
export function pixelsInto(
  rgba: ArrayLike<number>,
  { height, width, channels, invert = false }: PixelFormat,
  out: Uint8Array,
): void {
  const count = height * width;
  if (rgba.length !== count * 4) throw new RangeError(`"rgba" must have ${count * 4} bytes, got ${rgba.length}`);
  if (out.length !== count * channels)
    throw new RangeError(`"out" must have ${count * channels} bytes, got ${out.length}`);
  const flip = invert ? 255 : 0;
  for (let i = 0; i < count; i += 1) {
    const alpha = (rgba[i * 4 + 3] as number) / 255;
    const over = (channel: number): number => (rgba[i * 4 + channel] as number) * alpha + 255 * (1 - alpha);
    const [red, green, blue] = [over(0), over(1), over(2)];
    if (channels === 1) out[i] = flip ^ Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    else out.set([flip ^ Math.round(red), flip ^ Math.round(green), flip ^ Math.round(blue)], i * 3);
  }
}
