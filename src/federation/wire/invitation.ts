/**
 * The link a person is invited with. Task and token stand behind the `#`, which no browser sends to a server and no
 * server writes into a log.
 *
 * @module
 */

import { WireError } from './errors.ts';

/** What a link says. */
export interface Invitation {
  readonly taskId: string;
  /** Lets one participant join; spent by the first that does. */
  readonly token: string;
}

/** Where the coordinator serves the participant page. */
export const PARTICIPANT_PAGE_PATH = '/participant/';

const TASK = /^[A-Za-z0-9._-]{1,120}$/;
const TOKEN = /^[A-Za-z0-9_-]{8,200}$/;

/** Makes the link of an invitation. `url` is the coordinator's address. */
export function formatInvitationLink(url: string, { taskId, token }: Invitation): string {
  const fields = new URLSearchParams({ task: taskId, token });
  return `${url.replace(/\/+$/, '')}${PARTICIPANT_PAGE_PATH}#${fields.toString()}`;
}

/**
 * Reads the part of a link behind the `#`.
 * @throws {@link WireError} `wire/malformed` when it is not an invitation.
 */
export function parseInvitationFragment(fragment: string): Invitation {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const taskId = fields.get('task') ?? '';
  const token = fields.get('token') ?? '';
  if (!TASK.test(taskId) || !TOKEN.test(token)) {
    throw new WireError(
      'wire/malformed',
      'the link is not an invitation: it must end in #task=…&token=…; ask for it again',
    );
  }
  return { taskId, token };
}
