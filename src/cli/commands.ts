/**
 * The commands there are, in the order of the help. Only the one that is asked for is loaded: what the others need takes
 * longer to read than a first round.
 *
 * @module
 */

import { Command, Help } from 'commander';

import { version } from './version.ts';

interface Entry {
  /** Words on the command line that mean a command of this file. */
  readonly names: readonly string[];
  readonly load: () => Promise<readonly Command[]>;
}

/** Every command's file, below its heading in the help. */
const GROUPS: readonly { readonly heading: string; readonly entries: readonly Entry[] }[] = [
  {
    heading: 'Train on your own data or in one process:',
    entries: [
      { names: ['train'], load: async () => [(await import('./train.ts')).createTrainCommand()] },
      { names: ['fit'], load: async () => [(await import('./fit.ts')).createFitCommand()] },
      { names: ['run', 'simulate'], load: async () => [(await import('./run.ts')).createRunCommand()] },
      { names: ['model'], load: async () => [(await import('./model.ts')).createModelCommand()] },
      { names: ['view'], load: async () => [(await import('./view.ts')).createViewCommand()] },
      { names: ['export'], load: async () => [(await import('./export.ts')).createExportCommand()] },
    ],
  },
  {
    heading: 'Train between machines:',
    entries: [
      { names: ['init'], load: async () => [(await import('./init.ts')).createInitCommand()] },
      { names: ['serve'], load: async () => [(await import('./serve.ts')).createServeCommand()] },
      { names: ['join'], load: async () => [(await import('./join.ts')).createJoinCommand()] },
      { names: ['keys'], load: async () => [(await import('./keys.ts')).createKeysCommand()] },
      { names: ['status', 'logs', 'stop'], load: async () => (await import('./operate.ts')).createOperateCommands() },
    ],
  },
  {
    heading: 'Compute on secrets:',
    entries: [
      { names: ['mpc'], load: async () => [(await import('./mpc.ts')).createMpcCommand()] },
      { names: ['homomorphic'], load: async () => [(await import('./homomorphic.ts')).createHomomorphicCommand()] },
      { names: ['party'], load: async () => [(await import('./party.ts')).createPartyCommand()] },
      { names: ['secagg'], load: async () => [(await import('./secagg.ts')).createSecaggCommand()] },
    ],
  },
  {
    heading: 'Plan, measure and answer:',
    entries: [
      { names: ['privacy'], load: async () => [(await import('./privacy.ts')).createPrivacyCommand()] },
      { names: ['evaluate'], load: async () => [(await import('./evaluate.ts')).createEvaluateCommand()] },
      { names: ['predict'], load: async () => [(await import('./predict.ts')).createPredictCommand()] },
      { names: ['serve-model'], load: async () => [(await import('./serve-model.ts')).createServeModelCommand()] },
    ],
  },
  {
    heading: 'Care for data:',
    entries: [
      { names: ['prepare'], load: async () => [(await import('./prepare.ts')).createPrepareCommand()] },
      { names: ['pii'], load: async () => [(await import('./pii.ts')).createPiiCommand()] },
    ],
  },
  {
    heading: 'Check and be checked:',
    entries: [
      { names: ['redteam'], load: async () => [(await import('./redteam.ts')).createRedteamCommand()] },
      { names: ['verify'], load: async () => [(await import('./verify.ts')).createVerifyCommand()] },
      { names: ['log'], load: async () => [(await import('./log.ts')).createLogCommand()] },
      { names: ['card'], load: async () => [(await import('./card.ts')).createCardCommand()] },
      { names: ['lineage'], load: async () => [(await import('./lineage.ts')).createLineageCommand()] },
      { names: ['package'], load: async () => [(await import('./package.ts')).createPackageCommand()] },
      { names: ['open'], load: async () => [(await import('./open.ts')).createOpenCommand()] },
      { names: ['channel'], load: async () => [(await import('./channel.ts')).createChannelCommand()] },
      { names: ['keystore'], load: async () => [(await import('./keystore.ts')).createKeystoreCommand()] },
      { names: ['attest'], load: async () => [(await import('./attest.ts')).createAttestCommand()] },
    ],
  },
];

/** Every command's file and the heading of the help that it stands below. */
export const COMMANDS = GROUPS.flatMap(({ heading, entries }) => entries.map((entry) => ({ heading, ...entry })));

/** Columns of an option in the help; the description of a longer one begins below it. */
const TERM_COLUMNS = 30;

/** Help that wraps however long the longest option of a command is. */
const HELP: Partial<Help> = {
  padWidth(command, helper) {
    return Math.min(TERM_COLUMNS, Help.prototype.padWidth.call(helper, command, helper));
  },
  formatItem(term, columns, description, helper) {
    const item = (text: string): string => Help.prototype.formatItem.call(helper, text, columns, description, helper);
    return helper.displayWidth(term) <= columns ? item(term) : `  ${term}\n${item('')}`;
  },
};

/**
 * Gives a command, and those below it, what all have in common: the layout of the help, and that they throw what they would
 * end the process with, since there is one place that chooses exit codes.
 */
function prepared(command: Command): Command {
  for (const below of command.commands) prepared(below);
  return command.configureHelp(HELP).exitOverride();
}

/**
 * Creates the program for what is on the command line: with the one command that is asked for, and with all of them where
 * it is none of these (help, a version, a word that means nothing).
 * @param words - the command line behind the program's name.
 */
export async function createProgram(words: readonly string[]): Promise<Command> {
  const program = new Command('sotto')
    .description('Train machine-learning models on data that must stay where it is.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(see sotto --help)');
  if (words[0] === '--version' || words[0] === '-V') return program;
  const asked = COMMANDS.filter(({ names }) => words[0] !== undefined && names.includes(words[0]));
  for (const { heading, load } of asked.length > 0 ? asked : COMMANDS) {
    for (const command of await load()) program.addCommand(prepared(command).helpGroup(heading));
  }
  return program;
}
