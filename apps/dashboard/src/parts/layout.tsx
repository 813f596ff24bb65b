/** What is around every page. */

import type { ComponentChildren } from 'preact';

import { simulatedAttestation } from '../api.ts';
import { connection, missing } from '../live.ts';
import { report } from '../report.ts';
import { linkTo, route } from '../router.ts';
import { permissions, session } from '../session.ts';

const CONNECTION = {
  connecting: 'connecting',
  live: 'live',
  lost: 'connection lost, trying again',
  over: 'not live: this is how it ended',
} as const;

export function Layout({ children }: { children: ComponentChildren }) {
  const [page = ''] = route.value;
  const current = (...names: readonly string[]): { 'aria-current'?: 'page' } =>
    names.includes(page) ? { 'aria-current': 'page' } : {};
  const who = session.value;
  const mayFollow = who?.mode === 'open' || (who?.mode === 'signed-in' && who.roles.length > 0);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <header class="bar">
        <a class="mark" href={linkTo()}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path
              d="M5 21c4-10 7-10 11 0s7 10 11 0"
              fill="none"
              stroke="var(--accent)"
              stroke-width="2.6"
              stroke-linecap="round"
            />
            <path
              d="M5 12c4-6 7-6 11 0s7 6 11 0"
              fill="none"
              stroke="currentColor"
              stroke-opacity=".45"
              stroke-width="1.8"
              stroke-linecap="round"
            />
          </svg>
          Sotto
        </a>
        <nav aria-label="Main">
          {who?.mode !== 'signed-out' && (
            <>
              <a href={linkTo()} {...current('', 'tasks', 'new')}>
                Tasks
              </a>
              {permissions().people && (
                <a href={linkTo('people')} {...current('people')}>
                  People
                </a>
              )}
              {permissions().audit && (
                <a href={linkTo('record')} {...current('record')}>
                  Record
                </a>
              )}
              <a href={linkTo('settings')} {...current('settings')}>
                Settings
              </a>
            </>
          )}
        </nav>
        <div class="side">
          {mayFollow && missing.value === undefined && isLive(page) && (
            <span class="live" role="status" data-state={connection.value}>
              {report === undefined ? CONNECTION[connection.value] : 'a report'}
            </span>
          )}
          {who?.mode === 'signed-in' && <span title={who.roles.join(', ')}>{who.name}</span>}
        </div>
      </header>
      {simulatedAttestation.value && (
        <p class="message bad" role="status">
          SIMULATED ATTESTATION: the evidence that this coordinator shows to participants protects nothing.
        </p>
      )}
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

/** Whether a page follows what happens; the others show what was so when they were opened. */
const isLive = (page: string): boolean => ['', 'tasks', 'setup', 'sign-in-failed'].includes(page);

/** The address behind the # says which page this is, so the link moves the focus itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
