/**
 * What the log of a fit says: recipe and plan, one charge, one step from nothing to a model; and how whoever checks it
 * derives the same plan from the recipe alone.
 *
 * @module
 */

import canonicalize from 'canonicalize';

import { sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import { createEstimatorOf, type Estimator, type FitRecipe, parseFitRecipe } from '../../learning/classical/index.ts';
import { type DpEvent, eventToJson } from '../../privacy/accounting/index.ts';
import { type DerivedPlan, type LeafContent, type LeafOf, RUN_FILES } from '../../trust/log/index.ts';

/** What derives the plan of a fit: another version may derive another one from the same recipe. */
export const FIT_VERSION = 'sotto/fit-1';

/** Digest of the model that a fit begins with: there is none. */
export const NO_MODEL = toHex(sha256(new Uint8Array(0)));

/** Digest of a fitted model: that of its file, which the same model makes the same. */
export function digestFitted(file: Uint8Array): string {
  return toHex(sha256(file));
}

function eventOf(estimator: Estimator): NonNullable<LeafOf<'plan'>['event']> {
  return eventToJson(estimator.event()) as NonNullable<LeafOf<'plan'>['event']>;
}

/** Numbers that the largest sum of an event releases. */
function numbersOf(event: DpEvent): number {
  switch (event.kind) {
    case 'discreteGaussian':
      return event.dimension ?? 1;
    case 'selfComposed':
      return numbersOf(event.event);
    case 'composed':
      return Math.max(...event.events.map(numbersOf));
    default:
      return 1;
  }
}

function digestPlan(recipe: FitRecipe, estimator: Estimator): string {
  const { fit: _name, ...plan } = recipe;
  return toHex(sha256(utf8(canonicalize({ version: FIT_VERSION, plan, event: eventOf(estimator) }) as string)));
}

/** Makes the leaves `task` and `plan` of a fit. */
export function describeFit(
  recipe: FitRecipe,
  { estimator, definition }: { readonly estimator: Estimator; readonly definition: Uint8Array },
): readonly LeafContent[] {
  const { privacyUnit, relation, epsilon, delta } = estimator.promise;
  return [
    {
      kind: 'task',
      task: recipe.fit,
      taskDigest: toHex(sha256(definition)),
      mode: 'single-party',
      participants: 1,
      rounds: 1,
      aggregation: 'clear',
      privacy: {
        privacyUnit,
        trust: 'coordinator',
        epsilon,
        delta,
        relation,
        accountant: recipe.privacy.accountant,
      },
      seeded: false,
      version: FIT_VERSION,
    },
    {
      kind: 'plan',
      planDigest: digestPlan(recipe, estimator),
      attempts: 1,
      dimension: numbersOf(estimator.event()),
      inputShape: [estimator.features.length],
      samplingRate: 1,
      clipNorm: null,
      noiseMultiplier: null,
      threshold: null,
      maxCorrupt: null,
      event: eventOf(estimator),
      charged: 'run',
      modelDigest: NO_MODEL,
    },
  ];
}

/** Derives the plan of a fit from its recipe. */
export function deriveFit(text: string): DerivedPlan {
  const recipe = parseFitRecipe(text, { path: RUN_FILES.task });
  const estimator = createEstimatorOf(recipe);
  return {
    version: FIT_VERSION,
    planDigest: digestPlan(recipe, estimator),
    event: eventOf(estimator),
    charged: 'run',
    digestModel: digestFitted,
  };
}
