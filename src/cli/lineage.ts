/**
 * `sotto lineage RUN`: where a model comes from, as OpenLineage events or PROV-JSON; `--erase` destroys what ties the
 * log to a subject and writes the receipt.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command, Option } from 'commander';

import { createSigningKey } from '../foundations/crypto/index.ts';
import { openRunFolder, type Vault } from '../runtime/storage/index.ts';
import { createFileSaltStore, createFileTileStore, parseKeyText } from '../runtime/storage/tiles/index.ts';
import { eraseSubject, formatOpenLineage, formatProv, readLineage } from '../trust/lineage/index.ts';
import { openLog, parseVerifierKey, readRun, RUN_FILES } from '../trust/log/index.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfRun } from './key-store-options.ts';
import { folderFiles } from './run-files.ts';
import { derivePlan } from './derive-plan.ts';

interface LineageOptions {
  readonly format: 'openlineage' | 'prov' | 'text';
  readonly preparation: readonly string[];
  readonly erase?: string;
  readonly out?: string;
  readonly keyStore?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createLineageCommand(): Command {
  return new Command('lineage')
    .description('Tell where a run’s model comes from, from its log: OpenLineage events, PROV-JSON, or text.')
    .argument('<run>', 'run folder')
    .addOption(new Option('--format <format>').choices(['openlineage', 'prov', 'text']).default('text'))
    .option(
      '--preparation <file>',
      'lineage.json of a preparation that the log knows; repeatable',
      (value: string, before: readonly string[]) => [...before, value],
      [] as readonly string[],
    )
    .option('--erase <subject>', 'destroy the salt of a subject, log it, and write the receipt')
    .option('--key-store <folder>', 'for a sealed run folder: its key store')
    .option('--out <file>', 'file to write (default: standard output)')
    .option('--json', 'the graph as JSON')
    .action((run: string, options: LineageOptions) => lineage(run, options));
}

async function lineage(run: string, options: LineageOptions): Promise<void> {
  if (!existsSync(run)) throw new UsageError(`the run folder ${run} does not exist`);
  const write = (content: string): void => {
    if (options.out === undefined) process.stdout.write(content);
    else writeFileSync(options.out, content);
  };
  const vault = await vaultOfRun(run, options.keyStore);
  if (options.erase !== undefined) {
    write(await erase(run, { subject: options.erase, vault }));
    return;
  }
  const preparations = options.preparation.map((path) => {
    if (!existsSync(path)) throw new UsageError(`${path} does not exist`);
    return new Uint8Array(readFileSync(path));
  });
  const graph = readLineage(await readRun(folderFiles(run, vault), { derivePlan }), preparations);
  const { format } = options;
  if (options.json === true) write(`${JSON.stringify(graph, undefined, 2)}\n`);
  else if (format === 'openlineage')
    write(
      formatOpenLineage(graph)
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
  else if (format === 'prov') write(`${JSON.stringify(formatProv(graph), undefined, 2)}\n`);
  else {
    const lines = graph.activities.map(
      ({ id, outcome, used, made, charge }) =>
        `${id}${outcome === 'abort' ? ' (aborted)' : ''}: ${used.join(', ') || '–'} → ${made.join(', ') || '–'}${charge === null ? '' : `  [${charge.reservation}]`}`,
    );
    write(`${lines.join('\n')}\n`);
  }
}

/** Removes a participant's receipt from a run folder. Returns the names of what is gone. */
function removeReceipt(run: string, subject: string): readonly string[] {
  const receipts = join(run, RUN_FILES.receipts);
  const name = `${subject}.json`;
  // Found by listing: a subject's name is never a path.
  if (!existsSync(receipts) || !readdirSync(receipts).includes(name)) return [];
  const path = join(receipts, name);
  // Overwritten where it lies, as far as the disk lets it.
  writeFileSync(path, new Uint8Array(statSync(path).size), { flag: 'r+', flush: true });
  rmSync(path);
  return ['receipt'];
}

async function erase(
  run: string,
  { subject, vault }: { readonly subject: string; readonly vault: Vault | undefined },
): Promise<string> {
  const folder = openRunFolder(run, { vault });
  try {
    const decoder = new TextDecoder();
    const seed = folder.has(RUN_FILES.privateKey)
      ? parseKeyText(decoder.decode(folder.read(RUN_FILES.privateKey)))
      : undefined;
    if (seed === undefined) throw new UsageError(`${join(run, RUN_FILES.privateKey)} is not the key of a log`);
    const log = await openLog({
      store: createFileTileStore(folder.file('log')),
      origin: parseVerifierKey(decoder.decode(folder.read(RUN_FILES.key)).trim()).name,
      key: createSigningKey(seed),
      partials: 'latest',
    });
    const salts = createFileSaltStore(folder.file(RUN_FILES.salts), { vault, name: RUN_FILES.salts });
    const { proof } = await eraseSubject(subject, {
      log,
      salts,
      // The receipt that waits for its participant holds the salt: as long as it lies here nothing is erased.
      destroyKeys: () => Promise.resolve(removeReceipt(folder.path, subject)),
      time: new Date(),
    });
    return proof;
  } finally {
    folder.close();
  }
}
