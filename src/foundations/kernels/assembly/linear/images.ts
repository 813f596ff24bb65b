// Channel-last images: patches as rows of a matrix, and pooling. Kernels and strides come as height and width apart.
import { addFloats, clearFloats, copyFloats } from './memory';

/**
 * Writes the patch under every output place as a row of kh·kw·width floats, in the order (ky, kx, channel); zeros beyond
 * the border. Of the `channels` of the image, `width` from `first` on are taken (a group).
 */
export function imageToRows(
  x: usize,
  height: i32,
  breadth: i32,
  channels: i32,
  first: i32,
  width: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  ph: i32,
  pw: i32,
  oh: i32,
  ow: i32,
  out: usize,
): void {
  const run = kw * width;
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const ix = ox * sw - pw;
      const left = max(0, -ix);
      const right = min(kw, breadth - ix);
      for (let ky = 0; ky < kh; ky++) {
        const iy = oy * sh - ph + ky;
        if (iy < 0 || iy >= height || right <= left) {
          clearFloats(out, run);
        } else if (width == channels) {
          if (left > 0) clearFloats(out, left * width);
          const from = x + ((<usize>((iy * breadth + ix + left) * channels)) << 2);
          copyFloats(out + ((<usize>(left * width)) << 2), from, (right - left) * width);
          if (right < kw) clearFloats(out + ((<usize>(right * width)) << 2), (kw - right) * width);
        } else {
          for (let kx = 0; kx < kw; kx++) {
            const to = out + ((<usize>(kx * width)) << 2);
            if (kx < left || kx >= right) clearFloats(to, width);
            else copyFloats(to, x + ((<usize>((iy * breadth + ix + kx) * channels + first)) << 2), width);
          }
        }
        out += (<usize>run) << 2;
      }
    }
  }
}

/** Adds rows of patches back to where they came from; the caller has set `x` to zero. */
export function rowsToImage(
  rows: usize,
  height: i32,
  breadth: i32,
  channels: i32,
  first: i32,
  width: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  ph: i32,
  pw: i32,
  oh: i32,
  ow: i32,
  x: usize,
): void {
  const run = kw * width;
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const ix = ox * sw - pw;
      const left = max(0, -ix);
      const right = min(kw, breadth - ix);
      for (let ky = 0; ky < kh; ky++) {
        const iy = oy * sh - ph + ky;
        if (iy >= 0 && iy < height && right > left) {
          if (width == channels) {
            const to = x + ((<usize>((iy * breadth + ix + left) * channels)) << 2);
            addFloats(to, rows + ((<usize>(left * width)) << 2), (right - left) * width);
          } else {
            for (let kx = left; kx < right; kx++) {
              const to = x + ((<usize>((iy * breadth + ix + kx) * channels + first)) << 2);
              addFloats(to, rows + ((<usize>(kx * width)) << 2), width);
            }
          }
        }
        rows += (<usize>run) << 2;
      }
    }
  }
}

/**
 * Maximum of every window. `chosen` gets the number of the place in the window (row by row) that won: the first of equal
 * maxima. A NaN anywhere in a window makes its maximum NaN.
 */
export function maxPoolForward(
  x: usize,
  breadth: i32,
  channels: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  y: usize,
  chosen: usize,
): void {
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const corner = x + ((<usize>((oy * sh * breadth + ox * sw) * channels)) << 2);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = corner + ((<usize>c) << 2);
        let best = v128.load(at);
        let place = i32x4.splat(0);
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const value = v128.load(at + ((<usize>((ky * breadth + kx) * channels)) << 2));
            place = v128.bitselect(i32x4.splat(ky * kw + kx), place, f32x4.gt(value, best));
            best = f32x4.max(best, value);
          }
        }
        v128.store(y, best);
        v128.store(chosen, place);
        y += 16;
        chosen += 16;
      }
      for (; c < channels; c++) {
        const at = corner + ((<usize>c) << 2);
        let best = load<f32>(at);
        let place = 0;
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const value = load<f32>(at + ((<usize>((ky * breadth + kx) * channels)) << 2));
            if (value > best) place = ky * kw + kx;
            best = max<f32>(best, value);
          }
        }
        store<f32>(y, best);
        store<i32>(chosen, place);
        y += 4;
        chosen += 4;
      }
    }
  }
}

/** Adds the gradient of every maximum to the place that won; the caller has set `dx` to zero. */
export function maxPoolBackward(
  dy: usize,
  chosen: usize,
  breadth: i32,
  channels: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  dx: usize,
): void {
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const corner = dx + ((<usize>((oy * sh * breadth + ox * sw) * channels)) << 2);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = corner + ((<usize>c) << 2);
        const place = v128.load(chosen);
        const gradient = v128.load(dy);
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const to = at + ((<usize>((ky * breadth + kx) * channels)) << 2);
            const own = v128.and(gradient, i32x4.eq(place, i32x4.splat(ky * kw + kx)));
            v128.store(to, f32x4.add(v128.load(to), own));
          }
        }
        dy += 16;
        chosen += 16;
      }
      for (; c < channels; c++) {
        const place = load<i32>(chosen);
        const to = corner + ((<usize>(((place / kw) * breadth + (place % kw)) * channels + c)) << 2);
        store<f32>(to, load<f32>(to) + load<f32>(dy));
        dy += 4;
        chosen += 4;
      }
    }
  }
}

/** Mean of every window. */
export function averagePoolForward(
  x: usize,
  breadth: i32,
  channels: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  y: usize,
): void {
  const scale: f32 = 1 / <f32>(kh * kw);
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const corner = x + ((<usize>((oy * sh * breadth + ox * sw) * channels)) << 2);
      copyFloats(y, corner, channels);
      for (let ky = 0; ky < kh; ky++) {
        for (let kx = 0; kx < kw; kx++) {
          if (ky + kx > 0) addFloats(y, corner + ((<usize>((ky * breadth + kx) * channels)) << 2), channels);
        }
      }
      for (let c = 0; c < channels; c++) {
        store<f32>(y, load<f32>(y) * scale);
        y += 4;
      }
    }
  }
}

/** Spreads the gradient of every mean over its window; the caller has set `dx` to zero. */
export function averagePoolBackward(
  dy: usize,
  breadth: i32,
  channels: i32,
  kh: i32,
  kw: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  dx: usize,
): void {
  const scale = f32x4.splat(1 / <f32>(kh * kw));
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const corner = dx + ((<usize>((oy * sh * breadth + ox * sw) * channels)) << 2);
      for (let ky = 0; ky < kh; ky++) {
        for (let kx = 0; kx < kw; kx++) {
          let to = corner + ((<usize>((ky * breadth + kx) * channels)) << 2);
          let from = dy;
          let c = 0;
          for (; c + 4 <= channels; c += 4) {
            v128.store(to, f32x4.add(v128.load(to), f32x4.mul(v128.load(from), scale)));
            to += 16;
            from += 16;
          }
          for (; c < channels; c++) {
            store<f32>(to, load<f32>(to) + load<f32>(from) * f32x4.extract_lane(scale, 0));
            to += 4;
            from += 4;
          }
        }
      }
      dy += (<usize>channels) << 2;
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
