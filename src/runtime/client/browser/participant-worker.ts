/**
 * The worker a page takes part in: nothing but the host behind a message port, so that training never stops the page.
 *
 * @module
 */

import { SottoError } from '../../../foundations/numerics/index.ts';
import type { HostCall, HostMessage } from './messages.ts';
import { createParticipantHost } from './participant-host.ts';

const port = globalThis as unknown as {
  onmessage: ((event: { data: HostCall }) => void) | null;
  postMessage(message: HostMessage, transfer?: Transferable[]): void;
};

const host = createParticipantHost((event) => port.postMessage({ event }));

port.onmessage = ({ data: { id, request } }) => {
  host.handle(request).then(
    (value) => port.postMessage({ id, ok: true, value }),
    (error: unknown) =>
      port.postMessage({
        id,
        ok: false,
        code: error instanceof SottoError ? error.code : 'internal',
        message: error instanceof Error ? error.message : 'something went wrong',
      }),
  );
};
