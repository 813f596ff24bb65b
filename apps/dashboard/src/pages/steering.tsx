/** What an operator does with a task: pause, resume, stop, invite. */

import { useState } from 'preact/hooks';

import type { TaskHead } from '../../../../src/runtime/view/task-view.ts';
import { send } from '../api.ts';
import { formatTime } from '../format.ts';
import { Problem, useActs } from '../parts/acts.tsx';
import { Confirm, Dialog } from '../parts/dialog.tsx';
import { Qr } from '../parts/qr.tsx';
import { permissions } from '../session.ts';

interface Invitation {
  readonly link: string;
  readonly command: string;
  readonly expiresAt: string;
}

export function Steering({ head }: { head: TaskHead }) {
  const { busy, problem, act } = useActs();
  const [invitation, setInvitation] = useState<Invitation | undefined>(undefined);
  const [stopping, setStopping] = useState(false);
  const can = permissions(head.id);
  if (!can.steer && !can.invite) return null;
  const path = `/tasks/${encodeURIComponent(head.id)}`;

  const isOpen = head.state === 'running' || head.state === 'paused' || head.state === 'preparing';
  return (
    <div>
      <div class="actions">
        {can.steer && head.state === 'paused' && (
          <button type="button" disabled={busy} onClick={() => act(send('POST', `${path}/resume`))}>
            Resume
          </button>
        )}
        {can.steer && isOpen && head.state !== 'paused' && (
          <button type="button" disabled={busy} onClick={() => act(send('POST', `${path}/pause`))}>
            Pause
          </button>
        )}
        {can.steer && isOpen && (
          <button type="button" class="danger" disabled={busy} onClick={() => setStopping(true)}>
            Stop
          </button>
        )}
        {can.invite && isOpen && (
          <button
            type="button"
            class="main"
            disabled={busy}
            onClick={() => act(send<Invitation>('POST', `${path}/invitations`), setInvitation)}
          >
            Invite
          </button>
        )}
      </div>
      <Problem text={problem} />
      {invitation !== undefined && (
        <Dialog title="An invitation" onClose={() => setInvitation(undefined)}>
          <p class="soft">
            It lets one participant join, until {formatTime(invitation.expiresAt)}. It is shown once: send it by a way
            you trust.
          </p>
          <Qr text={invitation.link} />
          <label class="field">
            <span>Link for a person</span>
            <input readOnly value={invitation.link} onFocus={(event) => event.currentTarget.select()} />
          </label>
          <label class="field">
            <span>Command for a server</span>
            <input readOnly value={invitation.command} onFocus={(event) => event.currentTarget.select()} />
          </label>
          <div class="actions">
            <button type="button" class="main" onClick={() => void navigator.clipboard?.writeText(invitation.link)}>
              Copy the link
            </button>
            <button type="button" onClick={() => setInvitation(undefined)}>
              Done
            </button>
          </div>
        </Dialog>
      )}
      {stopping && (
        <Confirm
          title="Stop this task?"
          act="Stop the task"
          keep="Let it go on"
          onAct={() => act(send('POST', `${path}/stop`))}
          onClose={() => setStopping(false)}
        >
          <p>
            The model stays as it is after the last committed round; what was charged stays charged. It cannot go on
            later.
          </p>
        </Confirm>
      )}
    </div>
  );
}
