/**
 * Whether a data set fits a model, before anything is computed.
 *
 * @module
 */

import type { Dataset } from '../data/index.ts';
import type { EmbeddingBagDeclaration } from './declaration.ts';
import { ModelError } from './errors.ts';
import { paddingOf } from './layers/embedding.ts';
import type { Plan } from './plan.ts';

/** Data sets that were found to fit, by what was checked: labels and tokens are read once. */
const known = new WeakMap<Dataset, Set<string>>();

/**
 * Checks a data set against a plan.
 * @throws {ModelError} when widths differ, a label is out of range, or a token is not in the vocabulary.
 */
export function assertFits(plan: Plan, dataset: Dataset, { labels = true }: { labels?: boolean } = {}): void {
  if (dataset.inputWidth !== plan.inputWidth) {
    throw new ModelError(
      'models/dataset-mismatch',
      `the model takes inputs of ${plan.input.join(' × ')}, the data set has ${dataset.inputShape.join(' × ')}`,
      { details: { model: plan.input, dataset: dataset.inputShape } },
    );
  }
  const tokens = plan.steps.map(({ declaration }) => declaration).find(({ kind }) => kind === 'embeddingBag') as
    | EmbeddingBagDeclaration
    | undefined;
  const key = `${labels ? JSON.stringify(plan.loss) : ''}/${plan.outputWidth}/${tokens?.vocabulary}/${tokens?.padding}`;
  const seen = known.get(dataset) ?? new Set();
  if (seen.has(key)) return;
  if (labels) assertLabelsFit(plan, dataset);
  if (tokens !== undefined) assertTokens(dataset, tokens);
  known.set(dataset, seen.add(key));
}

/** Checks the labels alone. @throws {ModelError} when they are not what the model predicts. */
export function assertLabelsFit({ loss, outputWidth }: Plan, { labels, labelWidth }: Dataset): void {
  const wanted = loss === 'softmaxCrossEntropy' ? 1 : outputWidth;
  if (labelWidth !== wanted) {
    throw new ModelError(
      'models/dataset-mismatch',
      `the loss takes ${wanted} label value(s) an example, the data set has ${labelWidth}`,
    );
  }
  const classes = loss === 'softmaxCrossEntropy';
  if (!classes && loss !== 'binaryCrossEntropy') return;
  for (let i = 0; i < labels.length; i += 1) {
    const label = labels[i] as number;
    const fits = classes ? Number.isInteger(label) && label >= 0 && label < outputWidth : label >= 0 && label <= 1;
    if (!fits) {
      const rule = classes ? `an integer in [0, ${outputWidth - 1}]` : 'a number in [0, 1]';
      const example = Math.floor(i / labelWidth);
      throw new ModelError('models/label-out-of-range', `label of example ${example} must be ${rule}, got ${label}`, {
        details: { example },
      });
    }
  }
}

function assertTokens(
  { inputs, inputWidth, inputScale, inputOffset }: Dataset,
  declaration: EmbeddingBagDeclaration,
): void {
  const { vocabulary } = declaration;
  const padding = paddingOf(declaration);
  if (inputScale !== 1 || inputOffset !== 0) {
    throw new ModelError('models/dataset-mismatch', 'tokens must have inputScale 1 and inputOffset 0');
  }
  for (let i = 0; i < inputs.length; i += 1) {
    const token = inputs[i] as number;
    if (token !== padding && !(Number.isInteger(token) && token >= 0 && token < vocabulary)) {
      throw new ModelError(
        'models/token-out-of-range',
        `token of example ${Math.floor(i / inputWidth)} must be an integer in [0, ${vocabulary - 1}] or ${padding} for none, got ${token}`,
        { details: { example: Math.floor(i / inputWidth) } },
      );
    }
  }
}
