/** Single-byte changes, drawn from a seed: what was changed and neither named nor listed as not covered. */
import { generateKeyPairSync } from 'node:crypto';

import { createSeededRng } from '../../src/foundations/random/index.ts';
import type { AuditReport } from '../../src/trust/log/index.ts';
import { createModelSigner, createPackage, type PackageVerdict, verifyPackage } from '../../src/trust/package/index.ts';

type Files = ReadonlyMap<string, Uint8Array>;

/** Changes files of a run one byte at a time, every file in turn, so that small ones are not left out. */
export async function changeRun(
  files: Files,
  audit: (changed: Files) => Promise<AuditReport>,
  count: number,
): Promise<string[]> {
  const rng = createSeededRng('tamper');
  const names = [...files.keys()];
  const missed: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = names[i % names.length] as string;
    const bytes = (files.get(name) as Uint8Array).slice();
    const at = rng.uint32() % bytes.length;
    bytes[at] = (bytes[at] as number) ^ (1 + (rng.uint32() % 255));
    const { problems, notCovered } = await audit(new Map([[name, bytes]]));
    const named = [...problems, ...notCovered].some(({ file }) => file === name);
    if (!named) missed.push(`${name} at ${at}`);
  }
  return missed;
}

/** Makes a signed package of a run's files and changes it one byte at a time. */
export async function changePackage(
  files: Files,
  count: number,
): Promise<{ readonly whole: PackageVerdict; readonly missed: readonly number[] }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  const signer = await createModelSigner(new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })), { spki });
  const content = new Map(
    ['model.safetensors', 'task.resolved.yaml', 'ledger.jsonl'].map((name) => [name, files.get(name) as Uint8Array]),
  );
  const made = await createPackage(content, {
    facts: { name: 'bars', createdAt: new Date(0), privacy: null, taskDigest: null },
    signer,
  });
  const options = { trust: [{ kind: 'key' as const, spki }], at: new Date() };
  const rng = createSeededRng('tamper with a package');
  const missed: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = rng.uint32() % made.length;
    const bad = made.slice();
    bad[at] = (bad[at] as number) ^ (1 + (rng.uint32() % 255));
    if ((await verifyPackage(bad, options)).ok) missed.push(at);
  }
  return { whole: await verifyPackage(made, options), missed };
}
