import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { bytes, count, percent, short } from '../format.ts';
import { digitPixels, drawDigit, readPixels, setPen, SIDE } from './digits.ts';
import type { Setting, Sight } from './experiment.ts';

const clip = signal(true);
const noise = signal(1.2);
const noisy = signal(true);
const masks = signal(true);
const label = signal(3);
const pixels = signal<Uint8Array | null>(null);
const sight = signal<Sight | null>(null);
const problem = signal<string | null>(null);
const busy = signal(false);

let worker: Worker | undefined;
let asked = 0;

/** Runs the step with the present settings; an answer to older ones is dropped. */
function run(): void {
  if (pixels.value === null) return;
  if (worker === undefined) {
    worker = new Worker(new URL('./experiment-worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<{ id: number; sight?: Sight; problem?: string }>) => {
      if (data.id !== asked) return;
      busy.value = false;
      problem.value = data.problem ?? null;
      if (data.sight !== undefined) sight.value = data.sight;
    };
    worker.onerror = () => (problem.value = 'the experiment could not start: reload the page');
  }
  asked += 1;
  busy.value = true;
  const others = [8, 1, 7, 4];
  const setting: Setting = {
    clip: clip.value,
    noise: noisy.value ? noise.value : 0,
    masks: masks.value,
    pictures: [pixels.value, ...others.map((digit, i) => digitPixels(digit, i + 1))],
    labels: [label.value, ...others],
  };
  worker.postMessage({ id: asked, setting });
}

/** One view that shows a masked vector beside the unmasked one, and what switching protections off would give away. */
export function See() {
  const found = sight.value;
  const bare = !masks.value;
  return (
    <>
      <section class="hero">
        <h1>See for yourself</h1>
        <p class="lead">
          Write a digit. Your device computes one real training step on it, together with four invented participants.
          Then switch protections off, and see what the coordinator could read.
        </p>
      </section>
      <section aria-labelledby="your-digit" class="bench">
        <div class="bench-controls">
          <h2 id="your-digit">Your digit</h2>
          <Pad />
          <fieldset class="samples">
            <legend class="small">or take one</legend>
            {Array.from({ length: 10 }, (_, digit) => (
              <label key={digit}>
                <input
                  type="radio"
                  name="sample"
                  class="hidden"
                  checked={label.value === digit}
                  onChange={() => (label.value = digit)}
                />
                <span>{digit}</span>
              </label>
            ))}
          </fieldset>
          <h2>Protections</h2>
          <Switch
            on={clip.value}
            set={(value) => (clip.value = value)}
            name="Clipping"
            text="shortens your pull to length 1"
          />
          <Switch
            on={noisy.value}
            set={(value) => (noisy.value = value)}
            name="Noise"
            text={`your share of σ = ${short(noise.value)} × the longest pull`}
          />
          <label class={`slider ${noisy.value ? '' : 'off'}`}>
            <span class="hidden">How much noise</span>
            <input
              type="range"
              min={0.01}
              max={2}
              step={0.01}
              value={noise.value}
              disabled={!noisy.value}
              onInput={(event) => {
                noise.value = event.currentTarget.valueAsNumber;
                run();
              }}
            />
          </label>
          <Switch
            on={masks.value}
            set={(value) => (masks.value = value)}
            name="Masks"
            text="hide your list among the others’"
          />
        </div>
        <div class="bench-results" aria-busy={busy.value}>
          {problem.value !== null && (
            <p class="problem" role="alert">
              {problem.value}
            </p>
          )}
          {found !== null && (
            <>
              <div class="vectors">
                <Vector
                  title="Your list of numbers"
                  under="before any protection; it never leaves"
                  shown={found.plain}
                />
                <Vector
                  title="What leaves your device"
                  under={
                    bare
                      ? noisy.value
                        ? 'with noise, not masked'
                        : 'NOTHING HIDES IT'
                      : 'masked: every value is as likely as any other'
                  }
                  shown={found.sent}
                  tone={bare && !noisy.value ? 'bad' : 'good'}
                />
              </div>
              <p class="small">
                One picture a list: the {count(SIDE * SIDE)} of its {count(found.entries)} numbers that belong to your
                digit’s class, dark for negative, light for positive. {bytes(found.bytes)} travel.
              </p>
              <h2>What the coordinator rebuilds</h2>
              <p class="small">It looks at all ten classes; here is the one most like your digit.</p>
              <div class="vectors">
                <Guess title="From your contribution alone" shown={found.guess} />
                <Guess title="From the sum of all five" shown={found.sum} />
              </div>
              <div class="findings" role="status">
                <p class={found.guess.likeness > 0.5 ? 'verdict bad' : 'verdict good'}>{contributionWords(found)}</p>
                <p class={found.sum.likeness > 0.5 ? 'verdict bad' : 'verdict good'}>{sumWords(found)}</p>
                <p class="small">{guaranteeWords(found)}</p>
              </div>
            </>
          )}
        </div>
      </section>
      <section aria-labelledby="how">
        <h2 id="how">How it works</h2>
        <p>
          In a layer with weights and a bias, the gradient of the weights divided by that of the bias <i>is</i> the
          input: whoever gets one person’s bare gradient reads the picture off it. No learning, no guessing, one
          division. Deeper models hide it less well than people think.
        </p>
        <ul>
          <li>
            <b>Clipping</b> alone hides nothing. It bounds how far any example can pull, so that a known amount of noise
            is enough. Without it, noise gives no guarantee at all.
          </li>
          <li>
            <b>Noise</b> hides any one example, in the sum and in whatever is made of it, for good. That is what ε
            counts.
          </li>
          <li>
            <b>Masks</b> hide your contribution from the coordinator; they cancel in the sum. They do not hide anything{' '}
            <i>in</i> the sum: that is the noise’s work.
          </li>
        </ul>
        <p class="small">
          This is the code that trains for real: the engine, the grid, the noise shares and the whole protocol of secure
          aggregation between five parties run in this page. Nothing of it is sent.
        </p>
      </section>
    </>
  );
}

function contributionWords({ guess }: Sight): string {
  const like = `likeness ${percent(Math.round(guess.likeness * 100) / 100)}`;
  if (guess.likeness > 0.9) return `It reads your digit (${like}).`;
  if (guess.likeness > 0.5) return `It can still make your digit out (${like}).`;
  if (guess.likeness > 0.2) return `A shade of your digit is left (${like}).`;
  return `It gets nothing of your digit (${like}).`;
}

function sumWords({ sum }: Sight): string {
  const like = `likeness ${percent(Math.round(sum.likeness * 100) / 100)}`;
  if (sum.likeness > 0.5)
    return `The sum of only five gives your digit away (${like}): masks do not help there, noise does.`;
  if (sum.likeness > 0.2) return `The sum still holds a shade of it (${like}).`;
  return `The sum does not show it (${like}).`;
}

function guaranteeWords({ epsilon, norm }: Sight): string {
  const length = `Your gradient has length ${short(norm)}.`;
  if (epsilon === null) return `${length} There is no guarantee: that needs clipping and noise together.`;
  return `${length} For this one step: ε = ${short(epsilon)} at δ = 0.00001${epsilon > 10 ? ', which promises next to nothing: add noise' : ''}.`;
}

function Switch({ on, set, name, text }: { on: boolean; set: (value: boolean) => void; name: string; text: string }) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        checked={on}
        onChange={(event) => {
          set(event.currentTarget.checked);
          run();
        }}
      />
      <span class="track" aria-hidden="true" />
      <span>
        <b>{name}</b> <span class="small">{text}</span>
      </span>
    </label>
  );
}

