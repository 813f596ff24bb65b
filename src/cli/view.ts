/**
 * `sotto view RUN`: a run folder as pages, or as one HTML file.
 *
 * @module
 */

import { resolve } from 'node:path';

import { Command } from 'commander';

import { writeFileAtomic } from '../runtime/storage/index.ts';
import {
  describeModel,
  drawReportFigures,
  gatherReport,
  readRun,
  renderReport,
  startViewServer,
} from '../runtime/view/index.ts';
import { UsageError } from './exit-codes.ts';
import { loadPages, preloadPages } from './pages.ts';
import { PAGE_PORT } from './run-page.ts';
import { version } from './version.ts';

interface ViewOptions {
  readonly export?: string;
  readonly port: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createViewCommand(): Command {
  return new Command('view')
    .description('Open a run folder as pages, or write it as one HTML file that needs nothing else.')
    .argument('<run>', 'run folder')
    .option('--export <file>', 'write one self-contained HTML report, and end')
    .option('--port <port>', 'port to listen on; when it is taken, another one is', String(PAGE_PORT))
    .option('--json', 'print the address or the file as one line of JSON')
    .action((run: string, options: ViewOptions) => view(run, options));
}

async function view(run: string, options: ViewOptions): Promise<void> {
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new UsageError(`--port must be in [0, 65535], got ${options.port}`);
  }
  const source = readRun(resolve(run));
  if (options.export !== undefined) {
    const data = await gatherReport(source, {
      facts: { kind: 'report', version, place: run },
      describe: describeModel,
    });
    const html = renderReport(await loadPages('dashboard'), data, await drawReportFigures(data.tasks));
    writeFileAtomic(options.export, html);
    const sizeBytes = Buffer.byteLength(html);
    process.stdout.write(
      options.json === true
        ? `${JSON.stringify({ file: options.export, sizeBytes })}\n`
        : `${options.export}: ${Math.round(sizeBytes / 1000)} kB, open it in any browser\n`,
    );
    return;
  }
  const server = await startViewServer({ source, version, pages: preloadPages('dashboard'), port });
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ url: server.url })}\n` : `${server.url}  (Ctrl-C ends)\n`,
  );
  await new Promise<void>((done) => {
    process.once('SIGINT', () => done());
    process.once('SIGTERM', () => done());
  });
  await server.close();
}
