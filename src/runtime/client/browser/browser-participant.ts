/**
 * A participant for a page: calls that are answered by the worker behind it, and events.
 *
 * @module
 */

import { ClientError, type ClientErrorCode } from '../errors.ts';
import type { HostAnswers, HostEvent, HostMessage, HostRequest } from './messages.ts';

/** The participant as a page calls it. */
export interface BrowserParticipant {
  /**
   * Asks the worker.
   * @throws {@link ClientError} with the code of what went wrong.
   */
  call<K extends HostRequest['kind']>(
    kind: K,
    fields: Omit<Extract<HostRequest, { kind: K }>, 'kind'>,
  ): Promise<HostAnswers[K]>;
  /** Ends the worker at once; what was charged stays charged. */
  end(): void;
}

/** Starts the worker. */
export function createBrowserParticipant(onEvent: (event: HostEvent) => void): BrowserParticipant {
  const worker = new Worker(new URL('./participant-worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let last = 0;
  worker.onmessage = ({ data }: MessageEvent<HostMessage>) => {
    if ('event' in data) return onEvent(data.event);
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.ok) asked?.resolve(data.value);
    else asked?.reject(new ClientError(data.code as ClientErrorCode, data.message));
  };
  worker.onerror = () => {
    const error = new ClientError('client/storage', 'the worker that takes part could not start: reload the page');
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  return {
    call: (kind, fields) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve: resolve as (value: unknown) => void, reject });
        worker.postMessage({ id: last, request: { kind, ...fields } });
      }),
    end: () => worker.terminate(),
  };
}
