/**
 * The coordinator runs small tasks in a process of its own, so that a test can kill it between any two writes.
 * Usage: `node coordinator-process.ts FOLDER PORT` with the task on standard input; `DATABASE_URL` and
 * `SOTTO_FAULT_POINT` as for the real service.
 *
 * @module
 */

import { readFileSync } from 'node:fs';

import { serve } from '../../src/runtime/coordinator/index.ts';

const [folder = '', port = '0'] = process.argv.slice(2);
const text = readFileSync(0, 'utf8');
const [name, count = '1'] = (process.env.SOTTO_FAULT_POINT ?? '').split(':');
let left = Number(count);

const served = await serve({
  folder,
  host: '127.0.0.1',
  port: Number(port),
  ...(process.env.DATABASE_URL === undefined ? {} : { databaseUrl: process.env.DATABASE_URL }),
  factsOf: (task) => Promise.resolve({ inputShape: task.model.input ?? [6] }),
  log: () => {},
  onWrite(point) {
    if (point !== name) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  },
});
const wanted = /task: (\S+)/.exec(text)?.[1];
const known = served.service.tasks().find((task) => task.status().name === wanted);
const task = known ?? (await served.service.createTask(text));
const { id } = task.status();
const tokens: string[] = [];
const seats = Number(/participants: (\d+)/.exec(text)?.[1] ?? 4);
if (known === undefined) for (let i = 0; i < seats; i += 1) tokens.push((await served.service.invite(id)).token);
process.stdout.write(`${JSON.stringify({ url: served.url, task: id, tokens })}\n`);
