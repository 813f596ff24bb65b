import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { crc32c, encodeMetricsParquet, encodeTensorBoard, readMetrics, writeMlflow } from './index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-exports-'));
  const lines = [
    { attempt: 1, round: 1, outcome: 'committed', epsilon: 0.5, accuracy: 0.25 },
    { attempt: 2, round: 2, outcome: 'aborted', reason: 'late', epsilon: 0.75 },
  ];
  writeFileSync(join(folder, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('metrics for other tools', () => {
  it('are read from a run folder, numbers alone, and a broken line is named', () => {
    expect(readMetrics(folder)[1]).toEqual({
      step: 2,
      outcome: 'aborted',
      values: { attempt: 2, round: 2, epsilon: 0.75 },
    });
    const broken = join(folder, 'broken.jsonl');
    writeFileSync(broken, '{}\n{"a":\n');
    expect(() => readMetrics(broken)).toThrow(/broken\.jsonl:2 is not JSON/);
  });

  it('as Parquet come back row by row, with nulls where there was nothing', async () => {
    const bytes = encodeMetricsParquet(readMetrics(folder));
    expect(await parquetReadObjects({ file: bytes.slice().buffer })).toEqual([
      { attempt: 1, round: 1, epsilon: 0.5, accuracy: 0.25, outcome: 'committed' },
      { attempt: 2, round: 2, epsilon: 0.75, accuracy: null, outcome: 'aborted' },
    ]);
  });

  it('as TensorBoard events have whole frames, and CRCs of the known polynomial', () => {
    // The check value of CRC-32C in every catalogue of CRCs.
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    const bytes = encodeTensorBoard(readMetrics(folder), { wallTime: new Date(1_700_000_000_000) });
    const view = new DataView(bytes.buffer);
    const unmask = (value: number): number => {
      const rotated = (value - 0xa282ead8) >>> 0;
      return ((rotated >>> 17) | (rotated << 15)) >>> 0;
    };
    const events: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = view.getUint32(at, true);
      expect(unmask(view.getUint32(at + 8, true))).toBe(crc32c(bytes.subarray(at, at + 8)));
      const event = bytes.subarray(at + 12, at + 12 + length);
      expect(unmask(view.getUint32(at + 12 + length, true))).toBe(crc32c(event));
      events.push(event);
      at += 16 + length;
    }
    const texts = events.map((event) => new TextDecoder('latin1').decode(event));
    expect(texts[0]).toContain('brain.Event:2');
    expect(texts[1]).toContain('sotto/accuracy');
    expect(texts[2]).not.toContain('sotto/accuracy');
  });

  it('as MLflow are the files of its file store', () => {
    const out = join(folder, 'mlruns');
    const run = 'a'.repeat(32);
    writeMlflow(out, readMetrics(folder), { run, name: 'digits', at: new Date(5000), parameters: { epsilon: '3' } });
    expect(readFileSync(join(out, '0', run, 'metrics', 'epsilon'), 'utf8')).toBe('5000 0.5 1\n5000 0.75 2\n');
    expect(readFileSync(join(out, '0', run, 'params', 'epsilon'), 'utf8')).toBe('3');
    expect(readFileSync(join(out, '0', run, 'meta.yaml'), 'utf8')).toMatch(/run_id: a{32}/);
  });
});
