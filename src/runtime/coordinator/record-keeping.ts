/**
 * Who may do what at a coordinator, and the record of it: access control over the database, the installation's own log,
 * and the logs of the tasks that an act is about.
 *
 * @module
 */

import { createSystemRng } from '../../foundations/random/index.ts';
import {
  type AccessControl,
  type AccessRecord,
  type AccessStore,
  createAccessControl,
  type Principal,
} from '../../trust/access/index.ts';
import { createAccessTables, type Database } from '../storage/database/index.ts';
import type { ObjectStore } from '../storage/objects/index.ts';
import {
  INSTALLATION_LOG,
  type InstallationLog,
  openInstallationLog,
  readInstallationLog,
} from './installation-log.ts';
import { OPERATOR, OPERATOR_RIGHTS } from './operator-rights.ts';
import type { Registry } from './registry.ts';
import type { ServedLog } from './served-log.ts';
import type { Witnessing } from './witnessing.ts';

/** Access control and its record. */
export interface RecordKeeping {
  readonly access: AccessControl;
  readonly store: AccessStore;
  /** Who shows a bearer token: the operator's, or an API token. @throws {@link CoordinatorError} or `AccessError`. */
  bearer(header: string | undefined): Promise<Principal>;
  /** Writes an administrative act down. */
  audit(actor: string, action: string, subject: string, detail?: string): Promise<void>;
  /** A file of the installation's log, or its key; undefined where nothing is logged. */
  logFile(path: string): Promise<Uint8Array | undefined>;
  /** Puts into the installation's log what waits: looks, and what other nodes have written down. */
  tick(): Promise<void>;
  /** Begins to write the installation's log. */
  open(): Promise<void>;
  /** Another node writes it now. */
  drop(): void;
  /** Writes what waits. */
  close(): Promise<void>;
}

/** Creates it. `logs` are those of the tasks that are served here. */
export function createRecordKeeping({
  db,
  objects,
  registry,
  seed,
  logs,
  fourEyes,
  now = () => Date.now(),
  witnessing,
  onFailure,
}: {
  readonly db: Database;
  readonly objects: ObjectStore;
  readonly registry: Registry;
  /** Of the logs; without it the database is the only record. */
  readonly seed: Uint8Array | undefined;
  readonly logs: () => ReadonlyMap<string, ServedLog>;
  readonly fourEyes: boolean;
  readonly now?: (() => number) | undefined;
  readonly witnessing?: Witnessing | undefined;
  readonly onFailure: (error: unknown) => void;
}): RecordKeeping {
  let installation: InstallationLog | undefined;
  const store = createAccessTables(db);

  /** Records a decision in the log of the installation, and in those of the tasks it is about. */
  async function logAccess(record: AccessRecord): Promise<void> {
    const cut = record.resource.indexOf(':');
    const [kind, id] = [record.resource.slice(0, cut), record.resource.slice(cut + 1)];
    const all = logs();
    // A model goes by the name of its task; what is about the installation is about every task.
    const about = kind === 'task' || kind === 'model' ? [all.get(id)] : [...all.values()];
    for (const log of about) await log?.access(record);
    if (!record.allowed || !record.action.endsWith('.view')) await catchUp();
  }

  async function catchUp(): Promise<void> {
    if (installation === undefined) return;
    const { writer } = installation;
    const before = writer.size();
    await installation.catchUp();
    if (writer.size() > before) witnessing?.ask(INSTALLATION_LOG, writer);
  }

  const access = createAccessControl({
    store,
    clock: () => new Date(now()),
    rng: createSystemRng(),
    onRecord: logAccess,
    fourEyes,
    standing: OPERATOR_RIGHTS,
    withinOf: (model) => [{ kind: 'task', id: model }],
  });

  return {
    store,
    access,
    async bearer(header) {
      const token = /^Bearer (sotto_[0-9a-f_]{1,120})$/.exec(header ?? '')?.[1];
      if (token !== undefined) return access.authenticate(token);
      registry.assertOperator(header);
      return OPERATOR;
    },
    async audit(actor, action, subject, detail = '') {
      await db
        .insertInto('audit_events')
        .values({ at: new Date(now()), actor, action, subject, detail })
        .execute();
      await logs().get(subject)?.administrative(actor, action, detail);
      await catchUp();
    },
    logFile: async (path) => (seed === undefined ? undefined : readInstallationLog(path, { objects, seed })),
    async open() {
      if (seed === undefined) return;
      installation = await openInstallationLog({ db, objects, seed, clock: () => new Date(now()) });
      await catchUp();
    },
    tick: catchUp,
    drop() {
      installation = undefined;
    },
    async close() {
      await installation?.catchUp().catch(onFailure);
      installation = undefined;
    },
  };
}
