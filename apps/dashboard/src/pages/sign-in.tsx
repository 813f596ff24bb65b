/** Sign-in, and the very first account. */

import { useState } from 'preact/hooks';

import { messageOf, send } from '../api.ts';
import { goTo, route } from '../router.ts';
import { loadSession, type Session } from '../session.ts';

export function SignInPage({ signedOut }: { signedOut: Extract<Session, { mode: 'signed-out' }> }) {
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const [page, code = ''] = route.value;
  const failed = page === 'sign-in-failed';

  function submit(event: SubmitEvent): void {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget as HTMLFormElement)) as Record<string, string>;
    setBusy(true);
    send('POST', signedOut.setup ? '/setup' : '/session', fields)
      .then(loadSession)
      .then(() => (page === 'setup' || failed ? goTo() : undefined))
      .catch((error: unknown) => setProblem(messageOf(error)))
      .finally(() => setBusy(false));
  }

  return (
    <div class="narrow stack">
      <div>
        <h1>{signedOut.setup ? 'The first account' : 'Sign in'}</h1>
        <p class="soft">
          {signedOut.setup
            ? 'Nobody has an account here yet. The code was printed where the coordinator was started; it is also in the file operator.token of its folder.'
            : 'What is trained here is seen by those who were asked in.'}
        </p>
      </div>
      {(problem !== '' || failed) && (
        <p class="message bad" role="alert">
          {problem === '' ? 'The sign-in did not succeed, or the account has no right here. Ask an owner.' : problem}
        </p>
      )}
      <form class="stack card" onSubmit={submit}>
        {signedOut.setup && (
          <label class="field">
            <span>Code</span>
            <input
              name="code"
              type="password"
              required
              autoComplete="off"
              defaultValue={page === 'setup' ? code : ''}
            />
          </label>
        )}
        <label class="field">
          <span>Name</span>
          <input name="name" required autoComplete="username" autoCapitalize="none" maxLength={64} />
        </label>
        <label class="field">
          <span>Password</span>
          <input
            name="password"
            type="password"
            required
            minLength={signedOut.setup ? 12 : 1}
            autoComplete={signedOut.setup ? 'new-password' : 'current-password'}
          />
          {signedOut.setup && <small>At least twelve characters; four random words are good.</small>}
        </label>
        <button class="main" type="submit" disabled={busy}>
          {signedOut.setup ? 'Create the account' : 'Sign in'}
        </button>
      </form>
      {signedOut.oidc !== null && (
        <p>
          <a class="button" href="/api/oidc/start">
            Sign in with {signedOut.oidc}
          </a>
        </p>
      )}
    </div>
  );
}
