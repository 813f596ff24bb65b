import { useEffect, useRef, useState } from 'preact/hooks';

import type { DataSummary, DroppedFile, TaskView } from '../../../../src/runtime/client/browser/index.ts';
import { count, plural } from '../format.ts';
import { read, readAgain, readError, reading, summary, task } from '../state.ts';

/** Where a person drops a folder or a file, and sees what became of it. */
export function DataDrop() {
  const [over, setOver] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (folder.current !== null) folder.current.webkitdirectory = true;
  }, []);
  const take = (input: HTMLInputElement): void => {
    const chosen = Array.from(input.files ?? [], (file) => ({ path: file.webkitRelativePath || file.name, file }));
    input.value = '';
    void read(chosen);
  };
  const progress = reading.value;
  return (
    <>
      <div
        class={`drop ${over ? 'over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer !== null) void droppedFiles(event.dataTransfer).then((found) => read(found));
        }}
      >
        <p>{task.value === null ? '' : wanted(task.value)}</p>
        <p class="actions">
          <button type="button" class="button" onClick={() => folder.current?.click()}>
            Choose a folder
          </button>
          <button type="button" class="button quiet" onClick={() => files.current?.click()}>
            Choose files
          </button>
          <input ref={folder} type="file" multiple hidden onChange={(event) => take(event.currentTarget)} />
          <input ref={files} type="file" multiple hidden onChange={(event) => take(event.currentTarget)} />
        </p>
        <p class="small">or drop them here. They are read in this browser and go nowhere.</p>
      </div>
      <div aria-live="polite">
        {progress !== null && (
          <p>
            Reading {count(progress.done)} of {plural(progress.total, 'file')}…
            <progress value={progress.done} max={progress.total} aria-label="Reading files" />
          </p>
        )}
        {readError.value !== null && (
          <p class="problem" role="alert">
            {readError.value}
          </p>
        )}
        {summary.value !== null && <Summary data={summary.value} />}
      </div>
    </>
  );
}

function wanted({ inputShape, classifies, outputs }: TaskView): string {
  const [height, width, channels = 1] = inputShape;
  const classes = classifies ? ` Name the folders 0 to ${outputs - 1}, by what they show.` : '';
  if (inputShape.length >= 2 && height !== undefined && width !== undefined) {
    return `This task learns from pictures (${width} × ${height}, ${channels === 1 ? 'brightness' : 'color'}; yours are resized).${classes}`;
  }
  return `This task learns from tables with ${plural(inputShape[0] ?? 0, 'number')} a row and a column “label”, or from texts in folders.${classes}`;
}

const KIND_WORDS: Readonly<Record<DataSummary['kind'], readonly [string, string]>> = {
  idx: ['example', 'examples'],
  table: ['row', 'rows'],
  images: ['picture', 'pictures'],
  texts: ['text', 'texts'],
};

function Summary({ data }: { data: DataSummary }) {
  const most = Math.max(1, ...data.classes.map((each) => each.count));
  const [inverted, setInverted] = useState(false);
  return (
    <div class="summary">
      <p>
        <b>{plural(data.size, ...KIND_WORDS[data.kind])}</b> ready on this device
        {data.ignored > 0 && <span class="small"> ({plural(data.ignored, 'other file')} not used)</span>}
      </p>
      {data.previews.length > 0 && (
        <figure>
          <div class="previews">
            {data.previews.map(({ pixels, label }, i) => (
              <Pixels key={i} pixels={pixels} label={label} />
            ))}
          </div>
          <figcaption class="small">What the model will see</figcaption>
        </figure>
      )}
      {data.lines.length > 0 && (
        <ul class="lines">
          {data.lines.map(({ text, label }, i) => (
            <li key={i}>
              <span class="chip">{label}</span> {text}
            </li>
          ))}
        </ul>
      )}
      {data.classes.length > 0 && (
        <ul class="bars" aria-label="Examples of each class">
          {data.classes.map((each) => (
            <li key={each.name}>
              <span class="bar-name">{each.name}</span>
              <span class="bar">
                <span style={{ width: `${(100 * each.count) / most}%` }} />
              </span>
              <span class="bar-count">{count(each.count)}</span>
            </li>
          ))}
        </ul>
      )}
      {data.kind === 'images' && (
        <label class="check">
          <input
            type="checkbox"
            checked={inverted}
            onChange={(event) => {
              setInverted(event.currentTarget.checked);
              void readAgain({ invert: event.currentTarget.checked });
            }}
          />
          Turn light into dark (for ink on paper, where the task learns from light on dark)
        </label>
      )}
      {data.columns.length > 1 && (
        <label class="field">
          Column with the label
          <select value={data.label ?? ''} onChange={(event) => void readAgain({ label: event.currentTarget.value })}>
            {data.columns.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
    </div>
  );
}

function Pixels({ pixels, label }: { pixels: Uint8Array; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height = 28, width = 28, channels = 1] = task.value?.inputShape ?? [];
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context === null || context === undefined || pixels.length !== height * width * channels) return;
    const image = context.createImageData(width, height);
    for (let i = 0; i < height * width; i += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        image.data[i * 4 + channel] = pixels[channels === 1 ? i : i * 3 + channel] as number;
      }
      image.data[i * 4 + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [pixels]);
  return <canvas ref={canvas} width={width} height={height} role="img" aria-label={`an example of ${label}`} />;
}

/** Everything that was dropped, folders walked through. */
async function droppedFiles(transfer: DataTransfer): Promise<DroppedFile[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const found: DroppedFile[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      found.push({ path: entry.fullPath.replace(/^\//, ''), file });
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const each of some) await walk(each);
    }
  };
  if (entries.length === 0) return Array.from(transfer.files, (file) => ({ path: file.name, file }));
  for (const entry of entries) await walk(entry);
  return found;
}
