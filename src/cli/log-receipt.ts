/**
 * The receipt that a participant takes home from a coordinator's log: fetched when it leaves, checked against the key it
 * saw first and against what the participant did, and kept beside its own ledger.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';

import type { SigningKey } from '../foundations/crypto/index.ts';
import { createSystemRng } from '../foundations/random/index.ts';
import { signRequest } from '../federation/wire/index.ts';
import { writeFileAtomic } from '../runtime/storage/index.ts';
import {
  findContradictions,
  findMiscounts,
  type KnownRound,
  LogError,
  parseReceipt,
  parseVerifierKey,
  verifyReceipt,
} from '../trust/log/index.ts';

/** Fetches, checks and keeps the receipt. Returns what there is to say; nothing where the coordinator keeps no log. */
export async function keepLogReceipt({
  url,
  taskId,
  key,
  files,
  known,
  fetch: send = fetch,
}: {
  readonly url: string;
  readonly taskId: string;
  readonly key: SigningKey;
  /** Paths to write; the key is written once and compared from then on. */
  readonly files: { readonly receipt: string; readonly logKey: string };
  /** The rounds that the participant took part in, as its own receipts have them. */
  readonly known: readonly KnownRound[];
  readonly fetch?: typeof fetch | undefined;
}): Promise<string | undefined> {
  const get = async (name: string): Promise<Uint8Array | undefined> => {
    const address = new URL(`${url}/v1/tasks/${encodeURIComponent(taskId)}/${name}`);
    const request = { method: 'GET', path: address.pathname, body: new Uint8Array() };
    const authorization = signRequest(request, { key, timeMs: Date.now() }, createSystemRng());
    const response = await send(address, { headers: { authorization } }).catch(() => undefined);
    return response?.ok === true ? new Uint8Array(await response.arrayBuffer()) : undefined;
  };
  const shown = await get('log.vkey');
  const receipt = await get('receipt');
  if (shown === undefined || receipt === undefined) return undefined;
  const text = new TextDecoder().decode(shown).trim();
  if (!existsSync(files.logKey)) writeFileAtomic(files.logKey, `${text}\n`);
  const keyText = readFileSync(files.logKey, 'utf8').trim();
  try {
    const { rounds, checkpoint } = verifyReceipt(parseReceipt(receipt), { verifiers: [parseVerifierKey(keyText)] });
    writeFileAtomic(files.receipt, receipt);
    const [wrong] = [...findMiscounts(rounds), ...findContradictions(rounds, known)];
    if (wrong !== undefined) {
      return `THE COORDINATOR’S LOG IS NOT TRUE: ${wrong}. Show an auditor ${files.receipt} and your own receipts`;
    }
    return `log receipt: ${rounds.length} rounds proven in ${checkpoint.origin} at ${checkpoint.size} leaves`;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return `the coordinator’s log receipt does not hold (${error.code}): ${error.message}. Keep ${files.logKey}`;
  }
}
