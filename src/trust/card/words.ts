/**
 * Sentences that several sheets share, each derived from the card.
 *
 * @module
 */

import type { PrivacyCard } from './card.ts';

/** Marks what only the controller can say. */
export function missing(what: string): string {
  return `[to be filled in by the controller: ${what}]`;
}

/** Whether, and how, the run is void of protection; empty when it is not. */
export function describeVoid(card: PrivacyCard): string {
  if (card.guarantee === null) return 'NOT PRIVATE: this model was trained without any protection.';
  return card.seeded
    ? 'VOID: this run follows from a seed and protects nobody; its numbers are those of a rehearsal.'
    : '';
}

/** Whose data is hidden, and what that means. */
export function describeUnit({ guarantee, mode }: PrivacyCard): string {
  if (guarantee === null) return 'Nobody’s data is hidden.';
  const { privacyUnit, relation } = guarantee;
  // Where one party has all the data, a client is a person in it and not the party.
  const isPerson = privacyUnit === 'client' && mode === 'single-party';
  const unit = isPerson
    ? 'what is read of one person'
    : privacyUnit === 'example'
      ? 'one record of one participant'
      : 'everything that one participant holds';
  const change =
    relation === 'zero-out'
      ? 'is replaced by nothing'
      : relation === 'replace-one'
        ? 'is replaced by another'
        : 'is added or taken away';
  const sentence = `Two data sets are neighbours when ${unit} ${change} (${relation}).`;
  return isPerson
    ? sentence
    : `${sentence} A person with several records has them protected together only by group privacy.`;
}

/** How the sum of the contributions came about. */
function describeSum({ aggregation, maxCorrupt }: PrivacyCard): string {
  switch (aggregation) {
    case 'secagg':
      return `contributions are masked (secure aggregation) and only their sum is opened; up to ${maxCorrupt ?? 0} participant${maxCorrupt === 1 ? '' : 's'} may collude with the coordinator`;
    case 'shares':
      return 'contributions are split into shares for several servers and only their sum is opened, as long as one of the servers is honest';
    case 'homomorphic':
      return 'contributions are encrypted and only their sum is decrypted, by whoever holds the key, who must not see single ones';
    default:
      return 'contributions are added in the clear';
  }
}

/** What the coordinator sees. */
function describeCoordinator({ aggregation, mode }: PrivacyCard): string {
  if (mode === 'single-party')
    return 'The one who trains: holds all the data, sees every sum before its noise, and adds the noise.';
  switch (aggregation) {
    case 'secagg':
      return 'Coordinator: sees rosters, sizes and times, masked vectors, the sum and the model; follows the protocol (honest but curious).';
    case 'shares':
      return 'Coordinator and aggregation servers: see rosters, sizes and times, shares, the sum and the model; at least one of the servers tells nobody its shares.';
    case 'homomorphic':
      return 'Coordinator: sees rosters, sizes and times, ciphertexts, the sum and the model; the key holder is given the sum alone.';
    default:
      return 'Coordinator: sees every contribution.';
  }
}

/** Who had to be trusted. */
export function describeTrust(card: PrivacyCard): string {
  const { guarantee, mode } = card;
  if (guarantee === null) return 'Everybody who saw the training is trusted with everything.';
  const sum = describeSum(card);
  switch (guarantee.trust) {
    case 'nobody':
      return `Nobody is trusted with a contribution: each participant adds its share of the noise, ${sum}.`;
    case 'local':
      return `Each contribution is private by itself before it leaves its participant; ${sum}.`;
    default:
      return mode === 'single-party'
        ? 'The one party that holds the data adds the noise.'
        : `The coordinator is trusted with the exact sum and adds the noise; ${sum}.`;
  }
}

/** The parties and what each sees. */
export function describeActors(card: PrivacyCard): readonly string[] {
  return [
    `Participants (${card.participants}): hold the data; see the current model, the roster and the plan.`,
    describeCoordinator(card),
    'Readers of the model: see the model, and are bounded by epsilon whatever else they know.',
    'Auditors: see the log, its ledger records and the receipts they are shown; no data.',
  ];
}

/** What protects against the defects of implementations: as far as it was there in this run. */
export function describeProtections({ guarantee, mode }: PrivacyCard): readonly string[] {
  if (guarantee === null) return ['None: nothing was clipped for privacy, no noise was added, and no budget was kept.'];
  const bounded =
    guarantee.clipNorm === null
      ? `What is read of one ${guarantee.privacyUnit === 'example' ? 'example' : 'person'} is brought to a declared norm, in integers, before anything is added to it.`
      : guarantee.privacyUnit === 'example'
        ? 'Gradients are clipped per example; the charged sensitivity holds the proven float32 error of computing them.'
        : mode === 'single-party'
          ? 'What is read of one person is bounded before anything is added to it.'
          : 'Each participant’s update is clipped as a whole before anything is added to it.';
  return [
    'Noise is drawn by exact integer samplers from a cryptographic generator; no floating-point noise is released.',
    bounded,
    'What is charged is written to a hash-chained ledger before data is touched; the ledger’s records stand in a transparency log.',
    ...(mode === 'single-party'
      ? []
      : ['Participants check the plan against their own policy and keep their own ledger.']),
  ];
}

/** What the mechanism bounds. */
export function describeDomain({ guarantee, mode }: PrivacyCard): string {
  if (guarantee === null) return 'Multisets of examples; nothing about them is bounded.';
  if (guarantee.clipNorm === null) {
    const unit = guarantee.privacyUnit === 'example' ? ['examples', 'example'] : ['people', 'person'];
    return `Multisets of ${unit[0]}; what is added for each ${unit[1]} is held to a declared norm.`;
  }
  return guarantee.privacyUnit === 'example'
    ? `Multisets of examples; each example's gradient is clipped to an L2 norm of ${guarantee.clipNorm}.`
    : `Multisets of ${mode === 'single-party' ? 'people' : 'participants'}; each ${mode === 'single-party' ? 'person' : 'participant'}'s update is clipped to an L2 norm of ${guarantee.clipNorm}.`;
}

/** The settings that a mechanism's strength follows from, as far as it has them. */
export function describeSettings({
  noiseMultiplier,
  samplingRate,
  clipNorm,
}: NonNullable<PrivacyCard['guarantee']>): string {
  return [
    ...(noiseMultiplier === null ? [] : [`noise multiplier ${noiseMultiplier.toPrecision(6)}`]),
    `sampling rate ${samplingRate}`,
    ...(clipNorm === null ? [] : [`clip norm ${clipNorm}`]),
  ].join(', ');
}
