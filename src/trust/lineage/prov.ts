/**
 * Lineage as PROV-JSON, the W3C's provenance model. [PROV-JSON]
 *
 * @module
 */

import type { LineageGraph } from './graph.ts';

type Record_ = Record<string, Record<string, unknown>>;

/** Makes the PROV-JSON document of a run. */
export function formatProv(graph: LineageGraph): Readonly<Record<string, unknown>> {
  const name = (id: string): string => `sotto:${id}`;
  const agent = name(`log/${graph.log}`);
  const entity: Record_ = {};
  const activity: Record_ = {};
  const used: Record_ = {};
  const wasGeneratedBy: Record_ = {};
  const wasDerivedFrom: Record_ = {};
  const wasAssociatedWith: Record_ = {};
  for (const { id, kind, version, rows } of graph.entities) {
    entity[name(id)] = {
      'prov:type': `sotto:${kind}`,
      'sotto:version': version,
      ...(rows === undefined ? {} : { 'sotto:rows': rows }),
    };
  }
  for (const each of graph.activities) {
    const id = name(each.id);
    activity[id] = {
      'prov:startTime': each.startedAt,
      'prov:endTime': each.endedAt,
      'prov:type': `sotto:${each.kind}`,
      'sotto:outcome': each.outcome,
      'sotto:leaf': each.leaf,
      ...(each.charge === null
        ? {}
        : { 'sotto:reservation': each.charge.reservation, 'sotto:ledgerIndex': each.charge.ledgerIndex }),
    };
    for (const source of each.used) {
      used[`_:u${Object.keys(used).length}`] = { 'prov:activity': id, 'prov:entity': name(source) };
    }
    for (const made of each.made) {
      wasGeneratedBy[`_:g${Object.keys(wasGeneratedBy).length}`] = { 'prov:entity': name(made), 'prov:activity': id };
      for (const source of each.used) {
        wasDerivedFrom[`_:d${Object.keys(wasDerivedFrom).length}`] = {
          'prov:generatedEntity': name(made),
          'prov:usedEntity': name(source),
          'prov:activity': id,
        };
      }
    }
    wasAssociatedWith[`_:a${Object.keys(wasAssociatedWith).length}`] = { 'prov:activity': id, 'prov:agent': agent };
  }
  return {
    prefix: { sotto: 'https://www.npmjs.com/package/sotto#', prov: 'http://www.w3.org/ns/prov#' },
    entity,
    activity,
    agent: { [agent]: { 'prov:type': 'prov:SoftwareAgent' } },
    used,
    wasGeneratedBy,
    wasDerivedFrom,
    wasAssociatedWith,
  };
}
