/**
 * The audit of the tree: every entry, every tile and the signed root belong together, byte for byte; and where they do
 * not, which file is to blame.
 *
 * @module
 */

import { equalBytes } from '../../../foundations/crypto/index.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { LogError } from '../errors.ts';
import { computeRoot, emptyRoot, hashLeaf } from '../merkle.ts';
import { createLogReader } from '../reader.ts';
import {
  countAtLevel,
  decodeBundle,
  encodeBundle,
  encodeTile,
  parseTilePath,
  TILE_WIDTH,
  tilePath,
  type TileName,
  type TileSource,
} from '../tiles.ts';
import type { Findings } from './report.ts';

/** The entries of a log that hold against its root, and the hashes above them. */
export interface AuditedTree {
  readonly entries: readonly Uint8Array[];
  readonly leafHashes: readonly Uint8Array[];
  /** Whether they lead to the signed root. */
  readonly sound: boolean;
}

/** Reads every entry of the first `size` and checks it against the checkpoint; `prefix` names the log's files. */
export async function auditTree(
  source: TileSource,
  checkpoint: Checkpoint,
  { findings, prefix, listed }: { findings: Findings; prefix: string; listed: readonly string[] | undefined },
): Promise<AuditedTree> {
  const { size } = checkpoint;
  const entries: Uint8Array[] = [];
  const used = new Map<number, string>();
  let whole = true;
  for (let index = 0; index * TILE_WIDTH < size; index += 1) {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const path = tilePath({ level: 'entries', index, width });
    used.set(index, path);
    try {
      const bytes = await source.read(path);
      if (bytes === undefined) {
        findings.add('verify/missing', `${prefix}${path}`, 'the log promises these entries and they are not there');
        whole = false;
        continue;
      }
      entries.push(...decodeBundle(bytes, width));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      findings.add('verify/tree-mismatch', `${prefix}${path}`, error.message);
      whole = false;
    }
  }
  const leafHashes = entries.map(hashLeaf);
  const root = size === 0 ? emptyRoot() : computeRoot(leafHashes);
  const sound = whole && entries.length === size && equalBytes(root, checkpoint.root);
  if (whole && !sound) await blame();
  await auditTiles();
  return { entries, leafHashes, sound };

  /** Finds the bundles that differ from the hashes beside them. */
  async function blame(): Promise<void> {
    const before = findings.problems.length;
    const byTiles = await createLogReader(source, size)
      .root()
      .catch(() => undefined);
    const hashesAreSound = byTiles !== undefined && equalBytes(byTiles, checkpoint.root);
    for (const [index, path] of used) {
      const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
      const tile = await source.read(tilePath({ level: 0, index, width }));
      const own = encodeTile(leafHashes.slice(index * TILE_WIDTH, index * TILE_WIDTH + width));
      if (tile !== undefined && equalBytes(tile, own)) continue;
      findings.add(
        'verify/tree-mismatch',
        `${prefix}${path}`,
        hashesAreSound
          ? 'an entry was changed: the signed tree has another'
          : 'its entries do not lead to the signed root',
      );
    }
    if (findings.problems.length === before) {
      findings.add('verify/tree-mismatch', `${prefix}checkpoint`, 'the entries do not lead to the root it signs');
    }
  }

  /** Compares every file of the tree with what the entries make of it. */
  async function auditTiles(): Promise<void> {
    const names = listed?.flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : [])) ?? expected();
    const levels: Uint8Array[][] = [leafHashes.slice()];
    for (let level = 1; countAtLevel(size, level) > 0; level += 1) {
      const below = levels[level - 1] as Uint8Array[];
      levels.push(
        Array.from({ length: countAtLevel(size, level) }, (_, i) =>
          computeRoot(below.slice(i * TILE_WIDTH, (i + 1) * TILE_WIDTH)),
        ),
      );
    }
    for (const path of expected()) {
      if (!names.includes(path)) findings.add('verify/missing', `${prefix}${path}`, 'the log promises this file');
    }
    for (const path of names) {
      const name = parseTilePath(path);
      if (name === undefined) continue;
      const start = name.index * TILE_WIDTH;
      const own =
        name.level === 'entries'
          ? encodeBundle(entries.slice(start, start + name.width))
          : encodeTile((levels[name.level] ?? []).slice(start, start + name.width));
      const found = await source.read(path);
      if (found === undefined) {
        findings.add('verify/missing', `${prefix}${path}`, 'the log promises this file');
      } else if (!equalBytes(found, own)) {
        if (sound || !findings.problems.some(({ file }) => file === `${prefix}${path}`)) {
          findings.add('verify/tree-mismatch', `${prefix}${path}`, 'its bytes are not those of the signed tree');
        }
      } else if (sound) {
        findings.covered.add(`${prefix}${path}`);
      }
    }
  }

  /** The files that a tree of this size must have. */
  function expected(): string[] {
    const out: string[] = [];
    const add = (level: TileName['level'], count: number): void => {
      for (let index = 0; index * TILE_WIDTH < count; index += 1) {
        out.push(tilePath({ level, index, width: Math.min(TILE_WIDTH, count - index * TILE_WIDTH) }));
      }
    };
    add('entries', size);
    for (let level = 0; countAtLevel(size, level) > 0; level += 1) add(level, countAtLevel(size, level));
    return out;
  }
}
