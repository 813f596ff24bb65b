import type { TaskView } from '../../../../src/runtime/client/browser/index.ts';
import { explain } from '../explain.ts';
import { short } from '../format.ts';

/** The task in plain words. */
export function Explained({ task }: { task: TaskView }) {
  const { compute, leaves, stays, learns, never, strength } = explain(task);
  return (
    <div class="explained">
      <article class="card">
        <h3>What your device will compute</h3>
        <ul>
          {compute.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </article>
      <div class="pair">
        <article class="card">
          <h3>What leaves it</h3>
          <ul>
            {leaves.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </article>
        <article class="card stays">
          <h3>What stays</h3>
          <ul>
            {stays.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </article>
      </div>
      <article class="card">
        <h3>What the coordinator can learn</h3>
        <ul>
          {learns.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
        {never.length > 0 && (
          <p class="never">
            <b>Not:</b> {never.join('; ').toLowerCase()}.
          </p>
        )}
      </article>
      <article class={`card strength ${strength.word}`}>
        <h3>
          Protection: {strength.word}
          {task.epsilon !== null && <span class="figure">ε = {short(task.epsilon)}</span>}
        </h3>
        <Scale epsilon={task.epsilon} />
        <p>{strength.text}</p>
        <dl class="facts">
          <Fact name="Participants" value={String(task.participants)} />
          {task.threshold > 0 && <Fact name="Fewest in a sum" value={String(task.threshold)} />}
          <Fact name="Rounds" value={String(task.rounds)} />
          {task.epsilon !== null && <Fact name="One round" value={`ε ≤ ${short(task.epsilonPerRound)}`} />}
          {task.noiseMultiplier !== null && (
            <Fact
              name="Noise"
              value={`${short(task.noiseMultiplier)} × one ${task.privacyUnit === 'client' ? 'participant' : 'example'}’s pull`}
            />
          )}
        </dl>
      </article>
      <details>
        <summary>The task as the coordinator wrote it</summary>
        <p class="small">
          Plan <code class="digest">{task.planDigest}</code>, recomputed in this browser from the lines below: the same
          on every participant’s machine, or it would not have been accepted.
        </p>
        <pre tabIndex={0}>{task.definition}</pre>
      </details>
    </div>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Where ε stands between "hides well" and "hides little". */
function Scale({ epsilon }: { epsilon: number | null }) {
  if (epsilon === null) return null;
  const at = Math.min(100, Math.max(0, (Math.log10(Math.max(epsilon, 0.1)) + 1) * 50));
  return (
    <div
      class="scale"
      role="img"
      aria-label={`On a scale from ε 0.1, which hides well, to ε 10, which hides little: ${short(epsilon)}`}
    >
      <span class="scale-mark" style={{ left: `${at}%` }} />
      <span class="scale-words" aria-hidden="true">
        <span>0.1 hides well</span>
        <span>1</span>
        <span>10 hides little</span>
      </span>
    </div>
  );
}
