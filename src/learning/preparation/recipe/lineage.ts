/**
 * Lineage: where every column and how many rows of a release come from, as OpenLineage run events (specification 2-0-2) with
 * the column lineage facet, and a facet of our own for what was charged.
 *
 * @module
 */

/** One column of the release. */
export interface ColumnLineage {
  readonly column: string;
  readonly from: readonly string[];
  readonly transformation: string;
  /** Whether values can no longer be told from the output. */
  readonly masking: boolean;
}

/** What a run did, in numbers. */
export interface RunFacts {
  readonly runId: string;
  readonly job: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly input: {
    readonly name: string;
    /** Null for a query over what is no single file. */
    readonly sha256: string | null;
    readonly rows: number;
    readonly columns: readonly string[];
  };
  readonly outputs: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly rows: number;
    readonly columns: readonly string[];
    readonly lineage: readonly ColumnLineage[];
  }[];
  /** Columns of the input that are in no output, and why. */
  readonly dropped: readonly { readonly column: string; readonly why: string }[];
  readonly rows: Readonly<Record<string, number>>;
  readonly charged: Readonly<Record<string, unknown>> | null;
}

const PRODUCER = 'https://www.npmjs.com/package/sotto';
const SPEC = 'https://openlineage.io/spec/2-0-2/OpenLineage.json';

/** Builds the events START and COMPLETE of one run. */
export function buildLineage(facts: RunFacts): readonly Readonly<Record<string, unknown>>[] {
  const facet = (schema: string, fields: Readonly<Record<string, unknown>>): Record<string, unknown> => ({
    _producer: PRODUCER,
    _schemaURL: `https://openlineage.io/spec/facets/${schema}`,
    ...fields,
  });
  const fieldsOf = (columns: readonly string[]): Record<string, unknown> =>
    facet('1-1-1/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet', { fields: columns.map((name) => ({ name })) });
  const version = (sha256: string): Record<string, unknown> =>
    facet('1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet', {
      datasetVersion: `sha256:${sha256}`,
    });
  const input = {
    namespace: 'file',
    name: facts.input.name,
    facets: {
      schema: fieldsOf(facts.input.columns),
      ...(facts.input.sha256 === null ? {} : { version: version(facts.input.sha256) }),
    },
    inputFacets: {
      inputStatistics: facet('1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet', {
        rowCount: facts.input.rows,
      }),
    },
  };
  const outputs = facts.outputs.map(({ name, sha256, rows, columns, lineage }) => ({
    namespace: 'file',
    name,
    facets: {
      schema: fieldsOf(columns),
      version: version(sha256),
      columnLineage: facet('1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet', {
        fields: Object.fromEntries(
          lineage
            .filter(({ column }) => columns.includes(column))
            .map(({ column, from, transformation, masking }) => [
              column,
              {
                inputFields: from.map((field) => ({
                  namespace: 'file',
                  name: facts.input.name,
                  field,
                  transformations: [
                    { type: 'DIRECT', subtype: 'TRANSFORMATION', description: transformation, masking },
                  ],
                })),
              },
            ]),
        ),
      }),
    },
    outputFacets: {
      outputStatistics: facet(
        '1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet',
        {
          rowCount: rows,
        },
      ),
    },
  }));
  const event = (eventType: 'START' | 'COMPLETE', eventTime: string): Record<string, unknown> => ({
    eventType,
    eventTime,
    producer: PRODUCER,
    schemaURL: `${SPEC}#/$defs/RunEvent`,
    run: {
      runId: facts.runId,
      facets:
        eventType === 'COMPLETE'
          ? {
              sotto_privacy: {
                _producer: PRODUCER,
                _schemaURL: `${PRODUCER}#privacy-facet-1`,
                rows: facts.rows,
                dropped: facts.dropped,
                charged: facts.charged,
              },
            }
          : {},
    },
    job: { namespace: 'sotto', name: facts.job },
    inputs: [input],
    outputs: eventType === 'COMPLETE' ? outputs : [],
  });
  return [event('START', facts.startedAt), event('COMPLETE', facts.endedAt)];
}
