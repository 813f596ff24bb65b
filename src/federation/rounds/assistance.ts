/**
 * What participants and coordinator have to know of the assistants of a task before the first round: the servers' keys, or
 * the key to encrypt to. What the task pins is checked here.
 *
 * @module
 */

import { equalBytes, fromHex, sha256, toHex } from '../../foundations/crypto/index.ts';
import { createSumEncryption, type EncryptedSum, type SharedSum, type SumEncryption } from '../assistants/index.ts';
import { RoundsError } from './errors.ts';
import type { TaskPlan } from './plan-types.ts';

/** Public keys as they travel. */
export interface AssistantKeys {
  /** X25519 keys by server, or the holder's serialised public key. */
  readonly publicKeys: Readonly<Record<string, Uint8Array>>;
}

/** Ready to use. */
export type Assistance =
  | { readonly kind: 'shares'; readonly sum: SharedSum }
  | { readonly kind: 'homomorphic'; readonly encryption: SumEncryption; readonly holder: string };

/** The parameters of an encrypted sum that follow from a plan. */
export function encryptedSumOf(plan: TaskPlan): EncryptedSum {
  if (plan.aggregation.kind !== 'homomorphic') throw new TypeError('the plan does not aggregate under encryption');
  const { scheme, keyBits } = plan.aggregation;
  const { bitWidth, entries, participants, digest: planDigest } = plan;
  return { scheme, keyBits, bitWidth, entries, participants, planDigest };
}

/** The parameters of a sum by shares that follow from a plan. */
export function sharedSumOf(plan: TaskPlan, { publicKeys }: AssistantKeys): SharedSum {
  if (plan.aggregation.kind !== 'shares') throw new TypeError('the plan does not aggregate by shares');
  const servers = plan.aggregation.servers.map(({ name, publicKey: pinned }) => {
    const publicKey = publicKeys[name];
    if (publicKey?.length !== 32) throw refuse(name, 'its key is missing');
    if (pinned !== null && !equalBytes(fromHex(pinned), publicKey))
      throw refuse(name, 'its key is not the one of the task');
    return { name, publicKey };
  });
  // Two names of one server would give it two shares.
  const distinct = new Set(servers.map(({ publicKey }) => toHex(publicKey)));
  if (distinct.size < servers.length) throw refuse('the servers of this task', 'two of them have the same key');
  const { bitWidth, entries, participants, digest: planDigest } = plan;
  return { bitWidth, entries, participants, servers, planDigest };
}

/**
 * Checks that a task names the keys of its assistants, as one between machines must: a key that only the coordinator tells
 * may be its own.
 * @throws {@link RoundsError} `rounds/offer-refused`, naming what is missing.
 */
export function assertAssistantsPinned({ aggregation }: Pick<TaskPlan, 'aggregation'>): void {
  const next =
    'run "sotto party assist TASK --name NAME --print-key" where it lives, and put what it prints in the task file';
  if (aggregation.kind === 'shares') {
    for (const { name, publicKey } of aggregation.servers)
      if (publicKey === null) throw refuse(name, `the task does not name its publicKey: ${next}`);
  } else if (aggregation.kind === 'homomorphic') {
    const { name, keyDigest } = aggregation.holder;
    if (keyDigest === null) throw refuse(name, `the task does not name its keyDigest: ${next}`);
  }
}

/**
 * Prepares a party for the assistants of a task; undefined where there are none.
 * @throws {@link RoundsError} `rounds/offer-refused` when a key is missing or not the one that the task pins.
 */
export async function prepareAssistance(
  plan: TaskPlan,
  keys: AssistantKeys | undefined,
): Promise<Assistance | undefined> {
  const { aggregation } = plan;
  if (aggregation.kind !== 'shares' && aggregation.kind !== 'homomorphic') return undefined;
  if (keys === undefined) throw refuse('the assistants of this task', 'no keys were given');
  if (aggregation.kind === 'shares') return { kind: 'shares', sum: sharedSumOf(plan, keys) };
  const { name, keyDigest } = aggregation.holder;
  const publicKey = keys.publicKeys[name];
  if (publicKey === undefined) throw refuse(name, 'its key is missing');
  if (keyDigest !== null && !equalBytes(fromHex(keyDigest), sha256(publicKey))) {
    throw refuse(name, 'its key is not the one of the task');
  }
  return { kind: 'homomorphic', encryption: await createSumEncryption(encryptedSumOf(plan), publicKey), holder: name };
}

function refuse(name: string, why: string): RoundsError {
  return new RoundsError('rounds/offer-refused', `${name}: ${why}`, { details: { participants: [name] } });
}
