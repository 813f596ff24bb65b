// Maximum and average pooling of channel-last images.
import { addFloats, copyFloats } from './memory';

/** Whether `value` takes the place of an earlier `best` (a NaN that comes first stays, a later one is passed over). */
// @ts-ignore: decorator
@inline
function beats(value: v128, best: v128): v128 {
  return f32x4.gt(value, best);
}

/**
 * Maximum of every window. `chosen` gets the number of the place in the window (row by row) that won: the first of equal
 * maxima. A NaN that comes first stays, a later one is passed over: inputs are checked before they get here.
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
  const pixel: usize = (<usize>channels) << 2;
  const line: usize = pixel * <usize>breadth;
  if (kh == 2 && kw == 2 && (channels & 3) == 0) {
    maxOfFour(x, line, pixel, channels, sh, sw, oh, ow, y, chosen);
    return;
  }
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const corner = x + ((<usize>((oy * sh * breadth + ox * sw) * channels)) << 2);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = corner + ((<usize>c) << 2);
        let best = v128.load(at);
        let place = i32x4.splat(0);
        let number = 0;
        for (let ky = 0; ky < kh; ky++) {
          let from = at + <usize>ky * line;
          for (let kx = 0; kx < kw; kx++) {
            if (number > 0) {
              const value = v128.load(from);
              place = v128.bitselect(i32x4.splat(number), place, beats(value, best));
              best = f32x4.pmax(best, value);
            }
            number++;
            from += pixel;
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
            if (value > best) {
              place = ky * kw + kx;
              best = value;
            }
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

/** The windows of two by two. */
function maxOfFour(
  x: usize,
  line: usize,
  pixel: usize,
  channels: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  y: usize,
  chosen: usize,
): void {
  const below = line + pixel;
  const one = i32x4.splat(1);
  const two = i32x4.splat(2);
  for (let oy = 0; oy < oh; oy++) {
    let from = x + <usize>(oy * sh) * line;
    for (let ox = 0; ox < ow; ox++) {
      for (let c = 0; c < channels; c += 4) {
        const v0 = v128.load(from);
        const v1 = v128.load(from + pixel);
        const v2 = v128.load(from + line);
        const v3 = v128.load(from + below);
        const upper = beats(v1, v0);
        const lower = beats(v3, v2);
        const top = f32x4.pmax(v0, v1);
        const bottom = f32x4.pmax(v2, v3);
        const second = beats(bottom, top);
        v128.store(y, f32x4.pmax(top, bottom));
        v128.store(
          chosen,
          v128.bitselect(v128.or(two, v128.and(lower, one)), v128.and(upper, one), second),
        );
        from += 16;
        y += 16;
        chosen += 16;
      }
      from += <usize>(sw - 1) * pixel;
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
  const pixel: usize = (<usize>channels) << 2;
  const line: usize = pixel * <usize>breadth;
  if (kh == 2 && kw == 2 && (channels & 3) == 0) {
    spreadOfFour(dy, chosen, line, pixel, channels, sh, sw, oh, ow, dx);
    return;
  }
  for (let oy = 0; oy < oh; oy++) {
    for (let ox = 0; ox < ow; ox++) {
      const corner = dx + ((<usize>((oy * sh * breadth + ox * sw) * channels)) << 2);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = corner + ((<usize>c) << 2);
        const place = v128.load(chosen);
        const gradient = v128.load(dy);
        let number = 0;
        for (let ky = 0; ky < kh; ky++) {
          let to = at + <usize>ky * line;
          for (let kx = 0; kx < kw; kx++) {
            const own = v128.and(gradient, i32x4.eq(place, i32x4.splat(number)));
            v128.store(to, f32x4.add(v128.load(to), own));
            number++;
            to += pixel;
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

/** The windows of two by two, on the way back. */
function spreadOfFour(
  dy: usize,
  chosen: usize,
  line: usize,
  pixel: usize,
  channels: i32,
  sh: i32,
  sw: i32,
  oh: i32,
  ow: i32,
  dx: usize,
): void {
  const below = line + pixel;
  const one = i32x4.splat(1);
  const two = i32x4.splat(2);
  const three = i32x4.splat(3);
  for (let oy = 0; oy < oh; oy++) {
    let to = dx + <usize>(oy * sh) * line;
    for (let ox = 0; ox < ow; ox++) {
      for (let c = 0; c < channels; c += 4) {
        const place = v128.load(chosen);
        const gradient = v128.load(dy);
        const own = v128.andnot(gradient, i32x4.ne(place, i32x4.splat(0)));
        v128.store(to, f32x4.add(v128.load(to), own));
        v128.store(to + pixel, f32x4.add(v128.load(to + pixel), v128.and(gradient, i32x4.eq(place, one))));
        v128.store(to + line, f32x4.add(v128.load(to + line), v128.and(gradient, i32x4.eq(place, two))));
        v128.store(to + below, f32x4.add(v128.load(to + below), v128.and(gradient, i32x4.eq(place, three))));
        to += 16;
        dy += 16;
        chosen += 16;
      }
      to += <usize>(sw - 1) * pixel;
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
