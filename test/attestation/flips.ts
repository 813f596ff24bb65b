/** Single-byte changes of samples: each must be refused, or lie where the verifier says that nothing is signed. */
import {
  AttestationError,
  parseDcapCollateral,
  vendorRoots,
  verifyEvidence,
} from '../../src/trust/attestation/index.ts';
import { flipByte, loadSample, type Sample } from './samples.ts';

/** A change that was accepted. */
export interface Survivor {
  readonly file: string;
  readonly index: number;
  /** Whether the verifier lists the byte as not signed. */
  readonly listed: boolean;
}

/** Outcome of a sweep. */
export interface SweepOutcome {
  readonly changes: number;
  readonly survivors: readonly Survivor[];
}

/** Runs in flight at once: signatures are checked on the threads of the platform. */
const CONCURRENCY = 16;

/** Verifies a sample with one file replaced. @returns whether it was accepted. @throws anything but the typed error. */
async function isAccepted(sample: Sample, files: Readonly<Record<string, Uint8Array>>): Promise<boolean> {
  try {
    return (await verifyEvidence(sample.build(files), { roots: vendorRoots(), at: sample.at })).ok;
  } catch (error) {
    if (error instanceof AttestationError) return false;
    throw error;
  }
}

/** Where the verifier says that bytes of a file are not signed. */
async function unsignedBytes(sample: Sample, file: string): Promise<ReadonlySet<number>> {
  const files = loadSample(sample);
  const bytes = files[file] as Uint8Array;
  const ranges = file.endsWith('.json')
    ? parseDcapCollateral(Buffer.from(bytes).toString('latin1')).unsignedRanges
    : file.endsWith('quote.bin')
      ? ((await verifyEvidence(sample.build(files), { roots: vendorRoots(), at: sample.at })).result?.unsignedRanges ??
        [])
      : [];
  return new Set(ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)));
}

/**
 * Changes bytes of every file of a sample, one at a time.
 * @param choose - the masks to try at an index; none leaves the byte out.
 */
export async function sweepFlips(
  sample: Sample,
  choose: (index: number, length: number) => readonly number[],
): Promise<SweepOutcome> {
  const files = loadSample(sample);
  const survivors: Survivor[] = [];
  let changes = 0;
  for (const file of sample.files) {
    const bytes = files[file] as Uint8Array;
    const unsigned = await unsignedBytes(sample, file);
    const jobs = Array.from({ length: bytes.length }, (_, index) =>
      choose(index, bytes.length).map((mask) => ({ index, mask })),
    ).flat();
    changes += jobs.length;
    const queue = jobs.values();
    const work = async () => {
      for (const { index, mask } of queue) {
        if (await isAccepted(sample, { ...files, [file]: flipByte(bytes, index, mask) })) {
          survivors.push({ file, index, listed: unsigned.has(index) });
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  }
  return { changes, survivors };
}
