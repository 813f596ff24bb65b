/**
 * The model card: a README with the front matter that model hubs read, generated from what the run recorded.
 *
 * @module
 */

/** What the card says. */
export interface ModelCardFacts {
  readonly name: string;
  readonly accuracy: number | null;
  readonly parameters: number;
  readonly participants: number;
  readonly rounds: number;
  readonly trust: string;
  readonly aggregation: string;
  /** Null: NOT PRIVATE. */
  readonly privacy: {
    readonly epsilon: number;
    readonly delta: number;
    readonly privacyUnit: string;
    readonly relation: string;
    readonly accountant: string;
  } | null;
  readonly seeded: boolean;
  readonly modelDigest: string;
}

/** Quotes text for YAML. */
const quoted = (text: string): string => JSON.stringify(text);
/** Keeps text of others from becoming markup. */
const plain = (text: string): string => text.replaceAll(/[<>`|[\]*_\\\n\r]/g, ' ');

/** Writes a model card, Markdown. */
export function formatModelCard(facts: ModelCardFacts): string {
  const { privacy, accuracy } = facts;
  const guarantee =
    privacy === null
      ? '**NOT PRIVATE.** This model was trained without any privacy guarantee.'
      : facts.seeded
        ? '**VOID: SEEDED RUN.** The noise follows from a seed and protects nobody.'
        : `(ε, δ) = (${privacy.epsilon.toFixed(3)}, ${privacy.delta}) for one ${plain(privacy.privacyUnit)}, relation ${plain(privacy.relation)}, counted by the ${plain(privacy.accountant)} accountant.`;
  return `---
library_name: sotto
tags: [federated-learning${privacy === null ? '' : ', differential-privacy'}]
model_name: ${quoted(facts.name)}
---

# ${plain(facts.name)}

${guarantee}

| | |
|---|---|
| participants | ${facts.participants} |
| rounds | ${facts.rounds} |
| parameters | ${facts.parameters} |
| accuracy on public test data | ${accuracy === null ? 'not measured' : `${(accuracy * 100).toFixed(2)} %`} |
| who was trusted | ${plain(facts.trust)} |
| aggregation | ${plain(facts.aggregation)} |
| SHA-256 of \`model.safetensors\` | \`${facts.modelDigest}\` |

The guarantee holds for this file and whatever is computed from it alone. \`manifest.json\`, \`ledger.jsonl\` and the privacy
card say how it was counted; \`model.sig\` signs them all.
`;
}
