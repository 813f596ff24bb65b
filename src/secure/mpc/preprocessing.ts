/**
 * Correlated randomness: what the parties must hold before they can multiply, truncate and compare. Every request has a
 * public description; its components are either free (uniform, so each party expands them from its own seed) or
 * determined (the last party gets a correction).
 *
 * @module
 */

/** Geometry of a convolution over one example: channels first. */
export interface ConvolutionShape {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** What is asked for, by public numbers only. */
export type PreprocessingRequest =
  /** a, b and a·b, entry by entry. */
  | { readonly kind: 'triple'; readonly count: number }
  /** a and a·b for matrices; b is the mask kept under `weight`, or fresh. */
  | {
      readonly kind: 'matrix';
      readonly rows: number;
      readonly inner: number;
      readonly columns: number;
      readonly weight?: string;
    }
  /** The same for convolutions of the input mask with the kept filter mask. */
  | { readonly kind: 'convolution'; readonly shape: ConvolutionShape; readonly weight: string }
  /** A mask of a weight that serves many products. */
  | { readonly kind: 'weight'; readonly name: string; readonly count: number }
  /** r; its bits; its top bit and (r mod 2^63) >> shift as numbers. */
  | { readonly kind: 'truncation'; readonly count: number; readonly shift: number }
  /** a, b₁, b₂ and a∧b₁, a∧b₂ on words of `width` bits. */
  | { readonly kind: 'conjunction'; readonly count: number; readonly width: 1 | 2 | 4 | 8 | 16 | 32 }
  /** A random bit d as bit and as number, and for every lane a mask a and a·d. */
  | { readonly kind: 'bitProduct'; readonly count: number; readonly lanes: number }
  /** SPDZ2k: this party's share of the key of 40 bits. Authenticated values are pairs of 128-bit numbers. */
  | { readonly kind: 'macKey' }
  /** SPDZ2k: r and its MAC. */
  | { readonly kind: 'macMask'; readonly count: number }
  /** SPDZ2k: r and its MAC; the owner gets r itself as a further component, so that nobody can shift its input. */
  | { readonly kind: 'macInput'; readonly count: number; readonly owner: number }
  /** SPDZ2k: a, b and the product of the matrices, each with its MAC. */
  | { readonly kind: 'macMatrix'; readonly rows: number; readonly inner: number; readonly columns: number }
  /** SPDZ2k: a, b and a·b entry by entry, each with its MAC. */
  | { readonly kind: 'macTriple'; readonly count: number };

/** A request for a product with MACs: a, b, their MACs, the product and its MAC. */
export type MacTripleRequest = Extract<PreprocessingRequest, { kind: 'macMatrix' | 'macTriple' }>;

/** Shares of one party, in the order of the kind. */
export type Correlation = readonly BigUint64Array[];

/** A source of correlated randomness for one party. */
export interface Preprocessing {
  /** Who made it and who must not collude, in words; part of every output. */
  readonly statement: string;
  supports(kind: PreprocessingRequest['kind']): boolean;
  /** @throws {MpcError} `mpc/unsupported`. */
  request(request: PreprocessingRequest): Promise<Correlation>;
  /** Bytes exchanged for it so far. */
  bytes(): number;
}

/** Length of each component, and whether it is free. */
export function componentsOf(
  request: PreprocessingRequest,
): readonly { readonly length: number; readonly free: boolean }[] {
  const free = (length: number) => ({ length, free: true });
  const fixed = (length: number) => ({ length, free: false });
  switch (request.kind) {
    case 'triple':
      return [free(request.count), free(request.count), fixed(request.count)];
    case 'matrix': {
      const { rows, inner, columns, weight } = request;
      const product = fixed(rows * columns);
      return weight === undefined
        ? [free(rows * inner), free(inner * columns), product]
        : [free(rows * inner), product];
    }
    case 'convolution': {
      const { shape } = request;
      const { height, width } = convolutionOutput(shape);
      return [
        free(shape.batch * shape.channels * shape.height * shape.width),
        fixed(shape.batch * shape.filters * height * width),
      ];
    }
    case 'weight':
      return [free(request.count)];
    case 'truncation':
      return [free(request.count), fixed(request.count), fixed(request.count), fixed(request.count)];
    case 'conjunction':
      return [
        free(request.count),
        free(request.count),
        free(request.count),
        fixed(request.count),
        fixed(request.count),
      ];
    case 'bitProduct':
      return [
        free(request.count),
        fixed(request.count),
        ...Array.from({ length: request.lanes }, () => [free(request.count), fixed(request.count)]).flat(),
      ];
    case 'macKey':
      return [free(2)];
    case 'macMask':
    case 'macInput':
      return [free(2 * request.count), fixed(2 * request.count)];
    case 'macMatrix':
    case 'macTriple': {
      const [a, b, c] = macSizes(request);
      return [free(a), free(b), fixed(a), fixed(b), fixed(c), fixed(c)];
    }
  }
}

/** Words of a, b and their product. */
function macSizes(request: MacTripleRequest): readonly [number, number, number] {
  if (request.kind === 'macTriple') return [2 * request.count, 2 * request.count, 2 * request.count];
  const { rows, inner, columns } = request;
  return [2 * rows * inner, 2 * inner * columns, 2 * rows * columns];
}

/** Whether the components are 128-bit numbers. */
export function isWide({ kind }: PreprocessingRequest): boolean {
  return kind === 'macKey' || kind === 'macMask' || kind === 'macInput' || kind === 'macMatrix' || kind === 'macTriple';
}

/** Height and width of a convolution's output. */
export function convolutionOutput({ height, width, kernel, stride, padding }: ConvolutionShape): {
  height: number;
  width: number;
} {
  return {
    height: Math.floor((height + 2 * padding[0] - kernel[0]) / stride[0]) + 1,
    width: Math.floor((width + 2 * padding[1] - kernel[1]) / stride[1]) + 1,
  };
}
