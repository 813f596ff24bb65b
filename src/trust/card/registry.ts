/**
 * The card as a record of the OpenDP Deployments Registry, tier 3. [OpenDP-registry]
 *
 * @module
 */

import { stringify } from 'yaml';

import type { PrivacyCard } from './card.ts';
import {
  describeActors,
  describeDomain,
  describeProtections,
  describeSettings,
  describeTrust,
  describeUnit,
  missing,
} from './words.ts';

/** How many events were charged, and as what. */
function describeCharges({ guarantee, mode, attempts }: PrivacyCard): string {
  return mode === 'single-party'
    ? `${attempts} steps, and of whatever else the ledger names, in ${guarantee?.charges ?? 0} charges:`
    : `${guarantee?.charges ?? 0} events`;
}

/** Makes the record. Parameters come from the ledger; what the log cannot know is said to be missing. */
export function createRegistryRecord(card: PrivacyCard): Readonly<Record<string, unknown>> {
  const { guarantee, controller } = card;
  const slug = `${card.task}-${card.endedAt.slice(0, 4)}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const trained = `${card.rounds} rounds in ${card.attempts} attempts by ${card.participants} participants`;
  return {
    url_slug: slug,
    status: 'Draft',
    tier: 3,
    deployment: {
      basic: {
        name: card.task,
        data_curators: [
          {
            data_curator_name: controller.controller ?? missing('controller'),
            data_curator_type: controller.controllerType ?? missing('controllerType'),
          },
        ],
        intended_use: controller.purpose ?? missing('purpose'),
        data_product_type: 'Machine learning model',
        data_product_region: controller.region ?? missing('region'),
        description:
          controller.description ??
          `A model of ${card.parameters} parameters, trained in ${trained}${card.examples === null ? '' : ` on ${card.examples} examples`}.`,
        publication_date: card.endedAt.slice(0, 10),
        data_product_sector: controller.sector ?? missing('sector'),
      },
      dp_variant: {
        variant_name: guarantee === null ? 'None' : 'Approximate DP',
        data_domain: describeDomain(card),
        unprotected_quantities:
          'The number of participants, the cohort of each round and who dropped out of it; the model declaration and its initial ' +
          'parameters; accuracy on public test data. Hyperparameters were chosen outside of the log.',
      },
      privacy_loss: {
        privacy_unit: guarantee === null ? 'None' : `${guarantee.privacyUnit}-level`,
        privacy_unit_details: describeUnit(card),
        privacy_parameters: guarantee === null ? {} : { epsilon: guarantee.epsilon, delta: guarantee.delta },
        privacy_parameters_details:
          guarantee === null
            ? 'Nothing was protected.'
            : `Recomputed from ${guarantee.charges} charges in the ledger by the ${guarantee.accountant.toUpperCase()} accountant, ` +
              `of a budget of epsilon ${guarantee.budget} for the whole life of the data set.`,
      },
      deployment_model: {
        model_name: card.mode === 'single-party' || guarantee?.trust === 'coordinator' ? 'Central' : 'Federated',
        model_name_details: describeTrust(card),
        actors: describeActors(card)
          .map((line) => `- ${line}`)
          .join('\n'),
        release_type: 'One release',
        release_type_details: `Intermediate models of all ${card.rounds} rounds are known to the participants and are inside the guarantee.`,
        data_source_type: 'Static',
        data_source_type_details: 'The data of the task does not change; new data opens a new account.',
        access_type: 'Non-interactive',
        access_type_details: 'The model is released; the data answers no queries.',
      },
      accounting: {
        post_processing:
          'Optimizer steps, evaluation on public data and every use of the released model are post-processing.',
        composition:
          guarantee === null
            ? 'None.'
            : `Composition of ${describeCharges(card)} ${guarantee.mechanism}, charged before any data is touched; an attempt that ` +
              'was aborted stays charged.',
      },
      implementation: {
        preprocessing_and_hyperparameter_tuning:
          controller.tuning ??
          `${card.log.preparations} preparations stand in the log. ${missing('tuning: how hyperparameters were chosen, and whether that was charged')}`,
        mechanisms: [...describeProtections(card), `Mechanism: ${guarantee?.mechanism ?? 'none'}`]
          .map((line) => `- ${line}`)
          .join('\n'),
        justification:
          guarantee === null
            ? 'None.'
            : `The noise was calibrated for the planned attempts at the stated budget (${describeSettings(guarantee)}); the plan's digest stands in the log.`,
      },
      administrative: {
        sources: `Transparency log with ${card.log.leaves} leaves, key ${card.log.key ?? 'unknown'}; model digest sha256:${card.modelDigest ?? ''}`,
        registry_authors: controller.authors ?? [controller.controller ?? missing('authors')],
      },
    },
  };
}

/** Writes the record as YAML. */
export function formatRegistryRecord(card: PrivacyCard): string {
  return stringify(createRegistryRecord(card), { lineWidth: 0 });
}
