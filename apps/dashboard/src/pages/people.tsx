/** Who may do what here: accounts, their roles, and the record of what was decided. */

import { useState } from 'preact/hooks';

import { getJson, messageOf, send } from '../api.ts';
import { formatTime } from '../format.ts';
import { Async, useLoaded } from '../parts/async.tsx';
import { isAlone, loadSession, permissions, session } from '../session.ts';

interface Person {
  readonly id: string;
  readonly name: string;
  readonly subject: string;
  readonly disabled: boolean;
  readonly grants: readonly { readonly id: string; readonly role: string; readonly scope: string }[];
}

const ROLES = ['viewer', 'operator', 'owner', 'auditor'] as const;
const ROLE_WORDS: Readonly<Record<(typeof ROLES)[number], string>> = {
  viewer: 'sees tasks, curves and budgets; changes nothing',
  operator: 'creates and steers tasks, invites, proposes models; releases nothing',
  owner: 'approves releases, takes models out, grants roles; runs nothing',
  auditor: 'sees the ledger, the record of decisions, and who may do what',
};

export function PeoplePage() {
  const [turn, setTurn] = useState(0);
  const [problem, setProblem] = useState('');
  const people = useLoaded(() => getJson<readonly Person[]>('/people'), [turn]);
  const act = (request: Promise<unknown>): void => {
    request.then(
      () => {
        setProblem('');
        setTurn(turn + 1);
      },
      (error: unknown) => setProblem(messageOf(error)),
    );
  };
  const me = session.value?.mode === 'signed-in' ? session.value.subject : '';
  return (
    <div class="stack">
      <div class="head">
        <div class="what">
          <h1>People</h1>
          <p>
            Running a task, releasing its model and auditing both are in different hands.
            {isAlone() &&
              ' You are alone here and begin with all three; to release a model, make an account for a second person as owner.'}
          </p>
        </div>
      </div>
      {problem !== '' && (
        <p class="message bad" role="alert">
          {problem}
        </p>
      )}
      <Async of={people}>
        {(list) => (
          <section class="card" aria-label="Accounts">
            <div class="scroll" tabIndex={0} role="region" aria-label="Table of accounts">
              <table>
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>Roles</th>
                    <th />
                  </tr>
                </thead>
                <tbody>
                  {list.map((person) => (
                    <tr key={person.id}>
                      <td>
                        {person.name}
                        {person.subject === me && <span class="soft"> (you)</span>}
                        <br />
                        <span class="soft mono">{person.subject}</span>
                      </td>
                      <td>
                        <div class="pills">
                          {person.grants.map(({ id, role, scope }) => (
                            <span key={id} class="pill">
                              {role}
                              {scope === 'everything' ? '' : ` of ${scope}`}
                              {permissions().grant && person.subject !== me && (
                                <button
                                  type="button"
                                  class="quiet"
                                  aria-label={`Take the role ${role} from ${person.name}`}
                                  onClick={() => act(send('DELETE', `/grants/${id}`))}
                                >
                                  ×
                                </button>
                              )}
                            </span>
                          ))}
                          {permissions().grant && person.subject !== me && (
                            <select
                              aria-label={`Give ${person.name} a role`}
                              value=""
                              onChange={(event) =>
                                act(
                                  send('POST', '/grants', {
                                    subject: person.subject,
                                    role: event.currentTarget.value,
                                    scope: 'everything',
                                  }),
                                )
                              }
                            >
                              <option value="">give a role …</option>
                              {ROLES.map((role) => (
                                <option key={role}>{role}</option>
                              ))}
                            </select>
                          )}
                        </div>
                      </td>
                      <td class="number">
                        {permissions().grant && person.subject !== me && (
                          <button
                            type="button"
                            class="danger"
                            onClick={() => act(send('PATCH', `/people/${person.id}`, { disabled: !person.disabled }))}
                          >
                            {person.disabled ? 'Let in again' : 'Shut out'}
                          </button>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </section>
        )}
      </Async>
      {permissions().grant && (
        <NewPerson
          onMade={() => {
            setTurn(turn + 1);
            loadSession().catch(() => {});
          }}
        />
      )}
      <section class="card" aria-label="Roles">
        <header>
          <h2>Roles</h2>
        </header>
        <dl class="facts">
          {ROLES.map((role) => (
            <>
              <dt>{role}</dt>
              <dd>{ROLE_WORDS[role]}</dd>
            </>
          ))}
        </dl>
      </section>
    </div>
  );
}

function NewPerson({ onMade }: { onMade: () => void }) {
  const [problem, setProblem] = useState('');
  function make(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    send('POST', '/people', Object.fromEntries(new FormData(form))).then(
      () => {
        form.reset();
        setProblem('');
        onMade();
      },
      (error: unknown) => setProblem(messageOf(error)),
    );
  }
  return (
    <form class="card stack" onSubmit={make}>
      <h2>New account</h2>
      {problem !== '' && (
        <p class="message bad" role="alert">
          {problem}
        </p>
      )}
      <div class="fields">
        <label class="field">
          <span>Name</span>
          <input name="name" required maxLength={64} autoCapitalize="none" />
        </label>
        <label class="field">
          <span>First password</span>
          <input name="password" type="password" required minLength={12} autoComplete="new-password" />
          <small>At least twelve characters.</small>
        </label>
        <label class="field">
          <span>Role</span>
          <select name="role">
            {ROLES.map((role) => (
              <option key={role}>{role}</option>
            ))}
          </select>
        </label>
      </div>
      <p>
        <button type="submit" class="main">
          Create the account
        </button>
      </p>
    </form>
  );
}

interface Line {
  readonly at: string;
  readonly subject: string;
  readonly action: string;
  readonly resource: string;
  readonly outcome: string;
  readonly detail: string;
}

/** The record of every decision and administrative act. */
export function RecordPage() {
  const lines = useLoaded(() => getJson<readonly Line[]>('/record'), []);
  return (
    <div class="stack">
      <div class="head">
        <div class="what">
          <h1>Record</h1>
          <p>Who did what, who was refused what; the newest first.</p>
        </div>
      </div>
      <Async of={lines}>
        {(list) => (
          <section class="card" aria-label="Record">
            <div class="scroll" tabIndex={0} role="region" aria-label="Table of the record">
              <table>
                <thead>
                  <tr>
                    <th>Time</th>
                    <th>Who</th>
                    <th>What</th>
                    <th>On</th>
                    <th>Outcome</th>
                    <th>More</th>
                  </tr>
                </thead>
                <tbody>
                  {list.map(({ at, subject, action, resource, outcome, detail }, i) => (
                    <tr key={i}>
                      <td>{formatTime(at)}</td>
                      <td>{subject}</td>
                      <td>{action}</td>
                      <td>{resource}</td>
                      <td>
                        <span class="pill" data-tone={outcome === 'refused' ? 'bad' : 'plain'}>
                          {outcome}
                        </span>
                      </td>
                      <td>{detail}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </section>
        )}
      </Async>
    </div>
  );
}
