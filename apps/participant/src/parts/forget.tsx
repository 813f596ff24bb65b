import { useRef } from 'preact/hooks';

import { forget } from '../state.ts';

/** Takes everything away, after asking once. */
export function Forget() {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <button type="button" class="button danger" onClick={() => dialog.current?.showModal()}>
        Forget everything
      </button>
      <dialog ref={dialog} aria-labelledby="forget-title">
        <h2 id="forget-title">Forget everything?</h2>
        <p>
          This leaves the task and erases from this browser: your identity key, your ledger, your receipts, the list of
          tasks and the kept page. It cannot be undone, and you would need a new invitation. Save ledger and receipts
          first if you want to keep them.
        </p>
        <p class="actions">
          <button
            type="button"
            class="button danger"
            onClick={() => {
              dialog.current?.close();
              void forget();
            }}
          >
            Forget everything
          </button>
          <button type="button" class="button quiet" onClick={() => dialog.current?.close()}>
            Keep
          </button>
        </p>
      </dialog>
    </>
  );
}
