/**
 * The assistants of a simulated task: aggregation servers or the holder of a key, each with keys of its own that live as
 * long as the process. They are asked over the virtual network like everybody else.
 *
 * @module
 */

import {
  type Assistant,
  createAnsweredAttempts,
  createKeyHolderAssistant,
  createServerAssistant,
} from '../../federation/assistants/index.ts';
import {
  type Assistance,
  type AssistantKeys,
  encryptedSumOf,
  prepareAssistance,
  sharedSumOf,
  type TaskPlan,
} from '../../federation/rounds/index.ts';
import { createAgreementKey, createSigningKey } from '../../foundations/crypto/index.ts';
import type { Rng } from '../../foundations/random/index.ts';

/** Everything a simulated task needs of its assistants. */
export interface SimulatedAssistants {
  readonly assistants: ReadonlyMap<string, Assistant>;
  /** What participants are told. */
  readonly keys: AssistantKeys;
  /** What the coordinator works with. */
  readonly assistance: Assistance | undefined;
  /** Seeds of the participants' identities, and the roster of their public keys. */
  readonly identitySeeds: ReadonlyMap<string, Uint8Array>;
  readonly roster: ReadonlyMap<string, Uint8Array>;
}

/** Makes the assistants of a task; undefined where its sums need none. */
export async function startAssistants(
  { plan, taskId, ids }: { readonly plan: TaskPlan; readonly taskId: string; readonly ids: readonly string[] },
  rng: Rng,
): Promise<SimulatedAssistants | undefined> {
  const { aggregation } = plan;
  if (aggregation.kind !== 'shares' && aggregation.kind !== 'homomorphic') return undefined;
  const identitySeeds = new Map(ids.map((id) => [id, rng.bytes(32)]));
  const roster = new Map([...identitySeeds].map(([id, seed]) => [id, createSigningKey(seed).publicKey]));
  const common = { taskId, minContributors: aggregation.minSurvivors };
  const finish = async (assistants: readonly Assistant[], publicKeys: Readonly<Record<string, Uint8Array>>) => ({
    assistants: new Map(assistants.map((assistant) => [assistant.name, assistant])),
    keys: { publicKeys },
    assistance: await prepareAssistance(plan, { publicKeys }),
    identitySeeds,
    roster,
  });
  if (aggregation.kind === 'homomorphic') {
    const { name } = aggregation.holder;
    const sum = encryptedSumOf(plan);
    const holder = await createKeyHolderAssistant({ ...common, sum, name, roster, answered: createAnsweredAttempts() });
    return finish([holder], { [name]: holder.publicKey });
  }
  const privateKeys = new Map(aggregation.servers.map(({ name }) => [name, rng.bytes(32)]));
  const publicKeys = Object.fromEntries(
    [...privateKeys].map(([name, key]) => [name, createAgreementKey(key).publicKey]),
  );
  const sum = sharedSumOf(plan, { publicKeys });
  const servers = [...privateKeys].map(([name, privateKey]) =>
    createServerAssistant({ ...common, sum, name, privateKey, roster, answered: createAnsweredAttempts() }),
  );
  return finish(servers, publicKeys);
}
