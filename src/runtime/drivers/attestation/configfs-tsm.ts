/**
 * Evidence from the kernel's common interface for trusted security modules, for SEV-SNP and TDX guests since Linux 6.7:
 * a folder per request under `/sys/kernel/config/tsm/report`. [ABI/testing/configfs-tsm]
 *
 * @module
 */

import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { AttestationError, type Evidence, type EvidenceSource } from '../../../trust/attestation/index.ts';
import { readCertificateTable } from './certificate-table.ts';
import { assembleSnpEvidence, type SnpCertificates } from './snp-evidence.ts';

/** The file operations that the interface takes. */
export interface TsmFiles {
  makeFolder(path: string): Promise<unknown>;
  removeFolder(path: string): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, bytes: Uint8Array): Promise<void>;
}

/** Options of the interface. */
export interface TsmOptions {
  readonly root?: string;
  readonly files?: TsmFiles;
  /** Privilege level to attest (SEV-SNP). */
  readonly vmpl?: number;
  readonly certificates?: SnpCertificates;
  /** Reads the text of a DCAP collateral file for this platform (TDX). */
  readonly collateral?: () => Promise<string>;
}

const ATTEMPTS = 3;
let counter = 0;

const nodeFiles: TsmFiles = {
  makeFolder: (path) => mkdir(path),
  removeFolder: (path) => rmdir(path),
  read: async (path) => new Uint8Array(await readFile(path)),
  write: (path, bytes) => writeFile(path, bytes),
};

const failed = (message: string, cause?: unknown): AttestationError =>
  new AttestationError('attestation/device-failed', message, cause === undefined ? {} : { cause });

/** Reads one report. The generation counts writes: a foreign one in between makes the answer somebody else's. */
async function readReport(files: TsmFiles, folder: string, { vmpl }: TsmOptions, reportData: Uint8Array) {
  const text = async (name: string) =>
    Buffer.from(await files.read(join(folder, name)))
      .toString('latin1')
      .trim();
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = Number(await text('generation'));
    await files.write(join(folder, 'inblob'), reportData);
    if (vmpl !== undefined) await files.write(join(folder, 'privlevel'), Buffer.from(String(vmpl)));
    const outblob = await files.read(join(folder, 'outblob'));
    const provider = await text('provider');
    // Providers without auxiliary data refuse the read.
    const auxblob = await files.read(join(folder, 'auxblob')).catch(() => new Uint8Array(0));
    const writes = vmpl === undefined ? 1 : 2;
    if (Number(await text('generation')) === before + writes) return { provider, outblob, auxblob };
  }
  throw failed('configfs-tsm: the report was changed by another process, three times over');
}

async function evidenceOf(
  { provider, outblob, auxblob }: Awaited<ReturnType<typeof readReport>>,
  { certificates = {}, collateral }: TsmOptions,
): Promise<Evidence> {
  switch (provider) {
    case 'sev_guest':
      return assembleSnpEvidence(outblob, readCertificateTable(auxblob), certificates);
    case 'tdx_guest':
      return { kind: 'intel', quote: outblob, ...(collateral ? { collateral: await collateral() } : {}) };
    default:
      throw failed(`configfs-tsm: provider ${provider} is not supported`);
  }
}

/** Creates a source of evidence on the interface. */
export function createTsmSource(options: TsmOptions = {}): EvidenceSource {
  const { root = '/sys/kernel/config/tsm/report', files = nodeFiles } = options;
  return async ({ reportData }) => {
    counter += 1;
    const folder = join(root, `sotto-${process.pid}-${counter}`);
    try {
      await files.makeFolder(folder);
    } catch (cause) {
      throw failed(`configfs-tsm: ${folder} cannot be made (Linux 6.7, configfs mounted, root?)`, cause);
    }
    try {
      return await evidenceOf(await readReport(files, folder, options, reportData), options);
    } catch (cause) {
      throw cause instanceof AttestationError ? cause : failed('configfs-tsm: the report cannot be read', cause);
    } finally {
      await files.removeFolder(folder).catch(() => undefined);
    }
  };
}
