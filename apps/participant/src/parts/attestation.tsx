import type { AttestationView } from '../../../../src/runtime/client/browser/index.ts';
import { save } from '../state.ts';

/** What was checked of the machine the coordinator runs on. */
export function Attestation({ view }: { view: AttestationView }) {
  return (
    <section aria-labelledby="attestation">
      <h2 id="attestation">Proof of the coordinator’s hardware</h2>
      {view.banner !== undefined && <p class="problem">{view.banner}</p>}
      <p>{view.title}.</p>
      <dl class="record">
        {view.rows.map(({ label, value, tone }, i) => (
          <div key={i} class={tone}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="actions">
        <button type="button" class="button quiet" onClick={() => void save('attestation')}>
          Save the records of what was checked
        </button>
      </p>
    </section>
  );
}
