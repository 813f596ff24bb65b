/**
 * The record of a coordinator's installation tells of the keys that others know it by, and of what was done to the key store
 * that it is sealed under.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { serve } from '../../src/runtime/coordinator/index.ts';
import { followKeyStore } from '../../src/runtime/coordinator/key-record.ts';
import { createFileKeeper, createSelfSignedCertificate, fingerprintOfPem } from '../../src/runtime/drivers/index.ts';
import { openKeyStore, openVault } from '../../src/runtime/storage/index.ts';
import { auditRun, createLogReader, decodeLeaf, type LeafOf } from '../../src/trust/log/index.ts';

let base: string;
let folder: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sotto-key-record-'));
  folder = join(base, 'store');
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

describe('the record of a coordinator', () => {
  it('has the keys that others know it by and what was done to its key store, and without it there is no start', async () => {
    const keyStore = await openKeyStore(folder, { keeper: createFileKeeper(join(base, 'keys')) });
    const { id } = await keyStore.createKey('coordinator');
    const vault = await openVault(keyStore, id);
    const certificates = await Promise.all(
      [0, 1].map(() => createSelfSignedCertificate(['localhost'], { now: new Date() })),
    );
    const start = (tls: (typeof certificates)[number] | undefined): ReturnType<typeof serve> =>
      serve({
        folder: join(base, 'state'),
        host: '127.0.0.1',
        port: 0,
        vault,
        keyStore: { folder },
        ...(tls === undefined ? {} : { tls }),
        factsOf: () => Promise.resolve({ inputShape: [6] }),
        log: () => {},
      });
    /** What the log of the installation tells of acts. */
    async function actsOf({
      service: { record },
    }: Awaited<ReturnType<typeof serve>>): Promise<LeafOf<'administrative'>[]> {
      const read = (path: string): Promise<Uint8Array | undefined> => record.logFile(path);
      const report = await auditRun({ list: () => Promise.resolve(undefined), read });
      expect(report.ok).toBe(true);
      const reader = createLogReader({ read: (path) => read(`log/${path}`) }, report.leaves);
      const acts: LeafOf<'administrative'>[] = [];
      for await (const entry of reader.entries(0, report.leaves)) {
        const leaf = decodeLeaf(entry);
        if (leaf.kind === 'administrative') acts.push(leaf);
      }
      return acts;
    }
    const first = await start(certificates[0]);
    expect((await actsOf(first)).map(({ action }) => action)).toEqual(['identity']);
    await first.close();
    await keyStore.rotate();
    keyStore.close();
    const second = await start(certificates[1]);
    const acts = await actsOf(second);
    const { db, audit: write } = second.service;
    await followKeyStore({ folder }, { db, audit: write });
    expect(await actsOf(second)).toEqual(acts);
    await second.close();
    expect(acts.map(({ action }) => action)).toEqual(['identity', 'identity', 'key-replaced']);
    const keys = `certificate sha256:${fingerprintOfPem(certificates[1]?.certificate ?? '')}; sealed under ${id}`;
    expect(acts[1]?.detail).toMatch(new RegExp(`^log key sha256:[0-9a-f]{64}; ${keys}$`));
    expect(acts[2]?.detail).toMatch(/^root: entry \d+ of \d{4}-/);

    const checkpoint = join(folder, 'log', 'checkpoint');
    writeFileSync(checkpoint, readFileSync(checkpoint, 'utf8').replace(/^sotto/, 'other'));
    await expect(start(undefined)).rejects.toMatchObject({ code: expect.stringMatching(/^log\//) as string });
    // The folder is free again.
    expect(existsSync(join(base, 'state', 'lock'))).toBe(false);
  }, 60_000);
});
