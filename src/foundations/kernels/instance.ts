/**
 * Instantiates a WebAssembly kernel from its base64 text with a memory of its own. Every instance owns ordinary
 * (unshared) memory, so kernels work in pages that are not cross-origin isolated. One of the three places outside
 * `runtime/` with a side door: it calls the engine's WebAssembly compiler and nothing else.
 *
 * @module
 */

const compiled = new Map<string, WebAssembly.Module>();

function compile(base64: string): WebAssembly.Module {
  const known = compiled.get(base64);
  if (known !== undefined) return known;
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const module = new WebAssembly.Module(bytes);
  compiled.set(base64, module);
  return module;
}

/** A kernel with its memory. `alloc` is a bump allocator: what a kernel needs is laid out once and reused. */
export interface KernelInstance<Exports> {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory;
  /**
   * Reserves `sizeBytes` bytes aligned to 16 and returns their address; grows the memory when needed.
   * @throws {RangeError} when there is no such memory.
   */
  alloc(sizeBytes: number): number;
  /** Forgets every allocation made after `mark` (an address returned by {@link KernelInstance.mark}). */
  release(mark: number): void;
  /** The address the next allocation will get. */
  mark(): number;
}

const PAGE = 65_536;
/** What 32-bit addresses reach, but for a page, so that no address of an end is 0 again. */
const MAX_BYTES = 2 ** 32 - PAGE;
/** Addresses below this are left to the static data of the module. */
const HEAP_BASE = 1 << 16;

function tooLarge(sizeBytes: number, cause?: unknown): RangeError {
  const text = `a kernel would need ${Math.ceil(sizeBytes / 2 ** 20)} MiB, more than the machine or 32-bit addresses allow`;
  return new RangeError(text, { cause });
}

/**
 * Creates an instance of a kernel.
 * @param base64 - the module's text, one of the `…Wasm` constants of this room.
 * @returns the instance; its memory grows on demand, so typed-array views must be taken anew after `alloc`.
 */
export function instantiateKernel<Exports>(base64: string): KernelInstance<Exports> {
  const memory = new WebAssembly.Memory({ initial: 2 });
  const instance = new WebAssembly.Instance(compile(base64), {
    env: {
      memory,
      abort() {
        throw new Error('a kernel aborted');
      },
    },
  });
  let top = HEAP_BASE;
  return {
    exports: instance.exports as Exports,
    memory,
    alloc(sizeBytes) {
      const address = top;
      // No bitwise arithmetic: beyond 2 GiB it would wrap around, onto what is in use.
      const end = Math.ceil((top + sizeBytes) / 16) * 16;
      if (!(sizeBytes >= 0 && end <= MAX_BYTES)) throw tooLarge(end);
      const missing = end - memory.buffer.byteLength;
      try {
        if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
      } catch (cause) {
        throw tooLarge(end, cause);
      }
      top = end;
      return address;
    },
    release(mark) {
      if (mark >= HEAP_BASE && mark <= top) top = mark;
    },
    mark: () => top,
  };
}
