/** Who may do what here: accounts, their roles, and the record of what was decided. */

import { Fragment } from 'preact';

import { getJson, send } from '../api.ts';
import { formatTime } from '../format.ts';
import { type Acts, Problem, useActs } from '../parts/acts.tsx';
import { Async, useLoaded } from '../parts/async.tsx';
import { Head } from '../parts/head.tsx';
import { Table } from '../parts/table.tsx';
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
  const acts = useActs();
  const people = useLoaded(() => getJson<readonly Person[]>('/people'), [acts.turn]);
  const mayGrant = permissions().grant;
  return (
    <div class="stack">
      <Head
        title="People"
        about={
          <>
            Running a task, releasing its model and auditing both are in different hands.
            {isAlone() &&
              ' You are alone here and begin with all three; to release a model, make an account for a second person as owner.'}
          </>
        }
      />
      <Problem text={acts.problem} />
      <Async of={people}>
        {(list) => (
          <section class="card" aria-label="Accounts">
            <Table label="Table of accounts" columns={['Name', 'Roles']}>
              {list.map((person) => (
                <PersonRow key={person.id} person={person} acts={acts} mayGrant={mayGrant} />
              ))}
            </Table>
          </section>
        )}
      </Async>
      {mayGrant && <NewPerson acts={acts} />}
      <section class="card" aria-label="Roles">
        <header>
          <h2>Roles</h2>
        </header>
        <dl class="facts">
          {ROLES.map((role) => (
            <Fragment key={role}>
              <dt>{role}</dt>
              <dd>{ROLE_WORDS[role]}</dd>
            </Fragment>
          ))}
        </dl>
      </section>
    </div>
  );
}

/** One account, and what may be done about it: nobody changes her own rights. */
function PersonRow({ person, acts: { act }, mayGrant }: { person: Person; acts: Acts; mayGrant: boolean }) {
  const { id, name, subject, disabled, grants } = person;
  const isMe = session.value?.mode === 'signed-in' && subject === session.value.subject;
  const mayChange = mayGrant && !isMe;
  return (
    <tr>
      <td>
        {name}
        {isMe && <span class="soft"> (you)</span>}
        <br />
        <span class="soft mono">{subject}</span>
      </td>
      <td>
        <div class="pills">
          {grants.map(({ id: grant, role, scope }) => (
            <span key={grant} class="pill">
              {role}
              {scope === 'everything' ? '' : ` of ${scope}`}
              {mayChange && (
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Take the role ${role} from ${name}`}
                  onClick={() => act(send('DELETE', `/grants/${grant}`))}
                >
                  ×
                </button>
              )}
            </span>
          ))}
          {mayChange && (
            <select
              aria-label={`Give ${name} a role`}
              value=""
              onChange={({ currentTarget: { value: role } }) =>
                act(send('POST', '/grants', { subject, role, scope: 'everything' }))
              }
            >
              <option value="">give a role …</option>
              {ROLES.map((role) => (
                <option key={role}>{role}</option>
              ))}
            </select>
          )}
          {mayChange && (
            <button
              type="button"
              class="danger end"
              onClick={() => act(send('PATCH', `/people/${id}`, { disabled: !disabled }))}
            >
              {disabled ? 'Let in again' : 'Shut out'}
            </button>
          )}
        </div>
      </td>
    </tr>
  );
}

function NewPerson({ acts: { act } }: { acts: Acts }) {
  function make(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    act(send('POST', '/people', Object.fromEntries(new FormData(form))), () => {
      form.reset();
      loadSession().catch(() => {});
    });
  }
  return (
    <form class="card stack" onSubmit={make}>
      <h2>New account</h2>
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
      <Head title="Record" about="Who did what, who was refused what; the newest first." />
      <Async of={lines}>
        {(list) => (
          <section class="card" aria-label="Record">
            <Table label="Table of the record" columns={['Time', 'Who', 'What', 'On', 'Outcome', 'More']}>
              {list.map(({ at, subject, action, resource, outcome, detail }, i) => (
                <tr key={i}>
                  <td class="time">{formatTime(at)}</td>
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
            </Table>
          </section>
        )}
      </Async>
    </div>
  );
}
