/**
 * Lineage as OpenLineage events, specification 2-0-2: a START and a COMPLETE or ABORT for every activity, with a facet of
 * our own for what was charged. [OpenLineage]
 *
 * @module
 */

import { type LineageActivity, type LineageEntity, type LineageGraph, uuidOf } from './graph.ts';

const PRODUCER = 'https://www.npmjs.com/package/sotto';
const SPEC = 'https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent';

type Json = Readonly<Record<string, unknown>>;

const facet = (schema: string, fields: Json): Json => ({
  _producer: PRODUCER,
  _schemaURL: `https://openlineage.io/spec/facets/${schema}`,
  ...fields,
});

/** Makes the events of a run, those of its preparations first. */
export function formatOpenLineage(graph: LineageGraph): readonly Json[] {
  const entities = new Map(graph.entities.map((entity) => [entity.id, entity]));
  const dataset = (id: string): Json => {
    const { version, rows } = entities.get(id) as LineageEntity;
    return {
      namespace: `sotto://${graph.task}`,
      name: id,
      facets: {
        version: facet('1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet', {
          datasetVersion: version,
        }),
      },
      ...(rows === undefined
        ? {}
        : {
            inputFacets: {
              inputStatistics: facet(
                '1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet',
                { rowCount: rows },
              ),
            },
          }),
    };
  };
  const output = (id: string): Json => {
    const { inputFacets: _inputs, ...rest } = dataset(id) as { inputFacets?: unknown };
    return rest;
  };
  const events = graph.activities.flatMap((activity) => {
    const run = { runId: uuidOf(`${graph.log}\n${activity.id}`), facets: facetsOf(activity, graph) };
    const common = {
      producer: PRODUCER,
      schemaURL: SPEC,
      job: { namespace: `sotto://${graph.task}`, name: activity.kind },
      inputs: activity.used.map(dataset),
    };
    const ended = activity.outcome === 'complete' ? 'COMPLETE' : 'ABORT';
    return [
      { eventType: 'START', eventTime: activity.startedAt, ...common, run: { runId: run.runId }, outputs: [] },
      { eventType: ended, eventTime: activity.endedAt, ...common, run, outputs: activity.made.map(output) },
    ];
  });
  return [...graph.preparations, ...events];
}

function facetsOf(activity: LineageActivity, graph: LineageGraph): Json {
  const { charge, leaf } = activity;
  return {
    parent: facet('1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet', {
      run: { runId: uuidOf(graph.log) },
      job: { namespace: `sotto://${graph.task}`, name: graph.task },
    }),
    sotto_privacy: {
      _producer: PRODUCER,
      _schemaURL: `${PRODUCER}#privacy-facet-2`,
      isPrivate: graph.isPrivate,
      log: graph.log,
      leaf,
      charged: charge,
      epsilonOfRun: graph.epsilon,
    },
  };
}
