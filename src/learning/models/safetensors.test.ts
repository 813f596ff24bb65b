import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ModelError } from './errors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  tensorToFloat32,
  type SafetensorsTensor,
  type SafetensorsType,
} from './safetensors.ts';

/** A file with the given header text and data, and the true header length unless another is given. */
function file(header: string, dataBytes = 0, announced?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const out = new Uint8Array(8 + text.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, announced ?? BigInt(text.length), true);
  out.set(text, 8);
  return out;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ModelError) return error.code;
    throw error;
  }
  return 'read';
}

const tensor = (from: number, to: number, shape = `[${to - from}]`, dtype = 'U8') =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]}`;

const arrays = {
  F64: Float64Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  F32: Float32Array,
  I32: Int32Array,
  U32: Uint32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

const anyTensor = fc
  .record({
    type: fc.constantFrom(...(Object.keys(arrays) as SafetensorsType[])),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  })
  .chain(({ type, shape }) => {
    const length = shape.reduce((a, b) => a * b, 1) * arrays[type].BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ type, shape, data: new arrays[type](bytes.slice().buffer) }));
  });

/** The tensor's bytes: NaN has many spellings, and each must survive. */
const bytesOf = ({ type, shape, data }: SafetensorsTensor) => ({
  type,
  shape,
  bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

describe('safetensors', () => {
  it('decode what was encoded, whatever the names', () => {
    const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(names, anyTensor), { maxLength: 6, selector: ([name]) => name }),
        fc.dictionary(fc.string(), fc.string()),
        (entries, metadata) => {
          const bytes = encodeSafetensors(new Map(entries), metadata);
          const decoded = decodeSafetensors(bytes);
          expect(new Set(decoded.tensors.keys())).toEqual(new Set(entries.map(([name]) => name)));
          for (const [name, tensor] of entries) {
            expect(bytesOf(decoded.tensors.get(name) as SafetensorsTensor)).toEqual(bytesOf(tensor));
          }
          expect(new Map(Object.entries(decoded.metadata))).toEqual(new Map(Object.entries(metadata)));
          expect(encodeSafetensors(new Map(entries.toReversed()), metadata)).toEqual(bytes);
          expect(encodeSafetensors(decoded.tensors, decoded.metadata)).toEqual(bytes);
        },
      ),
    );
  });

  it('are byte for byte what the reference implementation writes', () => {
    // safetensors 0.8.0, safetensors.numpy.save:
    // save({"b": np.array([1, -2], np.float32), "a": np.array([[3]], np.uint8)}, {"k": "v"})
    const header =
      '{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1,1],"data_offsets":[8,9]}}';
    const expected = file(header.padEnd(136), 9);
    expected.set([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 3], expected.length - 9);
    const tensors = new Map<string, SafetensorsTensor>([
      ['a', { shape: [1, 1], data: Uint8Array.of(3) }],
      ['b', { shape: [2], data: Float32Array.of(1, -2) }],
    ]);
    expect(encodeSafetensors(tensors, { k: 'v' })).toEqual(expected);
  });

  it('are read alike out of a Buffer that is a part of a larger one', () => {
    const bytes = encodeSafetensors(new Map([['w', { shape: [3], data: Float32Array.of(1, 2, 3) }]]), {});
    const pool = Buffer.alloc(bytes.length + 24, 0xff);
    pool.set(bytes, 8);
    const part = pool.subarray(8, 8 + bytes.length);
    expect(decodeSafetensors(part).tensors.get('w')?.data).toEqual(Float32Array.of(1, 2, 3));
  });

  it('start their data at a multiple of 8', () => {
    for (let length = 0; length < 20; length += 1) {
      const bytes = encodeSafetensors(new Map([['x'.repeat(length), { shape: [], data: Uint8Array.of(1) }]]));
      expect((bytes.length - 1) % 8).toBe(0);
    }
  });

  it.each([
    ['models/file-truncated', 'no length', new Uint8Array(7)],
    ['models/file-truncated', 'header cut off', file('{}', 0, 3n)],
    ['models/file-truncated', 'data cut off', file(`{"a":${tensor(0, 4)}}`, 3)],
    ['models/file-header', 'a header of 200 MB', file('{}', 0, 200_000_000n)],
    ['models/file-header', 'a header of 2^63 bytes', file('{}', 0, 1n << 63n)],
    ['models/file-header', 'no object', file('[]')],
    ['models/file-header', 'leading space', file(' {}')],
    ['models/file-header', 'no JSON', file('{"a":}')],
    ['models/file-header', 'text after the object', file('{}x')],
    ['models/file-header', 'an empty header', file('')],
    ['models/file-header', 'invalid UTF-8', file('{}').with(8, 0xff)],
    ['models/file-header', 'a duplicate tensor', file(`{"a":${tensor(0, 1)},"a":${tensor(0, 1)}}`, 1)],
    ['models/file-header', 'a duplicate in disguise', file(`{"a":${tensor(0, 1)},"\\u0061":${tensor(0, 1)}}`, 1)],
    [
      'models/file-header',
      'a duplicate field',
      file('{"a":{"dtype":"U8","dtype":"I8","shape":[],"data_offsets":[0,1]}}', 1),
    ],
    ['models/file-header', 'a duplicate note', file('{"__metadata__":{"k":"1","k":"2"}}')],
    ['models/file-header', 'a note that is no string', file('{"__metadata__":{"k":1}}')],
    ['models/file-header', 'an unknown field', file('{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"z":1}}', 1)],
    ['models/file-header', 'a negative extent', file(`{"a":${tensor(0, 1, '[-1]')}}`, 1)],
    ['models/file-header', 'a fractional extent', file(`{"a":${tensor(0, 1, '[0.5]')}}`, 1)],
    ['models/file-header', 'three offsets', file('{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1,1]}}', 1)],
    ['models/file-header', 'a negative offset', file('{"a":{"dtype":"U8","shape":[],"data_offsets":[-1,0]}}', 1)],
    ['models/file-tensor', 'an unknown type', file(`{"a":${tensor(0, 1, '[1]', 'Q4')}}`, 1)],
    ['models/file-tensor', 'an inherited type', file(`{"a":${tensor(0, 1, '[1]', 'toString')}}`, 1)],
    ['models/file-tensor', 'a shape that does not fit', file(`{"a":${tensor(0, 3, '[2]')}}`, 3)],
    ['models/file-tensor', 'a type that does not fit', file(`{"a":${tensor(0, 2, '[2]', 'F32')}}`, 2)],
    [
      'models/file-tensor',
      'an overflowing shape',
      file(`{"a":${tensor(0, 0, '[9007199254740991,9007199254740991]')}}`),
    ],
    ['models/file-tensor', 'offsets in reverse', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}', 1)],
    ['models/file-overlap', 'two tensors over one another', file(`{"a":${tensor(0, 3)},"b":${tensor(2, 4)}}`, 4)],
    ['models/file-overlap', 'one tensor twice', file(`{"a":${tensor(0, 3)},"b":${tensor(0, 3)}}`, 3)],
    ['models/file-gap', 'a gap between', file(`{"a":${tensor(0, 1)},"b":${tensor(2, 3)}}`, 3)],
    ['models/file-gap', 'a gap before', file(`{"a":${tensor(1, 2)}}`, 2)],
    ['models/file-gap', 'bytes after the last', file(`{"a":${tensor(0, 1)}}`, 2)],
  ] as const)('answer %s: %s', (code, _, bytes) => {
    expect(codeOf(() => decodeSafetensors(bytes))).toBe(code);
  });

  it('read empty tensors, trailing spaces in the header and keys like __proto__', () => {
    const header = `{"__proto__":${tensor(0, 0, '[0,3]')},"a":${tensor(0, 1)},"b":${tensor(1, 1)}}   `;
    expect([...decodeSafetensors(file(header, 1)).tensors.keys()]).toEqual(['__proto__', 'a', 'b']);
  });

  it('never crash on a damaged file: read or refused', () => {
    const sound = encodeSafetensors(new Map([['a', { shape: [2], data: Float32Array.of(1, 2) }]]), { note: 'x' });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sound.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = sound.with(at, (sound[at] as number) ^ flip);
        expect(codeOf(() => decodeSafetensors(damaged))).toMatch(/^(read|models\/file-\w+)$/);
      }),
      { numRuns: 1000 },
    );
  });

  it('read half, brain and double floats', () => {
    const half = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x3555, 0x8000);
    expect([...tensorToFloat32({ type: 'F16', shape: [7], data: half })]).toEqual([
      1,
      -2,
      2 ** -24,
      65504,
      Infinity,
      0.333251953125,
      -0,
    ]);
    const brain = Uint16Array.of(0x3f80, 0xc049);
    expect([...tensorToFloat32({ type: 'BF16', shape: [2], data: brain })]).toEqual([1, -3.140625]);
    expect([...tensorToFloat32({ shape: [], data: Float64Array.of(0.1) })]).toEqual([Math.fround(0.1)]);
    expect(codeOf(() => tensorToFloat32({ shape: [1], data: Uint16Array.of(1) }))).toBe('models/file-tensor');
  });

  it('refuse to write what they would not read', () => {
    const write = (name: string, tensor: SafetensorsTensor) => () => encodeSafetensors(new Map([[name, tensor]]));
    expect(write('a', { shape: [2], data: Float32Array.of(1) })).toThrow(
      'tensor "a" (F32 [2]) must be Float32Array of 2, got Float32Array of 1',
    );
    expect(write('a', { shape: [1], data: Float32Array.of(1), type: 'BF16' })).toThrow('must be Uint16Array of 1');
    expect(write('__metadata__', { shape: [1], data: Float32Array.of(1) })).toThrow('cannot be named');
  });
});
