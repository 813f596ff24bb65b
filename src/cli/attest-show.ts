/**
 * `sotto attest show`: explains the records that a participant keeps of its checks, for people: what was checked, when,
 * against which root, and with what outcome.
 *
 * @module
 */

import { Command } from 'commander';

import { type AttestationRecord, describeRecord } from '../trust/attestation/index.ts';
import { readText } from './attest-file.ts';
import { UsageError } from './exit-codes.ts';

/** Creates the command. */
export function createShowCommand(io: { readonly print: (text: string) => void }): Command {
  return new Command('show')
    .description(
      'Explain the records of checks that a participant keeps: TASK.attestation.jsonl, also as saved by a page.',
    )
    .argument('<file>', 'records, one a line')
    .option('--last', 'the newest alone')
    .option('--json', 'print the records as one JSON array')
    .exitOverride()
    .action((file: string, { last, json }: { last?: boolean; json?: boolean }) => {
      const records = readRecords(file).slice(last === true ? -1 : 0);
      io.print(json === true ? JSON.stringify(records) : records.map(describeRecord).join('\n').trimEnd());
    });
}

function readRecords(file: string): readonly AttestationRecord[] {
  const lines = readText(file)
    .split('\n')
    .filter((line) => line.trim() !== '');
  if (lines.length === 0) throw new UsageError(`${file} has no records`);
  return lines.map((line, i) => {
    try {
      const record = JSON.parse(line) as AttestationRecord;
      if (record.sotto !== 'attestation-record/1') throw new TypeError('it is of another kind');
      // A record that lacks a part cannot be laid out, and says so here.
      describeRecord(record);
      return record;
    } catch (cause) {
      throw new UsageError(
        `${file}:${i + 1} is no record of a check: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
  });
}
