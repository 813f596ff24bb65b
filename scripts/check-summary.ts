/**
 * Checks the summary of a short run of the main job: every field there, of its type, and within what a short run must
 * reach. Usage: `node scripts/check-summary.ts FILE`.
 */
import { readFileSync } from 'node:fs';

import { z } from 'zod';

const summary = z
  .looseObject({
    accuracy: z.number().min(0.9).max(1),
    epsilon: z.number().positive().max(3),
    delta: z.literal(1e-5),
    privacyUnit: z.literal('example'),
    relation: z.literal('add-or-remove-one'),
    accountant: z.string(),
    rounds: z.literal(20),
    participants: z.literal(20),
    dropouts: z.int().nonnegative(),
    noiseMultiplier: z.number().positive(),
    maxCorrupt: z.literal(1),
    adversary: z.literal('honest-but-curious'),
    seeded: z.literal(false),
    secondsTotal: z.number().positive(),
    bytesPerParticipantRound: z.number().min(10_000),
    model: z.object({ parameters: z.int().min(10_000), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  })
  .safeParse(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));

if (summary.success) {
  const { accuracy, epsilon, secondsTotal } = summary.data;
  console.log(`main job: accuracy ${accuracy}, epsilon ${epsilon.toFixed(3)}, ${secondsTotal} s`);
} else {
  console.error(z.prettifyError(summary.error));
  process.exit(1);
}
