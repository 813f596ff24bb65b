/** A curve over the attempts, drawn on a canvas: cheap to redraw however long the run. */

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { dark } from '../theme.ts';

/** One curve. `null`: no value there; the curve goes on behind it. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly tone: 'accent' | 'second' | 'third';
  readonly dashed?: boolean;
  readonly points?: boolean;
}

const HEIGHT = 190;
const colorOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

/** Draws curves. `label` says in words what somebody sees who cannot see them. */
export function Chart({
  x,
  names,
  series,
  format,
  label,
  min,
  max,
}: {
  x: readonly number[];
  /** The attempts that the points are of. */
  names: readonly number[];
  series: readonly Series[];
  format: (value: number) => string;
  label: string;
  min?: number;
  max?: number;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = [x, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData;
  const theme = dark.value;
  const named = useRef(names);
  named.current = names;
  const kinds = series.map(({ name }) => name).join('|');

  useEffect(() => {
    const element = holder.current;
    if (element === null) return undefined;
    const axis = {
      stroke: colorOf('soft'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: colorOf('line'), width: 1 },
      ticks: { show: false },
    };
    const chart = new uPlot(
      {
        width: element.clientWidth || 300,
        height: HEIGHT,
        padding: [10, 8, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { size: 7 } },
        scales: {
          x: { time: false, range: (_chart, low, high) => [Math.min(low, 1), Math.max(high, 2)] },
          y: {
            range: (_chart, low, high) => {
              const room = (high - low || Math.abs(high) || 1) * 0.08;
              return [min ?? low - room, Math.max(max ?? high + room, high)];
            },
          },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 26,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
            values: (_chart, values) => values.map(String),
          },
          { ...axis, size: 54, values: (_chart, values) => values.map(format) },
        ],
        series: [
          {},
          ...series.map(({ name, tone, dashed, points }): uPlot.Series => ({
            label: name,
            stroke: colorOf(tone),
            width: 2,
            spanGaps: true,
            ...(dashed === true ? { dash: [6, 6], width: 1.5 } : {}),
            points: { show: points === true, size: 5, fill: colorOf(tone) },
          })),
        ],
        hooks: { setCursor: [tell] },
      },
      data,
      element,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) chart.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = undefined;
    };
    // The curves' own numbers come by the effect below.
  }, [theme, kinds]);

  useEffect(() => plot.current?.setData(data), [x, ...series.map(({ values }) => values)]);

  const reading = useRef<HTMLParagraphElement>(null);
  function tell(chart: uPlot): void {
    const { idx } = chart.cursor;
    if (reading.current === null) return;
    const parts = chart.series.slice(1).flatMap((_, i) => {
      const name = series[i]?.name ?? '';
      const value = idx === null || idx === undefined ? undefined : chart.data[i + 1]?.[idx];
      return typeof value === 'number' ? [`${name} ${format(value)}`] : [];
    });
    reading.current.textContent =
      idx === null || idx === undefined || parts.length === 0
        ? ''
        : `attempt ${named.current[idx] ?? ''}: ${parts.join(', ')}`;
  }

  return (
    <>
      <div class="chart" role="img" aria-label={label} ref={holder} />
      <p class="reading" aria-hidden="true" ref={reading} />
    </>
  );
}
