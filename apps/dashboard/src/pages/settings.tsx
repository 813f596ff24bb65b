/** Settings: appearance, one's own sessions and API tokens, and what serves this page. */

import { useState } from 'preact/hooks';

import type { ViewFacts } from '../../../../src/runtime/view/task-view.ts';
import { getJson, messageOf, send } from '../api.ts';
import { formatTime } from '../format.ts';
import { Async, useLoaded } from '../parts/async.tsx';
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
  const [said, setSaid] = useState<{ bad: boolean; text: string } | undefined>(undefined);
  if (who?.mode !== 'signed-in') return null;
  function change(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    send('POST', '/password', Object.fromEntries(new FormData(form))).then(
      () => {
        form.reset();
        setSaid({ bad: false, text: 'Changed. All your other sessions were signed out.' });
      },
      (error: unknown) => setSaid({ bad: true, text: messageOf(error) }),
    );
  }
  return (
    <section class="card half" aria-label="Account">
      <header>
        <h2>{who.name}</h2>
        <p>{who.roles.join(', ') || 'no role'}</p>
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
            </label>
            {said !== undefined && (
              <p class={said.bad ? 'message bad' : 'message'} role="status">
                {said.text}
              </p>
            )}
            <button type="submit">Change the password</button>
          </form>
        )}
        <button
          type="button"
          onClick={() =>
            void send('DELETE', '/session')
              .then(loadSession)
              .then(() => goTo())
          }
        >
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
  const [turn, setTurn] = useState(0);
  const sessions = useLoaded(() => getJson<readonly SessionLine[]>('/sessions'), [turn]);
  return (
    <section class="card half" aria-label="Sessions">
      <header>
        <h2>Where you are signed in</h2>
      </header>
      <Async of={sessions}>
        {(lines) => (
          <div class="scroll">
            <table>
              <tbody>
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
                        <button
                          type="button"
                          onClick={() => void send('DELETE', `/sessions/${id}`).then(() => setTurn(turn + 1))}
                        >
                          Sign out
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
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
  const [turn, setTurn] = useState(0);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const tokens = useLoaded(
    () => getJson<{ tokens: readonly TokenLine[]; actions: readonly string[] }>('/tokens'),
    [turn],
  );
  function issue(event: SubmitEvent): void {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    send<{ text: string }>('POST', '/tokens', {
      label: fields.get('label'),
      scope: fields.get('scope'),
      days: Number(fields.get('days')),
      actions: fields.getAll('actions'),
    }).then(
      (issued) => {
        setProblem('');
        setText(issued.text);
        setTurn(turn + 1);
      },
      (error: unknown) => setProblem(messageOf(error)),
    );
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
      {problem !== '' && (
        <p class="message bad" role="alert">
          {problem}
        </p>
      )}
      <Async of={tokens}>
        {({ tokens: lines, actions }) => (
          <div class="stack">
            {lines.length > 0 && (
              <div class="scroll" tabIndex={0} role="region" aria-label="Table of tokens">
                <table>
                  <thead>
                    <tr>
                      <th>Token</th>
                      <th>May</th>
                      <th>On</th>
                      <th>Until</th>
                      <th />
                    </tr>
                  </thead>
                  <tbody>
                    {lines.map(({ id, label, actions: may, scope, expiresAt, revoked }) => (
                      <tr key={id}>
                        <td>
                          {label} <span class="mono soft">{id}</span>
                        </td>
                        <td>{may.join(', ')}</td>
                        <td>{scope}</td>
                        <td>{formatTime(expiresAt)}</td>
                        <td class="number">
                          {revoked ? (
                            <span class="pill">revoked</span>
                          ) : (
                            <button
                              type="button"
                              onClick={() => void send('DELETE', `/tokens/${id}`).then(() => setTurn(turn + 1))}
                            >
                              Revoke
                            </button>
                          )}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
            <form class="stack" onSubmit={issue}>
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
                <span class="soft">It may</span>
                <div class="checks">
                  {actions.map((action) => (
                    <label key={action}>
                      <input type="checkbox" name="actions" value={action} defaultChecked={action === 'task.view'} />{' '}
                      {action}
                    </label>
                  ))}
                </div>
              </fieldset>
              <p>
                <button type="submit">Issue a token</button>
              </p>
            </form>
          </div>
        )}
      </Async>
    </section>
  );
}
