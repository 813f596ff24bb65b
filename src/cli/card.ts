/**
 * `sotto card RUN`: the privacy card of a run that verifies, for people, registries and those who audit.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { Command, Option } from 'commander';
import { parse } from 'yaml';

import {
  createPrivacyCard,
  formatCardPage,
  formatHipaaSheet,
  formatImpactAssessment,
  formatNistSheet,
  formatProcessingRecord,
  formatRegistryRecord,
  parseControllerFacts,
  type PrivacyCard,
} from '../trust/card/index.ts';
import { parseVerifierKey, readRun } from '../trust/log/index.ts';
import { UsageError } from './exit-codes.ts';
import { vaultOfRun } from './key-store-options.ts';
import { folderFiles, urlFiles } from './run-files.ts';
import { derivePlan } from './derive-plan.ts';

const FORMATS: Readonly<Record<string, (card: PrivacyCard) => string>> = {
  html: formatCardPage,
  yaml: formatRegistryRecord,
  json: (card) => `${JSON.stringify(card, undefined, 2)}\n`,
  nist: formatNistSheet,
  'gdpr-record': formatProcessingRecord,
  dpia: formatImpactAssessment,
  hipaa: formatHipaaSheet,
};

interface CardOptions {
  readonly format: string;
  readonly facts?: string;
  readonly out?: string;
  readonly key?: string;
  readonly token?: string;
  readonly fingerprint?: string;
  readonly keyStore?: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createCardCommand(): Command {
  return new Command('card')
    .description('Make the privacy card of a run from its log: page, registry record, NIST, GDPR and HIPAA sheets.')
    .argument('<run>', 'run folder, or address of a run')
    .addOption(new Option('--format <format>', 'what to write').choices(Object.keys(FORMATS)).default('html'))
    .option('--facts <file>', 'YAML with what no log knows: controller, purpose, legalBasis…')
    .option('--key <key>', 'key of the log that you know: NAME+ID+KEY, or a file with it')
    .option('--key-store <folder>', 'for a sealed run folder: its key store')
    .option('--token <token>', 'for a coordinator’s log (default: SOTTO_TOKEN)')
    .option('--fingerprint <sha256>', 'pin the coordinator’s certificate')
    .option('--out <file>', 'file to write (default: standard output)')
    .option('--json', 'the same as --format json')
    .action((run: string, options: CardOptions) => card(run, options));
}

async function card(run: string, options: CardOptions): Promise<void> {
  const isUrl = /^https?:\/\//.test(run);
  if (!isUrl && !existsSync(run)) throw new UsageError(`the run folder ${run} does not exist`);
  if (options.facts !== undefined && !existsSync(options.facts))
    throw new UsageError(`${options.facts} does not exist`);
  const facts = options.facts === undefined ? {} : parseControllerFacts(parse(readFileSync(options.facts, 'utf8')));
  const files = isUrl
    ? await urlFiles(run, { token: options.token ?? process.env.SOTTO_TOKEN, fingerprint: options.fingerprint })
    : folderFiles(run, await vaultOfRun(run, options.keyStore));
  const { key } = options;
  const verifiers =
    key === undefined
      ? {}
      : { verifiers: [parseVerifierKey((existsSync(key) ? readFileSync(key, 'utf8') : key).trim())] };
  const made = createPrivacyCard(await readRun(files, { ...verifiers, derivePlan }), facts);
  const format = options.json === true ? 'json' : options.format;
  const content = (FORMATS[format] as (made: PrivacyCard) => string)(made);
  if (options.out === undefined) process.stdout.write(content);
  else {
    writeFileSync(options.out, content);
    console.error(`wrote ${options.out}`);
  }
}
