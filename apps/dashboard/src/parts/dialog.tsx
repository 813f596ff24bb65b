/** Dialogs: something to read, and a question before something that is not taken back. */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** Something to read or copy, over the page; Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title}>
      <div class="stack">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/** Asks before an act: what will happen is its content. The focus begins where nothing happens. */
export function Confirm({
  title,
  act,
  keep,
  onAct,
  onClose,
  children,
}: {
  title: string;
  /** Name of the act, as on its button. */
  act: string;
  /** Name of leaving it. */
  keep: string;
  onAct: () => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {/* Closed by the browser, which gives the focus back to the button that asked. */}
      <form method="dialog" class="actions">
        <button type="submit" class="danger" onClick={onAct}>
          {act}
        </button>
        <button type="submit" autofocus>
          {keep}
        </button>
      </form>
    </Dialog>
  );
}
