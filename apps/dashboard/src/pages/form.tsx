/**
 * A form from a JSON schema: objects are groups of fields, choices are selects whose fields follow, lists are written
 * out. It knows nothing of tasks; what the keys mean comes with the schema.
 */

import { useId, useState } from 'preact/hooks';

/** The parts of JSON schema that a task's schema uses. */
export interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `samplingRate` as people write it. */
const wordsOf = (key: string): string => {
  const words = key.replaceAll(/([A-Z])/g, ' $1').toLowerCase();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`.replace(/ ms$/, ' (ms)');
};

/** The choices of a schema; choices within choices are choices too. */
function choicesOf(schema: Schema): readonly Schema[] {
  const inner = schema.oneOf ?? schema.anyOf;
  if (inner === undefined) return [schema];
  const all = inner.flatMap(choicesOf);
  const mixed = all.some(({ properties }) => properties !== undefined);
  return mixed ? all.flatMap((each) => each.enum?.map((value): Schema => ({ const: value })) ?? [each]) : all;
}

const fixedOf = (choice: Schema): readonly (readonly [string, unknown])[] =>
  Object.entries(choice.properties ?? {}).flatMap(([key, { const: value }]) =>
    value === undefined ? [] : [[key, value] as const],
  );

/** Keys that say most of a choice, first. */
const TELLING = ['trust', 'kind', 'privacyUnit', 'aggregation'];

/** Names the choices by as few of the keys that they fix as tell them apart; `words` are what values are called. */
function namesOf(
  choices: readonly Schema[],
  { path, words }: { path: string; words: Readonly<Record<string, string>> },
): readonly string[] {
  const keys = [...new Set([...TELLING, ...choices.flatMap((choice) => fixedOf(choice).map(([key]) => key))])];
  const used: string[] = [];
  const name = (choice: Schema, i: number): string => {
    if (choice.const !== undefined) return textOf(choice.const);
    const parts = used.flatMap((key) => {
      const value = choice.properties?.[key]?.const;
      return value === undefined ? [] : [words[`${path}.${key}=${textOf(value)}`] ?? textOf(value)];
    });
    return parts.length === 0 ? (choice.type ?? `choice ${i + 1}`) : parts.join('; ');
  };
  for (const key of keys) {
    const values = new Set(choices.map((choice) => choice.properties?.[key]?.const));
    if (values.size < 2 && choices.length > 1) continue;
    if (new Set(choices.map(name)).size === choices.length) break;
    used.push(key);
  }
  return choices.map(name);
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The choice a value has made. */
function chosenOf(choices: readonly Schema[], value: unknown): number {
  const fits = (choice: Schema): boolean =>
    isFields(value)
      ? fixedOf(choice).every(([key, fixed]) => value[key] === fixed)
      : choice.const === value || (choice.type !== undefined && typeOf(value) === choice.type);
  return Math.max(0, choices.findIndex(fits));
}

const typeOf = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value);

/** What a schema begins with. */
function startOf(schema: Schema, before: unknown): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.default !== undefined) return schema.default;
  if (schema.properties === undefined) return undefined;
  const required = schema.required ?? [];
  const kept = isFields(before) ? before : {};
  return Object.fromEntries(
    Object.entries(schema.properties)
      .map(([key, inner]): [string, unknown] => {
        const [first] = choicesOf(inner);
        const old = inner.const === undefined ? kept[key] : undefined;
        return [key, old ?? (required.includes(key) && first !== undefined ? startOf(first, undefined) : inner.const)];
      })
      .filter(([, value]) => value !== undefined),
  );
}

interface FieldProps {
  readonly name: string;
  readonly path: string;
  readonly schema: Schema;
  readonly value: unknown;
  readonly required: boolean;
  readonly explanations: Readonly<Record<string, string>>;
  /** What choices are called, by `path=value`. */
  readonly choiceWords: Readonly<Record<string, string>>;
  readonly onChange: (value: unknown) => void;
}

/** One key with all that is below it. */
export function Field(props: FieldProps) {
  const { schema, path, value, onChange, required, name, explanations } = props;
  const choices = choicesOf(schema);
  const isGroup = choices.some(({ properties }) => properties !== undefined);
  if (!isGroup) return <Simple {...props} />;
  if (value === undefined && !required) {
    return (
      <p>
        <button type="button" onClick={() => onChange(startOf(choices[0] as Schema, undefined) ?? {})}>
          Add {wordsOf(name).toLowerCase()}
        </button>{' '}
        <span class="soft">{explanations[path] ?? ''}</span>
      </p>
    );
  }
  return <Group {...props} choices={choices} />;
}

/** What is asked first; and what a coordinator does not use, last. */
const ORDER = ['task', 'participants', 'privacy', 'training', 'model', 'features', 'data', 'service'];
const ASIDE = ['partition', 'simulation'];

function Group({ choices, ...props }: FieldProps & { readonly choices: readonly Schema[] }) {
  const { path, value, onChange, required, name, explanations } = props;
  const id = useId();
  const chosen = chosenOf(choices, value);
  const choice = choices[chosen] as Schema;
  const fields = isFields(value) ? value : {};
  const names = namesOf(choices, { path, words: props.choiceWords });
  const place = (key: string): number => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
  const entries = Object.entries(choice.properties ?? {})
    .filter(([, inner]) => inner.const === undefined)
    .toSorted(([one], [other]) => (path === '' ? place(one) - place(other) : 0));
  const isMain = ([key, inner]: readonly [string, Schema]): boolean =>
    (choice.required ?? []).includes(key) || key in fields || (inner.default !== undefined && path !== '');
  const all = entries.map(
    ([key, inner]) =>
      [
        path === '' ? !ASIDE.includes(key) : isMain([key, inner]),
        choicesOf(inner).some(({ properties }) => properties !== undefined),
        <Field
          key={key}
          name={key}
          path={path === '' ? key : `${path}.${key}`}
          schema={inner}
          value={fields[key]}
          required={(choice.required ?? []).includes(key)}
          explanations={explanations}
          choiceWords={props.choiceWords}
          onChange={(next) => {
            const { [key]: _old, ...others } = fields;
            onChange(next === undefined ? others : { ...others, [key]: next });
          }}
        />,
      ] as const,
  );
  const simple = all.filter(([, group]) => !group);
  const groups = all.filter(([, group]) => group);
  const inside = (
    <div class="stack">
      <div class="fields">
        {choices.length > 1 && (
          <div class={path === 'privacy' ? 'field whole' : 'field'}>
            <label for={id}>{path === 'privacy' ? 'Promise' : 'Kind'}</label>
            <select
              id={id}
              value={String(chosen)}
              onChange={(event) => onChange(startOf(choices[Number(event.currentTarget.value)] as Schema, fields))}
            >
              {names.map((each, i) => (
                <option key={i} value={String(i)}>
                  {each}
                </option>
              ))}
            </select>
          </div>
        )}
        {simple.filter(([main]) => main).map(([, , field]) => field)}
      </div>
      {groups.filter(([main]) => main).map(([, , field]) => field)}
      {all.some(([main]) => !main) && (
        <details>
          <summary>More</summary>
          <div class="stack more">
            <div class="fields">{simple.filter(([main]) => !main).map(([, , field]) => field)}</div>
            {groups.filter(([main]) => !main).map(([, , field]) => field)}
          </div>
        </details>
      )}
    </div>
  );
  if (path === '') return inside;
  const deep = path.includes('.');
  return (
    <fieldset class={deep ? 'inner' : 'card'}>
      <legend class={deep ? '' : 'hidden'}>{wordsOf(name)}</legend>
      {!deep && (
        <header>
          <h2>{wordsOf(name)}</h2>
          {!required && (
            <button type="button" class="quiet" onClick={() => onChange(undefined)}>
              Leave out
            </button>
          )}
        </header>
      )}
      {explanations[path] !== undefined && <p class="soft">{explanations[path]}</p>}
      {inside}
      {deep && !required && (
        <p>
          <button type="button" class="quiet" onClick={() => onChange(undefined)}>
            Leave out {wordsOf(name).toLowerCase()}
          </button>
        </p>
      )}
    </fieldset>
  );
}

/** A value in one control. */
function Simple({ name, path, schema, value, required, explanations, onChange }: FieldProps) {
  const id = useId();
  const [wrong, setWrong] = useState('');
  const [first] = choicesOf(schema);
  const options = schema.enum ?? (choicesOf(schema).every((each) => each.enum !== undefined) ? first?.enum : undefined);
  const types = choicesOf(schema).map(({ type }) => type);
  const about = explanations[path];
  const shown = value ?? schema.default;
  const plain = typeof shown === 'string' || typeof shown === 'number' ? String(shown) : '';
  const common = { id, name: path, 'aria-describedby': `${id}-about` };
  let control;
  if (options !== undefined) {
    control = (
      <select {...common} value={plain} onChange={(event) => onChange(event.currentTarget.value)}>
        {shown === undefined && <option value="">…</option>}
        {options.map((option) => (
          <option key={String(option)}>{String(option)}</option>
        ))}
      </select>
    );
  } else if (types.length === 1 && types[0] === 'boolean') {
    control = (
      <input
        {...common}
        type="checkbox"
        checked={shown === true}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  } else if (types.length === 1 && (types[0] === 'number' || types[0] === 'integer')) {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
    const low = minimum ?? exclusiveMinimum;
    const high = maximum ?? exclusiveMaximum;
    control = (
      <input
        {...common}
        type="number"
        step={types[0] === 'integer' ? 1 : 'any'}
        {...(low === undefined || low < -1e9 ? {} : { min: low })}
        {...(high === undefined || high > 1e9 ? {} : { max: high })}
        required={required}
        value={plain}
        onInput={(event) => {
          const text = event.currentTarget.value;
          onChange(text === '' ? undefined : Number(text));
        }}
      />
    );
  } else if (types.every((type) => type === 'string' || type === 'number' || type === 'integer')) {
    const takesNumbers = types.some((type) => type !== 'string');
    control = (
      <input
        {...common}
        required={required}
        {...(schema.maxLength === undefined ? {} : { maxLength: schema.maxLength })}
        value={plain}
        onInput={(event) => {
          const text = event.currentTarget.value;
          const isNumber = takesNumbers && text.trim() !== '' && Number.isFinite(Number(text));
          onChange(text === '' ? undefined : isNumber ? Number(text) : text);
        }}
      />
    );
  } else {
    const text = shown === undefined ? '' : JSON.stringify(shown);
    control = (
      <textarea
        {...common}
        rows={Math.min(6, 1 + Math.floor(text.length / 44))}
        defaultValue={text}
        onChange={(event) => {
          const written = event.currentTarget.value.trim();
          try {
            onChange(written === '' ? undefined : (JSON.parse(written) as unknown));
            setWrong('');
          } catch {
            setWrong('This is not JSON: write a list as [1, 2], a text as "text".');
          }
        }}
      />
    );
  }
  return (
    <div class="field">
      <label for={id}>{wordsOf(name)}</label>
      {control}
      <small id={`${id}-about`} class={wrong === '' ? '' : 'wrong'}>
        {wrong === '' ? (about ?? '') : wrong}
      </small>
    </div>
  );
}
