/**
 * Why shares of floating-point numbers leak, and shares of residues do not. Both are made here of the same secrets; an
 * observer who holds one share, the last, guesses the sign of the secret. Run it with
 * `node --conditions=source examples/float-shares-leak.ts`.
 */
import { createSystemRng } from 'sotto/random';
import { createFixedPoint, joinAdditive, splitAdditive } from 'sotto/sharing';

const TRIALS = 20_000;
const rng = createSystemRng();

/** A uniform number in [0, 1), as `random()` of most languages gives. */
const random = (): number => rng.uint32() / 2 ** 32;

/** The usual sample: all shares but one are `random()`, the last is what is missing. */
function splitFloats(secret: number, parties: number): number[] {
  const shares = Array.from({ length: parties - 1 }, random);
  return [...shares, secret - shares.reduce((a, b) => a + b, 0)];
}

/** How often the sign of ±magnitude is guessed from the last share alone, by comparing it with its mean. */
function guessFloats(magnitude: number, parties: number): number {
  let right = 0;
  for (let i = 0; i < TRIALS; i += 1) {
    const secret = random() < 0.5 ? magnitude : -magnitude;
    const last = splitFloats(secret, parties).at(-1) as number;
    if (last > -(parties - 1) / 2 === secret > 0) right += 1;
  }
  return right / TRIALS;
}

const codec = createFixedPoint({ bitWidth: 32, fractionBits: 16, clampRange: 8, addends: 10 });

/** The same guess from the last share of residues modulo 2^32. */
function guessResidues(magnitude: number, parties: number): number {
  let right = 0;
  for (let i = 0; i < TRIALS; i += 1) {
    const secret = random() < 0.5 ? magnitude : -magnitude;
    const shares = splitAdditive(codec.encode([secret]), { ring: codec.ring, parties }, rng);
    const last = shares.at(-1);
    if (last === undefined) throw new Error('there is no last share');
    const [value] = codec.decode(joinAdditive([last], { ring: codec.ring, entries: 1 }));
    if ((value as number) > 0 === secret > 0) right += 1;
  }
  return right / TRIALS;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
console.log('sign of the secret guessed from the last share alone:');
for (const parties of [3, 5, 10]) {
  console.log(
    `  ${`${parties}`.padStart(2)} parties, secret ±0.5: float shares ${percent(guessFloats(0.5, parties))}, shares modulo 2^32 ${percent(guessResidues(0.5, parties))}`,
  );
}
console.log(
  `   3 parties, secret ±5:   float shares ${percent(guessFloats(5, 3))}, shares modulo 2^32 ${percent(guessResidues(5, 3))}`,
);

let worst = 0;
for (let i = 0; i < 1000; i += 1) {
  const secret = random();
  // Single precision, shares within ±100, as a model's update is often shared.
  const shares = [Math.fround((random() - 0.5) * 200), Math.fround((random() - 0.5) * 200)];
  const last = Math.fround(secret - (shares[0] as number) - (shares[1] as number));
  const joined = Math.fround(Math.fround((shares[0] as number) + (shares[1] as number)) + last);
  worst = Math.max(worst, Math.abs(joined - secret));
}
console.log(`float32 shares within ±100 do not even join to the secret: off by up to ${worst.toExponential(1)}`);
