/**
 * The bytes of a parameter vector on the wire: float32, little-endian, one a parameter.
 *
 * @module
 */

import { RoundsError } from './errors.ts';

/** Encodes parameters as float32 little-endian. */
export function encodeParameters(parameters: Float32Array): Uint8Array {
  const bytes = new Uint8Array(parameters.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < parameters.length; i += 1) view.setFloat32(i * 4, parameters[i] as number, true);
  return bytes;
}

/**
 * Decodes parameters.
 * @throws {@link RoundsError} `rounds/offer-refused` when the length is wrong or a value is not finite.
 */
export function decodeParameters(bytes: Uint8Array, dimension: number): Float32Array {
  if (bytes.length !== dimension * 4) {
    throw new RoundsError('rounds/offer-refused', `expected ${dimension} parameters, got ${bytes.length} bytes`);
  }
  const parameters = new Float32Array(dimension);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < dimension; i += 1) {
    const value = view.getFloat32(i * 4, true);
    if (!Number.isFinite(value)) {
      throw new RoundsError('rounds/offer-refused', `parameter ${i} of the offered model is not a finite number`);
    }
    parameters[i] = value;
  }
  return parameters;
}
