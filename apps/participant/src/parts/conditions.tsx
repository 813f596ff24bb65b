import { useRef } from 'preact/hooks';

import { short } from '../format.ts';
import { CAUTIOUS, conditions, demand, policyFile, refusal, task, usePolicyFile } from '../state.ts';

/** The person's own floors, and whether the task meets them. */
export function ConditionsForm() {
  const chooser = useRef<HTMLInputElement>(null);
  const set = conditions.value;
  const now = task.value;
  const said = refusal.value;
  const file = policyFile.value;
  return (
    <div>
      <p>
        Your browser checks these before your data is touched, against a plan it derives itself. A task that does not
        meet them is refused, whatever the coordinator says.
      </p>
      {file === null ? (
        <>
          <div class="fields">
            <Number
              text="Spend at most, in the whole task"
              unit="ε"
              value={set.maxEpsilon}
              min={0.1}
              max={100}
              step={0.1}
              has={now?.epsilon ?? null}
              onChange={(maxEpsilon) => demand({ maxEpsilon })}
            />
            <Number
              text="Fewest participants"
              value={set.minParticipants}
              min={2}
              max={10_000}
              step={1}
              has={now?.participants ?? null}
              onChange={(minParticipants) => demand({ minParticipants })}
            />
            <Number
              text="Fewest contributions in a sum"
              value={set.minThreshold}
              min={0}
              max={10_000}
              step={1}
              has={now?.threshold ?? null}
              onChange={(minThreshold) => demand({ minThreshold })}
            />
            <Number
              text="Least noise, against one example’s pull"
              unit="×"
              value={set.minNoiseMultiplier}
              min={0}
              max={100}
              step={0.1}
              has={now?.noiseMultiplier ?? null}
              onChange={(minNoiseMultiplier) => demand({ minNoiseMultiplier })}
            />
          </div>
          <label class="check">
            <input
              type="checkbox"
              checked={set.acceptCoordinator}
              onChange={(event) => demand({ acceptCoordinator: event.currentTarget.checked })}
            />
            I also accept tasks in which the coordinator must be trusted to add the noise
          </label>
        </>
      ) : (
        <p>
          Your conditions come from <b>{file.name}</b>.
        </p>
      )}
      <p class={said === null ? 'verdict good' : 'verdict bad'} role="status">
        {said === undefined ? 'Checking…' : said === null ? 'This task meets your conditions.' : `Refused: ${said}.`}
      </p>
      <p class="actions">
        {file === null && set !== CAUTIOUS && (
          <button type="button" class="link" onClick={() => demand(CAUTIOUS)}>
            Back to the cautious ones
          </button>
        )}
        {file !== null && (
          <button type="button" class="link" onClick={() => void usePolicyFile(null)}>
            Back to the form
          </button>
        )}
        <button type="button" class="link" onClick={() => chooser.current?.click()}>
          Use a policy file
        </button>
        <input
          ref={chooser}
          type="file"
          accept=".yaml,.yml,.json"
          hidden
          onChange={(event) => void usePolicyFile(event.currentTarget.files?.[0] ?? null)}
        />
        <span class="small">
          The same file that <code>sotto join --policy</code> takes; with it you can demand proof of the coordinator’s
          hardware.
        </span>
      </p>
    </div>
  );
}

function Number({
  text,
  unit = '',
  value,
  min,
  max,
  step,
  has,
  onChange,
}: {
  text: string;
  unit?: string;
  value: number;
  min: number;
  max: number;
  step: number;
  has: number | null;
  onChange: (value: number) => void;
}) {
  return (
    <label class="field">
      <span>
        {text} {unit !== '' && <span class="unit">({unit})</span>}
      </span>
      <input
        type="number"
        inputMode="decimal"
        value={value}
        min={min}
        max={max}
        step={step}
        onInput={(event) => {
          const { valueAsNumber } = event.currentTarget;
          if (valueAsNumber >= min && valueAsNumber <= max) onChange(valueAsNumber);
        }}
      />
      <span class="small">{has === null ? 'this task has none' : `this task: ${short(has)}`}</span>
    </label>
  );
}
