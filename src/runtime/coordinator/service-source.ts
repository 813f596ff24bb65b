/**
 * A coordinator's tasks as people see them.
 *
 * @module
 */

import { sha256, toHex } from '../../foundations/crypto/index.ts';
import { type ModelView, readLedgerView, type TaskTracker, type ViewSource } from '../view/index.ts';
import type { Service } from './service.ts';

/** Creates the source over a service. */
export function createServiceSource(service: Service, place: () => string): ViewSource {
  const shown = new Map<string, number>();

  /** Says what model there is; computed when somebody looks, not at each round. */
  function refreshModel(id: string, tracker: TaskTracker): void {
    const { round, parameters, accuracy, epsilon, privacy } = tracker.head();
    if (round === 0 || shown.get(id) === round) return;
    const bytes = service.task(id).model();
    const model: ModelView = {
      name: 'model.safetensors',
      round,
      sha256: toHex(sha256(bytes)),
      sizeBytes: bytes.length,
      parameters,
      accuracy,
      epsilon: privacy.trust === 'off' ? null : epsilon,
    };
    shown.set(id, round);
    tracker.setModels([model]);
  }

  const ids = (): string[] => service.tasks().map((task) => task.status().id);
  return {
    kind: 'coordinator',
    place,
    heads: () => ids().map((id) => service.tracker(id).head()),
    feeds: () => ids().map((id) => service.tracker(id).feed),
    async tracker(id) {
      const tracker = service.tracker(id);
      await nameParticipants(service, id, tracker);
      refreshModel(id, tracker);
      return tracker;
    },
    definition: async (id) => service.definition(id),
    ledger: async (id) => readLedgerView(await recordsOf(service, id)),
    ledgerFile: async (id) => {
      const lines = (await recordsOf(service, id)).map((record) => `${new TextDecoder().decode(record)}\n`);
      return new TextEncoder().encode(lines.join(''));
    },
    model: async (id) => ({ name: `${service.tracker(id).head().name}.safetensors`, bytes: service.task(id).model() }),
  };
}

async function recordsOf(service: Service, id: string): Promise<readonly Uint8Array[]> {
  service.task(id);
  return service.ledgerOf(id).read();
}

/** Puts what participants call themselves beside their pseudonyms. */
async function nameParticipants(service: Service, id: string, tracker: TaskTracker): Promise<void> {
  const unnamed = new Set(
    tracker
      .view()
      .participants.filter(({ label }) => label === '')
      .map((each) => each.id),
  );
  if (unnamed.size === 0) return;
  const rows = await service.db.selectFrom('participants').select(['id', 'label']).where('task_id', '=', id).execute();
  for (const row of rows)
    if (unnamed.has(row.id) && row.label !== '') tracker.participant(row.id, { label: row.label });
}
