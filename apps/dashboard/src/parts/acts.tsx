/** Acts of a person: what is asked of the server, whether it is under way, and why it was refused. */

import { useState } from 'preact/hooks';

import { messageOf } from '../api.ts';

export interface Acts {
  /** Grows with every act that succeeded: what was loaded before is loaded again. */
  readonly turn: number;
  readonly busy: boolean;
  /** Why the last act was refused; empty when it was not. */
  readonly problem: string;
  /** Follows a request; `then` is called when it succeeds. */
  readonly act: <T>(request: Promise<T>, then?: (answer: T) => void) => void;
}

export function useActs(): Acts {
  const [turn, setTurn] = useState(0);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  return {
    turn,
    busy,
    problem,
    act(request, then) {
      setBusy(true);
      request
        .then((answer) => {
          setProblem('');
          setTurn((before) => before + 1);
          then?.(answer);
        })
        .catch((error: unknown) => setProblem(messageOf(error)))
        .finally(() => setBusy(false));
    },
  };
}

/** Why something was refused; nothing while nothing was. */
export function Problem({ text }: { text: string }) {
  if (text === '') return null;
  return (
    <p class="message bad" role="alert">
      {text}
    </p>
  );
}
