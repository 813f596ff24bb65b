/**
 * The only place that asks the platform for randomness.
 *
 * @module
 */

/** Returns `sizeBytes` fresh bytes from the platform's cryptographic generator. */
export function readEntropy(sizeBytes: number): Uint8Array {
  const out = new Uint8Array(sizeBytes);
  for (let done = 0; done < sizeBytes; done += 65_536) {
    crypto.getRandomValues(out.subarray(done, Math.min(done + 65_536, sizeBytes)));
  }
  return out;
}