/** A square to write on. */
function Pad() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawing = useRef(false);
  const size = 280;
  const sample = label.value;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context === null || context === undefined || canvas.current === null) return;
    drawDigit(context, { digit: sample, size });
    pixels.value = readPixels(canvas.current);
    run();
  }, [sample]);
  const at = (event: PointerEvent): [number, number] => {
    const box = (event.currentTarget as HTMLCanvasElement).getBoundingClientRect();
    return [((event.clientX - box.left) * size) / box.width, ((event.clientY - box.top) * size) / box.height];
  };
  return (
    <div class="pad">
      <canvas
        ref={canvas}
        width={size}
        height={size}
        role="img"
        aria-label={`Your digit, now a ${sample}. Write with a finger or a mouse, or choose one below.`}
        onPointerDown={(event) => {
          const context = event.currentTarget.getContext('2d');
          if (context === null) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          drawing.current = true;
          setPen(context, size);
          context.beginPath();
          context.moveTo(...at(event));
        }}
        onPointerMove={(event) => {
          if (!drawing.current) return;
          const context = event.currentTarget.getContext('2d');
          context?.lineTo(...at(event));
          context?.stroke();
        }}
        onPointerUp={(event) => {
          drawing.current = false;
          pixels.value = readPixels(event.currentTarget);
          run();
        }}
      />
      <button
        type="button"
        class="link"
        onClick={() => {
          const context = canvas.current?.getContext('2d');
          if (context === null || context === undefined) return;
          context.fillStyle = '#000';
          context.fillRect(0, 0, size, size);
        }}
      >
        Clear, and write
      </button>
    </div>
  );
}

function Picture({ values, name }: { values: Float32Array; name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context === null || context === undefined) return;
    const image = context.createImageData(SIDE, SIDE);
    for (const [i, value] of values.entries()) {
      image.data.fill(Math.round(value * 255), i * 4, i * 4 + 3);
      image.data[i * 4 + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [values]);
  return <canvas ref={canvas} class="picture" width={SIDE} height={SIDE} role="img" aria-label={name} />;
}

function Vector({
  title,
  under,
  shown,
  tone = 'plain',
}: {
  title: string;
  under: string;
  shown: Sight['plain'];
  tone?: string;
}) {
  return (
    <figure class={`vector ${tone}`}>
      <figcaption>
        <b>{title}</b>
        <span class="small">{under}</span>
      </figcaption>
      <Picture values={shown.picture} name={title} />
      <ol class="numbers" aria-label={`${title}: eight of its numbers`}>
        {shown.numbers.map((value, i) => (
          <li key={i}>{count(value)}</li>
        ))}
      </ol>
    </figure>
  );
}

function Guess({ title, shown }: { title: string; shown: Sight['guess'] }) {
  return (
    <figure class={`vector ${shown.likeness > 0.5 ? 'bad' : 'good'}`}>
      <figcaption>
        <b>{title}</b>
        <span class="small">likeness {percent(Math.round(shown.likeness * 100) / 100)}</span>
      </figcaption>
      <Picture values={shown.picture} name={`${title}, likeness ${percent(Math.round(shown.likeness * 100) / 100)}`} />
    </figure>
  );
}
