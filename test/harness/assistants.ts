/**
 * Assistants of small tasks: their places, the task file that pins their keys, and the servers behind addresses.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import {
  type AssistantServer,
  identifyAssistant,
  openAssistant,
  startAssistantServer,
} from '../../src/runtime/assistant-server/index.ts';
import { parseTaskFile } from '../../src/runtime/task/index.ts';
import { planRun, type RunPlan } from '../../src/runtime/training/federated/index.ts';
import { smallTask } from './service.ts';
import { freePort } from './start-coordinator.ts';

/** A task with assistants, and what they need. */
export interface AssistedTask {
  readonly text: string;
  readonly run: RunPlan;
  readonly home: string;
  readonly ports: Readonly<Record<string, number>>;
}

/** What a task with assistants is. */
interface AssistedOptions {
  readonly name: string;
  readonly rounds?: number;
  readonly stageTimeoutMs?: number;
  /** A task with any aggregation; a small one of three participants when left out. */
  readonly text?: string;
}

/** Writes a task around an aggregation of three at least; `aggregation` names the assistants. */
export function assistedText({ text, ...options }: AssistedOptions, aggregation: string): string {
  const { stageTimeoutMs = 3000 } = options;
  return (text ?? smallTask({ ...options, participants: 3 })).replace(
    /aggregation: .*/,
    `aggregation: { ${aggregation}, threshold: 3, stageTimeoutMs: ${stageTimeoutMs} }`,
  );
}

/** Reads a task file. */
function runOf(text: string): RunPlan {
  return planRun(parseTaskFile(text, { path: 'task' }), { inputShape: [6] });
}

const homes: string[] = [];
afterAll(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});

/** Makes keys for the assistants of a task and pins them; their folder goes with the test file. */
export async function pinAssistants(
  options: AssistedOptions,
  { kind, names }: { readonly kind: 'shares' | 'homomorphic'; readonly names: readonly string[] },
): Promise<AssistedTask> {
  const home = mkdtempSync(join(tmpdir(), 'sotto-assistants-'));
  homes.push(home);
  const write = (entries: readonly string[]): string =>
    assistedText(
      options,
      kind === 'shares' ? `kind: shares, servers: [${entries.join(', ')}]` : `kind: homomorphic, holder: ${entries[0]}`,
    );
  const unpinned = runOf(write(names.map((name) => `{ name: ${name} }`)));
  const ports: Record<string, number> = {};
  const entries: string[] = [];
  for (const name of names) {
    const { field, value } = (await identifyAssistant(unpinned, { home, name })).pin;
    ports[name] = await freePort();
    entries.push(`{ name: ${name}, ${field}: '${value}', url: 'http://127.0.0.1:${ports[name]}' }`);
  }
  const text = write(entries);
  return { text, run: runOf(text), home, ports };
}

/** Starts an assistant of a task at its port. */
export async function startAssistant(
  { run, home, ports }: AssistedTask,
  name: string,
  roster: 'told' | ReadonlyMap<string, Uint8Array> = 'told',
): Promise<AssistantServer> {
  const told = new Map<string, Uint8Array>();
  const opened = await openAssistant(run, { home, name, roster: roster === 'told' ? told : roster });
  return startAssistantServer(opened, {
    host: '127.0.0.1',
    port: ports[name] ?? 0,
    ...(roster === 'told' ? { toldRoster: told } : {}),
  });
}
