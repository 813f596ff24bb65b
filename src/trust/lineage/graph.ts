/**
 * Where a model comes from, as a graph read from a verified log: data, preparations, rounds, evaluations, releases and
 * answers, each with what it used, what it made and what it was charged.
 *
 * @module
 */

import { sha256, toHex, utf8 } from '../../foundations/crypto/index.ts';
import type { RunStory } from '../log/index.ts';
import { LineageError } from './errors.ts';

/** Something that was used or made. */
export interface LineageEntity {
  readonly id: string;
  readonly kind: 'data' | 'prepared-data' | 'model' | 'evaluation' | 'answer' | 'erasure';
  /** `sha256:…`, or `commitment:…` where the content is nobody's business. */
  readonly version: string;
  readonly rows?: number;
}

/** What an activity was charged. */
export interface LineageCharge {
  readonly reservation: string;
  /** Index of its record in the ledger. */
  readonly ledgerIndex: number;
  readonly privacyUnit: string;
  readonly relation: string;
  readonly delta: number;
  readonly status: string;
}

/** Something that was done. */
export interface LineageActivity {
  readonly id: string;
  readonly kind: 'preparation' | 'round' | 'evaluation' | 'release' | 'answer' | 'erasure';
  readonly startedAt: string;
  readonly endedAt: string;
  readonly outcome: 'complete' | 'abort';
  readonly used: readonly string[];
  readonly made: readonly string[];
  readonly charge: LineageCharge | null;
  /** Index of the leaf that says so. */
  readonly leaf: number;
}

