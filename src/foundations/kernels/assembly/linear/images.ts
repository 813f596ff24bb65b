// Channel-last images: patches as rows of a matrix, and moved images. Kernels and strides come as height and width apart.
import { addFloats, clearFloats, copyFloats } from './memory';

/** Copies an image into the middle of one with `ph` more rows above and below and `pw` more columns on either side. */
export function padImage(x: usize, height: i32, breadth: i32, channels: i32, ph: i32, pw: i32, out: usize): void {
  const line = breadth * channels;
  const side = pw * channels;
  clearFloats(out, ph * (line + 2 * side));
  out += (<usize>(ph * (line + 2 * side))) << 2;
  for (let y = 0; y < height; y++) {
    clearFloats(out, side);
    copyFloats(out + ((<usize>side) << 2), x, line);
    clearFloats(out + ((<usize>(side + line)) << 2), side);
    out += (<usize>(line + 2 * side)) << 2;
    x += (<usize>line) << 2;
  }
  clearFloats(out, ph * (line + 2 * side));
}

/** Copies the middle of a padded image out again. */
export function cropImage(padded: usize, height: i32, breadth: i32, channels: i32, ph: i32, pw: i32, out: usize): void {
  const line = breadth * channels;
  const side = pw * channels;
  padded += (<usize>(ph * (line + 2 * side) + side)) << 2;
  for (let y = 0; y < height; y++) {
    copyFloats(out, padded, line);
    padded += (<usize>(line + 2 * side)) << 2;
    out += (<usize>line) << 2;
  }
}

/**
 * Writes the patch under every output place as a row of kh·kw·width floats, in the order (ky, kx, channel). Of the
 * `channels` of the image, `width` from `first` on are taken (a group). Every window lies within the image.
 */
export function imageToRows(
  x: usize,
  breadth: i32,
  channels: i32,
  first: i32,
  width: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  out: usize,
): void {
  const run = kw * width;
  const runBytes: usize = (<usize>run) << 2;
  const patchBytes: usize = runBytes * <usize>kh;
  const step: usize = (<usize>(sw * channels)) << 2;
  for (let oy = 0; oy < oh; oy++) {
    for (let ky = 0; ky < kh; ky++) {
      let to = out + (<usize>(oy * ow)) * patchBytes + <usize>ky * runBytes;
      let from = x + ((<usize>((oy * sh + ky) * breadth * channels + first)) << 2);
      if (width == channels && run == 8) {
        for (let ox = 0; ox < ow; ox++) {
          v128.store(to, v128.load(from));
          v128.store(to, v128.load(from, 16), 16);
          to += patchBytes;
          from += step;
        }
      } else if (width == channels) {
        for (let ox = 0; ox < ow; ox++) {
          copyFloats(to, from, run);
          to += patchBytes;
          from += step;
        }
      } else {
        for (let ox = 0; ox < ow; ox++) {
          let line = to;
          let pixel = from;
          for (let kx = 0; kx < kw; kx++) {
            copyFloats(line, pixel, width);
            line += (<usize>width) << 2;
            pixel += (<usize>channels) << 2;
          }
          to += patchBytes;
          from += step;
        }
      }
    }
  }
}

/** Adds rows of patches back to where they came from; the caller has set the image to zero. */
export function rowsToImage(
  rows: usize,
  breadth: i32,
  channels: i32,
  first: i32,
  width: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  x: usize,
): void {
  const run = kw * width;
  const line: usize = (<usize>(breadth * channels)) << 2;
  const step: usize = (<usize>(sw * channels)) << 2;
  for (let oy = 0; oy < oh; oy++) {
    let corner = x + (<usize>(oy * sh)) * line + ((<usize>first) << 2);
    for (let ox = 0; ox < ow; ox++) {
      let to = corner;
      for (let ky = 0; ky < kh; ky++) {
        if (width == channels) {
          addFloats(to, rows, run);
          rows += (<usize>run) << 2;
        } else {
          let pixel = to;
          for (let kx = 0; kx < kw; kx++) {
            addFloats(pixel, rows, width);
            pixel += (<usize>channels) << 2;
            rows += (<usize>width) << 2;
          }
        }
        to += line;
      }
      corner += step;
    }
  }
}

/** Copies an image moved down by `dy` and right by `dx` (zeros come in from the border), mirrored left to right if `flip`. */
export function shiftImage(
  x: usize,
  height: i32,
  breadth: i32,
  channels: i32,
  dy: i32,
  dx: i32,
  flip: bool,
  out: usize,
): void {
  for (let oy = 0; oy < height; oy++) {
    const iy = oy - dy;
    for (let ox = 0; ox < breadth; ox++) {
      const moved = ox - dx;
      if (iy < 0 || iy >= height || moved < 0 || moved >= breadth) clearFloats(out, channels);
      else {
        const ix = flip ? breadth - 1 - moved : moved;
        copyFloats(out, x + ((<usize>((iy * breadth + ix) * channels)) << 2), channels);
      }
      out += (<usize>channels) << 2;
    }
  }
}
