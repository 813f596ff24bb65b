/**
 * The story inside a package: the log of its run, audited as that of a run folder is, and held against what the signer
 * says in the manifest and what the cards say.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import {
  CardError,
  controllerFactsSchema,
  createPrivacyCard,
  formatCardPage,
  formatRegistryRecord,
  type PrivacyCard,
} from '../trust/card/index.ts';
import { utf8 } from '../foundations/crypto/index.ts';
import { type NoteVerifier, readRun, RUN_FILES, type RunFiles, type RunStory } from '../trust/log/index.ts';
import { MANIFEST_FILE, type PackageFiles, type PackageManifest } from '../trust/package/index.ts';
import { derivePlan } from './derive-plan.ts';

/** The privacy card in a package, in each of its forms. */
const CARD_FILES = {
  json: 'privacy-card.json',
  page: 'privacy-card.html',
  registry: 'privacy-card.yaml',
} as const;

/** Files that a package has beside those of its run. */
const OF_THE_PACKAGE = new Set<string>([MANIFEST_FILE, 'model.sig', 'README.md', ...Object.values(CARD_FILES)]);

/** Something wrong, as every verdict says it. */
export interface StoryProblem {
  readonly code: string;
  readonly file: string;
  readonly detail: string;
}

/** What the log in a package amounts to. */
export interface PackageStory {
  /** Recomputed from the log; null where nothing is promised. */
  readonly epsilon: number | null;
  readonly delta: number | null;
  readonly problems: readonly StoryProblem[];
  /** The run of a seeded package protects nobody. */
  readonly seeded: boolean;
}

/** Shows files in memory as those of a run. */
export function memoryFiles(files: PackageFiles): RunFiles {
  return {
    list: () => Promise.resolve([...files.keys()].filter((name) => !OF_THE_PACKAGE.has(name))),
    read: (name) => Promise.resolve(files.get(name)),
  };
}

/** Writes the cards of a verified run. */
export function writeCards(card: PrivacyCard): ReadonlyMap<string, Uint8Array> {
  return new Map([
    [CARD_FILES.json, utf8(`${JSON.stringify(card, undefined, 2)}\n`)],
    [CARD_FILES.page, utf8(formatCardPage(card))],
    [CARD_FILES.registry, utf8(formatRegistryRecord(card))],
  ]);
}

/**
 * Audits the log in a package whose signature holds. A package without a log may promise no privacy: nobody could check it.
 * @param options - `verifiers`: keys of the log that are known; without them the package's own counts.
 */
export async function checkStory(
  files: PackageFiles,
  { manifest, verifiers = [] }: { manifest: PackageManifest | null; verifiers?: readonly NoteVerifier[] },
): Promise<PackageStory> {
  const claimed = manifest?.privacy ?? null;
  if (!files.has(`${RUN_FILES.log}checkpoint`)) {
    const detail = 'the package promises privacy and has no log that it could be recomputed from';
    const problems = claimed === null ? [] : [{ code: 'verify/missing', file: `${RUN_FILES.log}checkpoint`, detail }];
    return { epsilon: null, delta: null, problems, seeded: false };
  }
  const run = await readRun(memoryFiles(files), { ...(verifiers.length === 0 ? {} : { verifiers }), derivePlan });
  const { report } = run;
  const { seeded } = report;
  const problems: StoryProblem[] = [...report.problems];
  const amounts = report.epsilon === null || seeded ? null : { epsilon: report.epsilon, delta: report.delta };
  if (report.ok && !sameAmount(claimed, amounts)) {
    problems.push({
      code: 'verify/summary-mismatch',
      file: MANIFEST_FILE,
      detail: `it promises epsilon ${claimed?.epsilon ?? 'none'}, the log amounts to ${amounts?.epsilon ?? 'none'}`,
    });
  }
  if (report.ok) problems.push(...checkCard(files.get(CARD_FILES.json), run));
  return { epsilon: report.epsilon, delta: report.delta, problems, seeded };
}

type Amount = { readonly epsilon: number; readonly delta: number | null } | null;

function sameAmount(claimed: Amount, amounts: Amount): boolean {
  if (claimed === null || amounts === null) return claimed === amounts;
  return Math.abs(claimed.epsilon - amounts.epsilon) <= 1e-9 * amounts.epsilon && claimed.delta === amounts.delta;
}

/** Makes the card anew from the log and what the controller says in it, and compares. */
function checkCard(bytes: Uint8Array | undefined, run: RunStory): readonly StoryProblem[] {
  if (bytes === undefined) return [];
  const wrong = (detail: string): readonly StoryProblem[] => [
    { code: 'verify/card-mismatch', file: CARD_FILES.json, detail },
  ];
  try {
    const shown = JSON.parse(new TextDecoder().decode(bytes)) as PrivacyCard;
    const made = createPrivacyCard(run, controllerFactsSchema.parse(shown.controller));
    // Whether the key was known beforehand is the reader's own, not the card's.
    const told = (card: PrivacyCard): unknown => ({ ...card, log: { ...card.log, keyPinned: false } });
    return canonicalize(told(shown)) === canonicalize(JSON.parse(JSON.stringify(told(made))))
      ? []
      : wrong('it says something else than the log');
  } catch (error) {
    if (error instanceof CardError) return wrong(error.message);
    return wrong('it is not a privacy card');
  }
}
