/**
 * An assistant of one task in a folder of its own: its key, which nobody else reads, and the attempts it has answered.
 * Both are made together, before the task that pins the key is complete; a key without its memory is not used again.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import {
  type Assistant,
  createHolderKeys,
  createKeyHolderAssistant,
  createServerAssistant,
  publicKeyOfHolder,
} from '../../federation/assistants/index.ts';
import { encryptedSumOf, sharedSumOf, type TaskPlan } from '../../federation/rounds/index.ts';
import { createAgreementKey, fromHex, sha256, toHex } from '../../foundations/crypto/index.ts';
import { loadOrCreateKey, readFileOf, StorageError, writeFileAtomic } from '../storage/index.ts';
import type { RunPlan } from '../training/federated/index.ts';
import { createAnsweredFile, openAnsweredFile } from './answered-file.ts';

/** Where an assistant lives. */
export interface AssistantPlace {
  /** Folder for key and memory. */
  readonly home: string;
  /** Its name in the task. */
  readonly name: string;
}

/** What others know an assistant by. */
export interface AssistantIdentity {
  readonly name: string;
  readonly kind: 'aggregation-server' | 'key-holder';
  readonly publicKey: Uint8Array;
  /** SHA-256 of the public key. */
  readonly keyDigest: Uint8Array;
  /** The key as the task file takes it. */
  readonly pin: { readonly field: 'publicKey' | 'keyDigest'; readonly value: string };
}

/** An assistant that can be asked. */
export interface OpenAssistant extends AssistantIdentity {
  readonly assistant: Assistant;
  /** Fewest contributors of a sum that it opens. */
  readonly minContributors: number;
}

/** Names of the assistants of a plan, with the key that the task pins for each. */
function pinsOf({ aggregation }: TaskPlan): ReadonlyMap<string, string | null> {
  if (aggregation.kind === 'shares')
    return new Map(aggregation.servers.map(({ name, publicKey }) => [name, publicKey]));
  if (aggregation.kind === 'homomorphic') return new Map([[aggregation.holder.name, aggregation.holder.keyDigest]]);
  return new Map();
}

/** The name that is meant; the only one of the task when none was said. @throws {RangeError} for another. */
export function resolveAssistantName(plan: TaskPlan, name: string | undefined): string {
  const names = [...pinsOf(plan).keys()];
  if (names.length === 0) throw new RangeError(`aggregation ${plan.aggregation.kind} needs no assistants`);
  const meant = name ?? (names.length === 1 ? names[0] : undefined);
  if (meant !== undefined && names.includes(meant)) return meant;
  throw new RangeError(`"name" must be one of ${names.join(', ')}, got ${meant ?? 'none'}`);
}

const filesOf = ({ home, name }: AssistantPlace) => ({
  key: join(home, `${name}.key`),
  answered: join(home, `${name}.answered`),
});

/** Makes the key of an assistant, or reads the one that is there. */
async function loadKey({ plan }: RunPlan, place: AssistantPlace): Promise<AssistantIdentity & { secret: Uint8Array }> {
  const files = filesOf(place);
  const { name } = place;
  if (!existsSync(files.key)) {
    mkdirSync(place.home, { recursive: true, mode: 0o700 });
    createAnsweredFile(files.answered);
    if (plan.aggregation.kind === 'homomorphic')
      writeFileAtomic(files.key, await createHolderKeys(encryptedSumOf(plan)), { mode: 0o600 });
  }
  if (plan.aggregation.kind === 'homomorphic') {
    const secret = readFileOf(files.key, 'the key of a key holder');
    const publicKey = publicKeyOfHolder(secret);
    const keyDigest = sha256(publicKey);
    return {
      name,
      kind: 'key-holder',
      publicKey,
      keyDigest,
      pin: { field: 'keyDigest', value: toHex(keyDigest) },
      secret,
    };
  }
  const secret = loadOrCreateKey(files.key);
  const { publicKey } = createAgreementKey(secret);
  const pin = { field: 'publicKey', value: toHex(publicKey) } as const;
  return { name, kind: 'aggregation-server', publicKey, keyDigest: sha256(publicKey), pin, secret };
}

/** Makes the key of an assistant, if there is none, and says what the task file must name. */
export async function identifyAssistant(run: RunPlan, place: AssistantPlace): Promise<AssistantIdentity> {
  const { secret: _, ...open } = await loadKey(run, place);
  return open;
}

/**
 * Opens an assistant.
 * @param options - `roster`: identity keys by participant; it may grow while the assistant works.
 * `minContributors` raises the task's floor for a sum, and never lowers it.
 * @throws {@link StorageError} when the task pins no key, another one, or the memory of answered attempts is gone.
 */
export async function openAssistant(
  run: RunPlan,
  {
    roster,
    minContributors: floor = 0,
    ...place
  }: AssistantPlace & {
    readonly roster: ReadonlyMap<string, Uint8Array>;
    readonly minContributors?: number | undefined;
  },
): Promise<OpenAssistant> {
  const { plan, taskId } = run;
  const { name } = place;
  const pinned = pinsOf(plan).get(name);
  const { secret, ...identity } = await loadKey(run, place);
  const { field, value: own } = identity.pin;
  if (pinned !== own) {
    throw new StorageError(
      'storage/unreadable',
      `the task ${pinned === null ? 'names no key' : 'names another key'} for ${name}: put ${field}: ${own} there, the same for everybody`,
    );
  }
  const answered = openAnsweredFile(filesOf(place).answered);
  const { aggregation } = plan;
  const fewest = aggregation.kind === 'shares' || aggregation.kind === 'homomorphic' ? aggregation.minSurvivors : 2;
  const minContributors = Math.max(fewest, floor);
  const common = { name, taskId, minContributors, answered };
  if (identity.kind === 'key-holder') {
    const sum = encryptedSumOf(plan);
    return {
      ...identity,
      minContributors,
      assistant: await createKeyHolderAssistant({ ...common, sum, roster, keys: secret }),
    };
  }
  const publicKeys = Object.fromEntries(
    [...pinsOf(plan)].flatMap(([server, key]) => (key === null ? [] : [[server, fromHex(key)] as const])),
  );
  const sum = sharedSumOf(plan, { publicKeys });
  return {
    ...identity,
    minContributors,
    assistant: createServerAssistant({ ...common, sum, roster, privateKey: secret }),
  };
}
