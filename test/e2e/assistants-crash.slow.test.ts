/**
 * `kill -9` of the coordinator while it waits for those who help to form a sum: whether they have answered by then or
 * not, they are asked the very same again, answer the same, and every round is committed once.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { decodeRequest } from '../../src/federation/assistants/index.ts';
import { participantIdOf } from '../../src/federation/wire/index.ts';
import { createSigningKey, sha256, toHex } from '../../src/foundations/crypto/index.ts';
import { readEntropy } from '../../src/foundations/random/index.ts';
import { type AssistantServer, openAssistant, startAssistantServer } from '../../src/runtime/assistant-server/index.ts';
import { type AssistedTask, pinAssistants } from '../harness/assistants.ts';
import { startParticipant } from '../harness/service.ts';
import { freePort, startCoordinator, type StartedCoordinator } from '../harness/start-coordinator.ts';

const ROUNDS = 2;

/** When the coordinator dies: an assistant has its question and has not begun, or its answer is ready to be sent. */
type Moment = 'asked' | 'answered';

/** Requests and answers by attempt, as an assistant saw them; digests. */
type Seen = { attempt: number; request: string; answer: string }[];

/** Starts an assistant that kills at its first question. */
async function startFatal(
  { run, home, ports }: AssistedTask,
  {
    name,
    roster,
    moment,
    kill,
  }: {
    name: string;
    roster: ReadonlyMap<string, Uint8Array>;
    moment: Moment | undefined;
    kill: () => Promise<unknown>;
  },
): Promise<{ server: AssistantServer; seen: Seen }> {
  const opened = await openAssistant(run, { home, name, roster });
  const seen: Seen = [];
  let left = moment === undefined ? 0 : 1;
  const assistant = {
    ...opened.assistant,
    async answer(bytes: Uint8Array) {
      const isFirst = left > 0;
      left = 0;
      if (isFirst && moment === 'asked') await kill();
      const answer = await opened.assistant.answer(bytes);
      const { attempt } = decodeRequest(bytes);
      seen.push({ attempt, request: toHex(sha256(bytes)), answer: toHex(sha256(answer)) });
      if (isFirst && moment === 'answered') await kill();
      return answer;
    },
  };
  const options = { host: '127.0.0.1', port: ports[name] ?? 0 };
  return { server: await startAssistantServer({ ...opened, assistant }, options), seen };
}

async function survives(
  kind: 'shares' | 'homomorphic',
  { names, fatal, moment }: { names: readonly string[]; fatal: string; moment: Moment },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-crash-'));
  const assisted = await pinAssistants(
    { name: `crash-${kind}-${moment}-${fatal}`, rounds: ROUNDS, stageTimeoutMs: 30_000 },
    { kind, names },
  );
  const seeds = Array.from({ length: 3 }, () => readEntropy(32));
  const keys = seeds.map((seed) => createSigningKey(seed).publicKey);
  const roster = new Map(keys.map((key) => [participantIdOf(key), key]));
  let first: StartedCoordinator | undefined;
  const kill = () => {
    first?.child.kill('SIGKILL');
    return first?.ended ?? Promise.resolve();
  };
  const helpers = await Promise.all(
    names.map((name) => startFatal(assisted, { name, roster, moment: name === fatal ? moment : undefined, kill })),
  );
  const port = await freePort();
  first = startCoordinator(folder, port, assisted.text);
  let second: StartedCoordinator | undefined;
  try {
    const { url, task, tokens } = await first.ready;
    const participants = seeds.map((keySeed, i) =>
      startParticipant(`p${i}`, {
        url,
        taskId: task,
        token: tokens[i] as string,
        keySeed,
        policy: { trust: ['nobody'], maxEpsilon: 10 },
      }),
    );
    expect(await first.ended).toBe('SIGKILL');
    second = startCoordinator(folder, port, assisted.text);
    await second.ready;
    await Promise.all(participants.map(({ finished }) => finished));
    for (const { events } of participants) {
      const committed = events.flatMap((event) =>
        event.kind === 'round' && event.outcome === 'committed' ? [event.round] : [],
      );
      expect(committed).toEqual([1, 2]);
    }
    for (const [i, { seen }] of helpers.entries()) {
      const attempts = new Map<number, Set<string>>();
      for (const { attempt, request, answer } of seen) {
        const known = attempts.get(attempt) ?? new Set();
        attempts.set(attempt, known.add(`${request} ${answer}`));
      }
      // The same question and the same answer, however often, and as many attempts as rounds: none was lost.
      expect([...attempts.values()].map(({ size }) => size)).toEqual([1, 1]);
      const written = readFileSync(join(assisted.home, `${names[i]}.answered`), 'utf8')
        .trim()
        .split('\n');
      expect(written).toHaveLength(ROUNDS);
      if (names[i] === fatal) expect(seen.length).toBeGreaterThan(ROUNDS);
    }
  } finally {
    for (const started of [first, second]) started?.child.kill('SIGKILL');
    await Promise.all([first.ended, second?.ended]);
    await Promise.all(helpers.map(({ server }) => server.close()));
    for (const path of [folder, assisted.home]) rmSync(path, { recursive: true, force: true });
  }
}

describe('a coordinator killed between asking an assistant and its answer', () => {
  const moments = [
    ['been asked', 'asked'],
    ['answered', 'answered'],
  ] as const;

  it.each(moments)('finishes a task by aggregation servers, the first of which had %s', (_, moment) =>
    survives('shares', { names: ['north', 'south'], fatal: 'north', moment }),
  );

  it.each(moments)('finishes a task by aggregation servers, the last of which had %s', (_, moment) =>
    survives('shares', { names: ['north', 'south'], fatal: 'south', moment }),
  );

  it.each(moments)('finishes a task under encryption whose key holder had %s', (_, moment) =>
    survives('homomorphic', { names: ['holder'], fatal: 'holder', moment }),
  );
});
