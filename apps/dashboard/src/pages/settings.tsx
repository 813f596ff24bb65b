/** Settings: appearance, one's own sessions and API tokens, and what serves this page. */

import { useState } from 'preact/hooks';

import type { ViewFacts } from '../../../../src/runtime/view/task-view.ts';
import { getJson, send } from '../api.ts';
import { formatTime } from '../format.ts';
import { Problem, useActs } from '../parts/acts.tsx';
import { Async, useLoaded } from '../parts/async.tsx';
import { Table } from '../parts/table.tsx';
import { report } from '../report.ts';
import { goTo } from '../router.ts';
import { loadSession, session } from '../session.ts';
import { chooseTheme, type Theme, theme } from '../theme.ts';

const THEMES: readonly (readonly [Theme, string])[] = [
  ['system', 'As the system has it'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

const KINDS = {
  run: 'one run of this machine; it shows and steers nothing',
  coordinator: 'a coordinator',
  report: 'a report in one file; nothing is loaded from anywhere',
} as const;

export function SettingsPage() {
  const facts = useLoaded(
    () => (report === undefined ? getJson<ViewFacts>('/facts') : Promise.resolve(report.facts)),
    [],
  );
  return (
    <div class="stack">
      <h1>Settings</h1>
      <div class="grid">
        <section class="card half">
          <fieldset>
            <legend>Appearance</legend>
            {THEMES.map(([value, text]) => (
              <label key={value}>
                <input type="radio" name="theme" checked={theme.value === value} onChange={() => chooseTheme(value)} />{' '}
                {text}
              </label>
            ))}
          </fieldset>
        </section>
        <section class="card half" aria-label="This page">
          <header>
            <h2>This page</h2>
          </header>
          <Async of={facts}>
            {({ kind, version, place }) => (
              <dl class="facts">
                <dt>shows</dt>
                <dd>{KINDS[kind]}</dd>
                {place !== '' && <dt>place</dt>}
                {place !== '' && <dd class="mono">{place}</dd>}
                <dt>version</dt>
                <dd>Sotto {version}</dd>
              </dl>
            )}
          </Async>
        </section>
        {session.value?.mode === 'signed-in' && (
          <>
            <Account />
            <Sessions />
            <Tokens />
          </>
        )}
      </div>
    </div>
  );
}

function Account() {
  const who = session.value;
  const { act, problem, turn } = useActs();
  const leaving = useActs();
  if (who?.mode !== 'signed-in') return null;
  function change(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    act(send('POST', '/password', Object.fromEntries(new FormData(form))), () => form.reset());
  }
  const signOut = (): void =>
    leaving.act(send('DELETE', '/session').then(loadSession), () => {
      goTo();
    });
  return (
    <section class="card half" aria-label="Account">
      <header>
        <h2>Your account</h2>
        <p>
          {who.name}: {who.roles.join(', ') || 'no role'}
        </p>
      </header>
      <div class="stack">
        {who.subject.startsWith('local:') && (
          <form class="stack" onSubmit={change}>
            <label class="field">
              <span>Password now</span>
              <input name="current" type="password" required autoComplete="current-password" />
            </label>
            <label class="field">
              <span>New password</span>
              <input name="next" type="password" required minLength={12} autoComplete="new-password" />
              <small>At least twelve characters.</small>
            </label>
            <Problem text={problem} />
            {problem === '' && turn > 0 && (
              <p class="message" role="status">
                Changed. All your other sessions were signed out.
              </p>
            )}
            <button type="submit">Change the password</button>
          </form>
        )}
        <Problem text={leaving.problem} />
        <button type="button" onClick={signOut}>
          Sign out
        </button>
      </div>
    </section>
  );
}

interface SessionLine {
  readonly id: string;
  readonly createdAt: string;
  readonly seenAt: string;
  readonly agent: string;
  readonly current: boolean;
}

function Sessions() {
  const { turn, problem, act } = useActs();
  const sessions = useLoaded(() => getJson<readonly SessionLine[]>('/sessions'), [turn]);
  return (
    <section class="card half" aria-label="Sessions">
      <header>
        <h2>Where you are signed in</h2>
      </header>
      <Problem text={problem} />
      <Async of={sessions}>
        {(lines) => (
          <Table label="Table of sessions" columns={['Browser', '']}>
            {lines.map(({ id, createdAt, agent, current }) => (
              <tr key={id}>
                <td>
                  {agent}
                  <br />
                  <span class="soft">since {formatTime(createdAt)}</span>
                </td>
                <td class="number">
                  {current ? (
                    <span class="pill" data-tone="good">
                      this one
                    </span>
                  ) : (
                    <button type="button" onClick={() => act(send('DELETE', `/sessions/${id}`))}>
                      Sign out
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Async>
    </section>
  );
}

interface TokenLine {
  readonly id: string;
  readonly label: string;
  readonly actions: readonly string[];
  readonly scope: string;
  readonly expiresAt: string;
  readonly revoked: boolean;
}

function Tokens() {
  const { turn, problem, act } = useActs();
  const [text, setText] = useState('');
  const tokens = useLoaded(
    () => getJson<{ tokens: readonly TokenLine[]; actions: readonly string[] }>('/tokens'),
    [turn],
  );
  function issue(event: SubmitEvent): void {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const asked = {
      label: fields.get('label'),
      scope: fields.get('scope'),
      days: Number(fields.get('days')),
      actions: fields.getAll('actions'),
    };
    act(send<{ text: string }>('POST', '/tokens', asked), (issued) => setText(issued.text));
  }
  return (
    <section class="card" aria-label="API tokens">
      <header>
        <h2>API tokens</h2>
        <p>for programs that ask in your name, for less than you may</p>
      </header>
      {text !== '' && (
        <p class="message" role="status">
          Shown once: <code>{text}</code>
        </p>
      )}
      <Problem text={problem} />
      <Async of={tokens}>
        {({ tokens: lines, actions }) => (
          <div class="stack">
            {lines.length > 0 && (
              <Table label="Table of tokens" columns={['Token', 'May', 'On', 'Until', '']}>
                {lines.map(({ id, label, actions: may, scope, expiresAt, revoked }) => (
                  <tr key={id}>
                    <td>
                      {label} <span class="mono soft">{id}</span>
                    </td>
                    <td>{may.join(', ')}</td>
                    <td>{scope}</td>
                    <td class="time">{formatTime(expiresAt)}</td>
                    <td class="number">
                      {revoked ? (
                        <span class="pill">revoked</span>
                      ) : (
                        <button type="button" onClick={() => act(send('DELETE', `/tokens/${id}`))}>
                          Revoke
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </Table>
            )}
            <TokenForm actions={actions} onSubmit={issue} />
          </div>
        )}
      </Async>
    </section>
  );
}

function TokenForm({ actions, onSubmit }: { actions: readonly string[]; onSubmit: (event: SubmitEvent) => void }) {
  return (
    <form class="stack" onSubmit={onSubmit}>
      <div class="fields">
        <label class="field">
          <span>Name</span>
          <input name="label" required maxLength={80} placeholder="nightly report" />
        </label>
        <label class="field">
          <span>Scope</span>
          <input name="scope" required defaultValue="everything" />
          <small>everything, or task:ID</small>
        </label>
        <label class="field">
          <span>Days</span>
          <input name="days" type="number" required min={1} max={366} defaultValue={30} />
        </label>
      </div>
      <fieldset>
        <legend class="small">It may</legend>
        <div class="checks">
          {actions.map((action) => (
            <label key={action}>
              <input type="checkbox" name="actions" value={action} defaultChecked={action === 'task.view'} /> {action}
            </label>
          ))}
        </div>
      </fieldset>
      <p>
        <button type="submit">Issue a token</button>
      </p>
    </form>
  );
}
