/**
 * `sotto redteam audit | members | invert`: attacks as measurements, so that what the ledger claims can be checked.
 *
 * @module
 */

import { Command, Option } from 'commander';

import { type AuditOptions, runAudit } from './redteam/audit.ts';
import { type InvertOptions, runInvert } from './redteam/invert.ts';
import { type MembersOptions, runMembers } from './redteam/members.ts';

/** Creates the command. */
export function createRedteamCommand(): Command {
  const command = new Command('redteam').description(
    'Attack a training, a model or an update of your own, and measure what it gives away.',
  );
  const withOutput = (sub: Command): Command =>
    sub
      .option('--report <file>', 'write the findings with figures as one HTML page')
      .option('--workers <count>', 'worker threads (default: one a core)')
      .option('--json', 'print the findings as JSON, and nothing else, on standard output')
      .option('--quiet', 'no progress');

  withOutput(command.command('audit'))
    .description(
      'Train once with canaries that secret coins put in or leave out, guess the coins, and compare the ε that the right ' +
        'guesses refute with the one the ledger would claim. The ledger is not touched, and the model is not kept.',
    )
    .argument('<task>', 'task file, as for sotto train')
    .option('--canaries <count>', 'canaries', '1000')
    .addOption(
      new Option('--canary <kind>', 'gradient: seen in every step; mislabelled, scrambled: seen in the finished model')
        .choices(['gradient', 'mislabelled', 'scrambled'])
        .default('gradient'),
    )
    .option('--confidence <number>', 'of the lower bound', '0.95')
    .option('--delta <number>', 'for tasks without privacy (default: the task’s delta, else 1e-5)')
    .option('--data <folder>', 'data instead of the task file’s, as for sotto train')
    .option('--rounds <count>', 'steps to train')
    .option('--epsilon <number>', 'privacy budget of the whole task')
    .action((task: string, options: AuditOptions) => runAudit(task, options));

  withOutput(command.command('members'))
    .description(
      'Ask a finished model which examples it was trained on: thresholds on loss and entropy, and shadow models.',
    )
    .argument('<run>', 'run folder with model.safetensors')
    .option('--members <folder>', 'IDX data set whose training part it was trained on (default: the task’s data)')
    .option('--others <folder>', 'IDX data set whose test part it never saw (default: the task’s data)')
    .option('--shadows <count>', 'models to train in memory that calibrate each example’s score', '0')
    .option('--most <count>', 'examples of either kind to measure on', '10000')
    .option('--confidence <number>', 'of intervals', '0.95')
    .action((run: string, options: MembersOptions) => runMembers(run, options));

  withOutput(command.command('invert'))
    .description(
      'Read examples out of one participant’s update: as it is, clipped, noised, and as the coordinator receives it under masks.',
    )
    .argument('<task>', 'task file, as for sotto train; its first layer must be dense')
    .option('--batches <counts>', 'examples in the update, several numbers with commas', '1,4,16')
    .option('--draws <count>', 'updates of each size that are attacked', '8')
    .option('--data <folder>', 'data instead of the task file’s, as for sotto train')
    .action((task: string, options: InvertOptions) => runInvert(task, options));
  return command;
}
