/**
 * A participant's look at the parties that help to form a task's sums: their keys must be those that the task pins, and
 * where the own policy names whom it believes, theirs.
 *
 * @module
 */

import {
  type Assistance,
  assertAssistantsPinned,
  prepareAssistance,
  type TaskPlan,
} from '../../federation/rounds/index.ts';
import { fromHex, sha256, toHex } from '../../foundations/crypto/index.ts';
import { ClientError } from './errors.ts';
import type { ParticipantPolicy } from './policy.ts';

/**
 * Checks the assistants of a task and prepares for them; undefined where its sums need none.
 * @param fetchKey - gives the public key of a holder, of whom the task has a digest alone; undefined when told to stop.
 * @throws {@link ClientError} `client/policy-refused` when the policy does not name one of them; `RoundsError`
 * `rounds/offer-refused` when the task pins no key, or another.
 */
export async function agreeOnAssistants(
  plan: TaskPlan,
  { allowedAssistants }: Pick<ParticipantPolicy, 'allowedAssistants'>,
  fetchKey: (name: string) => Promise<Uint8Array | undefined>,
): Promise<Assistance | undefined> {
  const { aggregation } = plan;
  if (aggregation.kind !== 'shares' && aggregation.kind !== 'homomorphic') return undefined;
  assertAssistantsPinned(plan);
  const digests = new Map<string, string>();
  if (aggregation.kind === 'shares') {
    for (const { name, publicKey } of aggregation.servers) digests.set(name, toHex(sha256(fromHex(publicKey ?? ''))));
  } else digests.set(aggregation.holder.name, aggregation.holder.keyDigest ?? '');
  for (const [name, digest] of digests) {
    if (allowedAssistants === undefined || allowedAssistants.includes(digest)) continue;
    throw new ClientError(
      'client/policy-refused',
      `the policy refuses this task: allowedAssistants does not name ${name}, whose key has digest ${digest}`,
      { details: { field: 'allowedAssistants' } },
    );
  }
  const publicKeys: Record<string, Uint8Array> = {};
  if (aggregation.kind === 'shares') {
    for (const { name, publicKey } of aggregation.servers) publicKeys[name] = fromHex(publicKey ?? '');
  } else {
    const { name } = aggregation.holder;
    const key = await fetchKey(name);
    // Told to stop while it was asked: nothing will be encrypted.
    if (key === undefined) return undefined;
    publicKeys[name] = key;
  }
  return prepareAssistance(plan, { publicKeys });
}
