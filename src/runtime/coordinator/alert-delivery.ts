/**
 * Delivers alerts to sinks: each has a queue of its own, and what one did not take is tried again at the next occasion, in
 * order, so that an alert outlives a receiver that was away.
 *
 * @module
 */

import type { AlertSink, MonitorStep } from '../../trust/monitoring/index.ts';

type Step = Pick<MonitorStep, 'raised' | 'resolved'>;

/** Delivers alerts. */
export interface AlertDelivery {
  /** Queues what is new, where there is something, and tries everything that waits. */
  deliver(step?: Step): Promise<void>;
}

/** Steps that wait for a sink at most; the oldest go first. */
const MAX_WAITING = 200;

/** Creates it. `failed` is told of every sink that did not take what it was given. */
export function createAlertDelivery(
  sinks: readonly AlertSink[],
  failed: (sink: string, error: unknown, waiting: number) => void,
): AlertDelivery {
  const queues = sinks.map((sink) => ({ sink, waiting: [] as Step[], busy: false }));
  async function drain(queue: (typeof queues)[number]): Promise<void> {
    if (queue.busy) return;
    queue.busy = true;
    try {
      for (let [next] = queue.waiting; next !== undefined; [next] = queue.waiting) {
        await queue.sink.deliver(next);
        queue.waiting.shift();
      }
    } catch (error) {
      failed(queue.sink.name, error, queue.waiting.length);
    } finally {
      queue.busy = false;
    }
  }
  return {
    async deliver(step) {
      for (const { waiting } of queues) {
        if (step !== undefined && step.raised.length + step.resolved.length > 0) waiting.push(step);
        // What is being delivered stands first and stays.
        if (waiting.length > MAX_WAITING) waiting.splice(1, waiting.length - MAX_WAITING);
      }
      await Promise.all(queues.map(drain));
    },
  };
}
