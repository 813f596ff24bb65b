/**
 * `sotto attest publish`: the publisher's side of reference values. Signs them, puts them into a transparency log, and
 * writes what a coordinator hands out with its evidence, together with what participants pin in their policies.
 *
 * @module
 */

import { Command } from 'commander';
import { stringify } from 'yaml';

import { createSigningKey, toHex, utf8 } from '../foundations/crypto/index.ts';
import { loadOrCreateKey, writeFileAtomic } from '../runtime/storage/index.ts';
import { createFileTileStore } from '../runtime/storage/tiles/index.ts';
import { AttestationError, parseReferenceValues, signReferenceValues } from '../trust/attestation/index.ts';
import { formatVerifierKey, LogError, logReferences, openLog } from '../trust/log/index.ts';
import { readBytes } from './attest-file.ts';
import { UsageError } from './exit-codes.ts';

interface PublishOptions {
  readonly key: string;
  readonly name: string;
  readonly log: string;
  readonly logKey: string;
  readonly origin: string;
  readonly out: string;
  readonly json?: boolean;
}

/** Creates the command. */
export function createPublishCommand(io: {
  readonly print: (text: string) => void;
  readonly now: () => Date;
}): Command {
  return new Command('publish')
    .description('Sign reference values, put them into a transparency log, and write them with their receipt.')
    .argument('<values>', 'reference values, JSON; or a CoRIM that is signed already (COSE_Sign1)')
    .option('--key <file>', 'the publisher’s signing key; made when it is missing', 'publisher.key')
    .option('--name <name>', 'what participants’ policies call the publisher', 'releases')
    .requiredOption('--log <folder>', 'the log; made when it is missing')
    .option('--log-key <file>', 'the log’s signing key; made when it is missing', 'reference-log.key')
    .option('--origin <name>', 'name of the log', 'sotto/reference-values')
    .requiredOption('--out <file>', 'where the signed values are written; their receipt goes to FILE.tlog-proof')
    .option('--json', 'print { file, receipt, references } as JSON; references go into participants’ policies')
    .exitOverride()
    .action((values: string, options: PublishOptions) => publish(values, options, io));
}

async function publish(
  path: string,
  { key, name, log: folder, logKey, origin, out, json }: PublishOptions,
  io: { readonly print: (text: string) => void; readonly now: () => Date },
): Promise<void> {
  const bytes = readBytes(path);
  const isCorim = bytes[0] === 0xd2 || bytes[0] === 0x84;
  let signed = bytes;
  let signer: object = { kind: 'ecdsa', name, spki: 'SubjectPublicKeyInfo of your CoRIM’s signer, base64' };
  if (!isCorim) {
    const text = new TextDecoder().decode(bytes);
    try {
      parseReferenceValues(text);
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error;
      throw new UsageError(`${path}: ${error.message}`);
    }
    const publisher = createSigningKey(loadOrCreateKey(key));
    signed = signReferenceValues(utf8(text), publisher);
    signer = { kind: 'ed25519', name, publicKey: toHex(publisher.publicKey) };
  }
  let log: Awaited<ReturnType<typeof openLog>>;
  try {
    const signing = createSigningKey(loadOrCreateKey(logKey));
    log = await openLog({ store: createFileTileStore(folder), origin, key: signing });
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new UsageError(`${folder}: ${error.message}`);
  }
  const receipt = await logReferences(signed, { log, time: io.now() });
  writeFileAtomic(out, signed);
  writeFileAtomic(`${out}.tlog-proof`, receipt);
  const references = { signers: [signer], log: { keys: [formatVerifierKey(log.verifier)] } };
  if (json === true) {
    io.print(JSON.stringify({ file: out, receipt: `${out}.tlog-proof`, references }));
    return;
  }
  io.print(`# ${out} and ${out}.tlog-proof are written. Participants’ policies:`);
  io.print(stringify({ references }).trimEnd());
}