/** A run's lineage. */
export interface LineageGraph {
  readonly task: string;
  readonly log: string;
  readonly isPrivate: boolean;
  readonly epsilon: number | null;
  readonly entities: readonly LineageEntity[];
  readonly activities: readonly LineageActivity[];
  /** Events of preparations, as they were written then. */
  readonly preparations: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Reads the graph of a run.
 * @param preparations - lineage files of preparations; each must be one that the log has the digest of.
 * @throws {LineageError} `lineage/unverified`, `lineage/preparation-mismatch`.
 */
export function readLineage(
  { report, leaves, story }: RunStory,
  preparations: readonly Uint8Array[] = [],
): LineageGraph {
  if (!report.ok || story?.task === undefined || story.plan === undefined) {
    throw new LineageError('lineage/unverified', 'the run does not verify: see sotto verify');
  }
  const entities = new Map<string, LineageEntity>();
  const activities: LineageActivity[] = [];
  const add = (entity: LineageEntity): string => {
    entities.set(entity.id, entity);
    return entity.id;
  };
  const model = (digest: string): string =>
    add({ id: `model/${digest.slice(0, 16)}`, kind: 'model', version: `sha256:${digest}` });
  const charges = new Map(story.report?.charges.map((charge) => [charge.attempt, charge]));
  const account = story.report?.accounts[0];
  /** Charges of one party's steps name the first one they pay for; one for a whole run names none. */
  const stepCharges = (story.report?.charges ?? [])
    .filter(({ purpose }) => purpose === 'training')
    .map(({ round, ...charge }) => ({ ...charge, round: round ?? 1 }));
  const chargeOf = (charge: NonNullable<typeof story.report>['charges'][number] | undefined): LineageCharge | null => {
    if (charge === undefined || account === undefined) return null;
    return {
      reservation: charge.id,
      ledgerIndex: Number(/\d+$/.exec(charge.id)?.[0] ?? -1),
      privacyUnit: account.privacyUnit,
      relation: account.relation,
      delta: account.budget.delta,
      status: charge.status,
    };
  };
  let data: string[] = [];
  let test: string[] = [];
  const prepared = new Set<string>();
  for (const [index, leaf] of leaves.entries()) {
    const once = { startedAt: leaf.time, endedAt: leaf.time, outcome: 'complete' as const, leaf: index, charge: null };
    switch (leaf.kind) {
      case 'plan':
        model(leaf.modelDigest);
        break;
      case 'data': {
        const id = add({
          id: `data/${leaf.dataset}/${leaf.part}`,
          kind: 'data',
          version: `commitment:${leaf.commitment}`,
          rows: leaf.examples,
        });
        if (leaf.part === 'test') test = [...test, id];
        else data = [...data, id];
        break;
      }
      case 'preparation':
        prepared.add(leaf.lineageDigest);
        activities.push({
          ...once,
          id: `preparation/${leaf.lineageDigest.slice(0, 16)}`,
          kind: 'preparation',
          used: [],
          made: data,
        });
        break;
      case 'round-closed': {
        const opened = story.opened.get(leaf.attempt);
        activities.push({
          id: `round/${leaf.round}/attempt/${leaf.attempt}`,
          kind: 'round',
          startedAt: opened?.time ?? leaf.time,
          endedAt: leaf.time,
          outcome: leaf.outcome === 'committed' ? 'complete' : 'abort',
          used: [...data, ...(opened === undefined ? [] : [model(opened.modelDigest)])],
          made: leaf.outcome === 'committed' ? [model(leaf.modelDigest)] : [],
          charge: chargeOf(charges.get(leaf.attempt)),
          leaf: index,
        });
        break;
      }
      case 'steps':
        activities.push({
          ...once,
          id: `steps/${leaf.first}-${leaf.last}`,
          kind: 'round',
          used: [...data, model(leaf.startDigest)],
          made: [model(leaf.modelDigest)],
          charge: chargeOf(stepCharges.findLast(({ round }) => round !== null && round <= leaf.first)),
        });
        break;
      case 'evaluation': {
        if (leaf.accuracy === null) break;
        const made = add({
          id: `evaluation/${leaf.attempt}`,
          kind: 'evaluation',
          version: `sha256:${leaf.reportDigest}`,
        });
        const last = activities.findLast(({ kind, outcome }) => kind === 'round' && outcome === 'complete');
        activities.push({
          ...once,
          id: `evaluate/${leaf.attempt}`,
          kind: 'evaluation',
          used: [...test, ...(last?.made ?? [])],
          made: [made],
        });
        break;
      }
      case 'release':
        activities.push({
          ...once,
          id: `release/${index}`,
          kind: 'release',
          used: [model(leaf.modelDigest)],
          made: Object.entries(leaf.files)
            .filter(([name]) => name.endsWith('.safetensors'))
            .map(([name, digest]) =>
              add({ id: `file/${name}/${digest.slice(0, 16)}`, kind: 'model', version: `sha256:${digest}` }),
            ),
        });
        break;
      case 'answer':
        activities.push({
          ...once,
          id: `answer/${index}`,
          kind: 'answer',
          used: [model(leaf.modelDigest)],
          made: [add({ id: `answer/${leaf.request.slice(0, 16)}`, kind: 'answer', version: `sha256:${leaf.request}` })],
        });
        break;
      case 'erasure':
        activities.push({
          ...once,
          id: `erase/${index}`,
          kind: 'erasure',
          used: [],
          made: [
            add({ id: `erasure/${leaf.subject.slice(0, 16)}`, kind: 'erasure', version: `commitment:${leaf.subject}` }),
          ],
        });
        break;
      default:
        break;
    }
  }
  return {
    task: story.task.task,
    log: report.key ?? '',
    isPrivate: report.isPrivate && !report.seeded,
    epsilon: report.epsilon,
    entities: [...entities.values()],
    activities,
    preparations: preparations.flatMap((bytes) => readPreparation(bytes, prepared)),
  };
}

function readPreparation(bytes: Uint8Array, logged: ReadonlySet<string>): Readonly<Record<string, unknown>>[] {
  const digest = toHex(sha256(bytes));
  if (!logged.has(digest)) {
    throw new LineageError(
      'lineage/preparation-mismatch',
      `the log knows of no preparation with the lineage sha256:${digest}`,
    );
  }
  const events = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  return Array.isArray(events) ? (events as Record<string, unknown>[]) : [events as Record<string, unknown>];
}

/** A UUID that follows from a name: version 8 of [RFC9562], from SHA-256. */
export function uuidOf(name: string): string {
  const bytes = sha256(utf8(name)).slice(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
