/**
 * The figures of a report as pictures, drawn by Observable Plot when the report is written: for mail previews, archives
 * and whoever runs no script. Where scripts run, the same curves are the page's own.
 *
 * @module
 */

import type { AttemptPoint, TaskView } from './task-view.ts';

type Drawn = { readonly outerHTML: string };

const SIZE = { width: 560, height: 240, grid: true, marginLeft: 52, marginTop: 28 };
const BLUE = 'steelblue';

/** Draws the figures of tasks as HTML without a script. */
export async function drawReportFigures(tasks: readonly TaskView[]): Promise<string> {
  // Loaded here: whoever writes no report loads no drawing library.
  const [Plot, { createSvgDocument, escapeHtml }] = await Promise.all([
    import('@observablehq/plot'),
    import('../../learning/answers/index.ts'),
  ]);
  const figure = (options: object, caption: string): string => {
    const drawn = Plot.plot({ ...SIZE, ...options, document: createSvgDocument() as Document }) as unknown as Drawn;
    return `<figure>${drawn.outerHTML}<figcaption>${escapeHtml(caption)}</figcaption></figure>`;
  };

  /** Attempts in the order in which they ended, which is not that of their numbers where several were open at once. */
  const ended = (history: readonly AttemptPoint[]) => history.map((point, i) => ({ ...point, place: i + 1 }));

  function curve(history: readonly AttemptPoint[], name: 'accuracy' | 'loss', y: object = {}): string {
    const points = ended(history).filter((point) => point[name] !== undefined);
    if (points.length === 0) return '';
    return figure(
      {
        x: { label: 'attempts ended' },
        y: { label: name, ...y },
        marks: [
          Plot.lineY(points, { x: 'place', y: name, stroke: BLUE }),
          Plot.dot(points, { x: 'place', y: name, fill: BLUE }),
        ],
      },
      `${name === 'accuracy' ? 'Accuracy' : 'Loss'} on public test data.`,
    );
  }

  function spent({ head, history }: TaskView): string {
    const allowed = head.privacy.epsilon;
    const points = ended(history).filter(({ epsilon }) => epsilon !== null);
    if (allowed === null || points.length === 0) return '';
    return figure(
      {
        x: { label: 'attempts ended' },
        y: { label: 'ε', domain: [0, allowed * 1.08] },
        marks: [
          Plot.ruleY([allowed], { strokeDasharray: '6 6' }),
          Plot.lineY(points, { x: 'place', y: 'epsilon', stroke: BLUE, curve: 'step-after' }),
        ],
      },
      `Privacy spent, attempt by attempt; the dashed line is the budget, ε = ${allowed}.`,
    );
  }

  function lost(history: readonly AttemptPoint[]): string {
    const counts = new Map<string, number>();
    for (const { stages = [] } of history) {
      for (const { stage, expected, answered } of stages) {
        counts.set(stage, (counts.get(stage) ?? 0) + expected - answered);
      }
    }
    if (counts.size === 0) return '';
    const bars = [...counts].map(([stage, count]) => ({ stage, count }));
    return figure(
      {
        marginLeft: 130,
        x: { label: 'participants lost' },
        y: { label: null, domain: bars.map(({ stage }) => stage) },
        marks: [Plot.barX(bars, { x: 'count', y: 'stage', fill: BLUE }), Plot.ruleX([0])],
      },
      'Participants lost, by stage of the protocol, in all attempts.',
    );
  }

  return tasks
    .map((task) => {
      const { head, history } = task;
      const facts = [
        `${head.round} of ${head.rounds} rounds`,
        head.accuracy === null ? '' : `accuracy ${(100 * head.accuracy).toFixed(1)} %`,
        head.epsilon === null ? 'not private' : `ε = ${head.epsilon.toFixed(3)} of ${head.privacy.epsilon}`,
      ].filter((fact) => fact !== '');
      const figures = [curve(history, 'accuracy'), curve(history, 'loss'), spent(task), lost(history)];
      return `<h1>${escapeHtml(head.name)}</h1><p>${escapeHtml(facts.join(', '))}</p>${figures.join('\n')}`;
    })
    .join('\n');
}
