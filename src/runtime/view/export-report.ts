/**
 * A run as one HTML file that needs nothing else: the page's own code and style, and the data, in it. It opens from a
 * disk, loads nothing, and may run nothing but the scripts whose digests it names.
 *
 * @module
 */

import { createHash } from 'node:crypto';

import type { PageFiles } from './page-files.ts';
import type { LedgerView, TaskView, ViewFacts } from './task-view.ts';
import { ViewError } from './errors.ts';

/** What a report holds. */
export interface ReportData {
  readonly facts: ViewFacts;
  readonly tasks: readonly TaskView[];
  readonly ledgers: Readonly<Record<string, LedgerView>>;
  readonly definitions: Readonly<Record<string, string>>;
  readonly cards: Readonly<Record<string, string>>;
}

/** Writes the report; `figures` are shown where no script runs. */
export function renderReport(pages: PageFiles, data: ReportData, figures = ''): string {
  const text = (path: string): string => {
    const file = pages.get(path);
    if (file === undefined) throw new ViewError('view/not-built', `the built page has no ${path}`);
    return new TextDecoder().decode(file.bytes);
  };
  const index = text('');
  const scripts: string[] = [];
  const styles: string[] = [];
  const body = index
    .replaceAll(/<script\b[^>]*\bsrc="\.\/([^"]+)"[^>]*><\/script>/g, (_, path: string) => {
      scripts.push(text(path));
      return '';
    })
    .replaceAll(/<link\b[^>]*\bhref="\.\/([^"]+\.css)"[^>]*>/g, (_, path: string) => {
      styles.push(text(path));
      return '';
    })
    .replaceAll(/<link\b[^>]*\brel="(icon|manifest)"[^>]*>/g, '');
  // A script ends at the first `</script`: in code it can only stand inside of a string, where `<\/` means the same.
  const code = scripts.map((script) => script.replaceAll(/<\/(script)/gi, '<\\/$1'));
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  const digests = code.map((script) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  const policy = `default-src 'none'; script-src ${digests.join(' ')}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'`;
  const head = [
    `<meta http-equiv="Content-Security-Policy" content="${policy}" />`,
    ...styles.map((style) => `<style>${style.replaceAll(/<\/(style)/gi, '<\\/$1')}</style>`),
  ].join('\n');
  const end = [
    ...(figures === '' ? [] : [`<noscript>${figures}</noscript>`]),
    `<script type="application/json" id="report">${json}</script>`,
    ...code.map((script) => `<script type="module">${script}</script>`),
  ].join('\n');
  return body.replace('<head>', () => `<head>\n${head}`).replace('</body>', () => `${end}\n</body>`);
}

/** Gathers the report of every task of a source. */
export async function gatherReport(
  source: {
    heads(): readonly { id: string }[];
    tracker(id: string): Promise<{ view(): TaskView }>;
    ledger(id: string): Promise<LedgerView>;
    definition(id: string): Promise<string>;
  },
  { facts, describe }: { facts: ViewFacts; describe: (view: TaskView) => string },
): Promise<ReportData> {
  const ids = source.heads().map(({ id }) => id);
  const each = async <T>(get: (id: string) => Promise<T>): Promise<Record<string, T>> =>
    Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await get(id)] as const)));
  const tasks = await Promise.all(ids.map(async (id) => (await source.tracker(id)).view()));
  return {
    facts,
    tasks,
    ledgers: await each((id) => source.ledger(id)),
    definitions: await each((id) => source.definition(id)),
    cards: Object.fromEntries(tasks.map((view) => [view.head.id, describe(view)])),
  };
}
