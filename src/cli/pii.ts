/**
 * `sotto pii scan FILE`: finds personal data in text. `sotto pii redact FILE` prints the text without it.
 *
 * @module
 */

import { readFileSync } from 'node:fs';

import { Command, Option } from 'commander';

import {
  type Compromise,
  createCompromiseRecognizer,
  createPiiScanner,
  type EntityType,
  type PiiOperator,
  type PiiSpan,
  redactText,
  type ScannerOptions,
} from '../learning/preparation/index.ts';
import { readFileOf } from '../runtime/storage/index.ts';
import { UsageError } from './exit-codes.ts';

interface ScanOptions {
  readonly json?: boolean;
  readonly entities?: string;
  readonly minScore: string;
  readonly names: 'lists' | 'compromise';
  readonly overlaps?: boolean;
  readonly operator?: 'replace' | 'redact' | 'mask';
}

/** Creates the command. */
export function createPiiCommand(): Command {
  const scan = addOptions(new Command('scan').description('List what is found, with offsets in UTF-16 code units.'))
    .option('--json', 'print [{ type, start, end, score }]')
    .option('--overlaps', 'report overlapping findings too')
    .action(async (path: string, options: ScanOptions) => {
      const text = readText(path);
      const spans = (await createScanner(options)).scan(text);
      console.log(options.json === true ? JSON.stringify(spans) : formatSpans(text, spans));
    });
  const redact = addOptions(new Command('redact').description('Print the text with what is found rewritten.'))
    .addOption(
      new Option('--operator <kind>', 'what is done with a finding')
        .choices(['replace', 'redact', 'mask'])
        .default('replace'),
    )
    .option('--json', 'print { text, findings: [{ type, start, end, score }] }; offsets are those of the text before')
    .action(async (path: string, options: ScanOptions) => {
      const before = readText(path);
      const operator: PiiOperator = { kind: options.operator ?? 'replace' };
      const findings = (await createScanner(options)).scan(before);
      const { text } = redactText(before, findings, { operators: { default: operator } });
      process.stdout.write(options.json === true ? `${JSON.stringify({ text, findings })}\n` : text);
    });
  return new Command('pii')
    .description('Find personal data in text, or take it out.')
    .addCommand(scan)
    .addCommand(redact);
}

function addOptions(command: Command): Command {
  return command
    .argument('<file>', 'text file, UTF-8; - for standard input')
    .option('--entities <list>', 'only these types, separated by commas')
    .option('--min-score <number>', 'leave out what is less certain', '0.4')
    .addOption(
      new Option('--names <how>', 'people and places by lists alone, or also by compromise (npm install compromise)')
        .choices(['lists', 'compromise'])
        .default('lists'),
    );
}

function readText(path: string): string {
  const bytes = path === '-' ? readFileSync(0) : readFileOf(path, 'text');
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

async function createScanner(options: ScanOptions): Promise<ReturnType<typeof createPiiScanner>> {
  const minScore = Number(options.minScore);
  if (!(minScore >= 0 && minScore <= 1))
    throw new UsageError(`--min-score must be in [0, 1], got "${options.minScore}"`);
  const settings: ScannerOptions = {
    minScore,
    ...(options.overlaps === true ? { overlaps: 'all' } : {}),
    ...(options.entities === undefined
      ? {}
      : { entities: options.entities.split(',').map((entity) => entity.trim()) as EntityType[] }),
    ...(options.names === 'compromise' ? { recognizers: [createCompromiseRecognizer(await loadCompromise())] } : {}),
  };
  return createPiiScanner(settings);
}

async function loadCompromise(): Promise<Compromise> {
  try {
    return (await import('compromise')).default as unknown as Compromise;
  } catch {
    throw new UsageError('--names compromise needs the package compromise: npm install compromise');
  }
}

function formatSpans(text: string, spans: readonly PiiSpan[]): string {
  if (spans.length === 0) return 'nothing found';
  // Findings come in order, so that the text is run through once.
  let [line, at] = [1, 0];
  const lineAt = (offset: number): number => {
    for (let next = text.indexOf('\n', at); next >= 0 && next < offset; next = text.indexOf('\n', at)) {
      line += 1;
      at = next + 1;
    }
    return line;
  };
  return spans
    .map(({ type, start, end, score }) => `line ${lineAt(start)}, ${start}–${end}: ${type} (${score})`)
    .join('\n');
}
