/**
 * The house holds: wings and rooms import only from above, rooms are entered by their doors, and everything above
 * `runtime/` is free of IO. The lists are those of ARCHITECTURE.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseSync } from 'vite';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../src/', import.meta.url));

/** Wings from the ground up, each with its rooms from the ground up. */
const house: Readonly<Record<string, readonly string[]>> = {
  foundations: ['numerics', 'documents', 'kernels', 'random', 'vector', 'crypto'],
  privacy: ['accounting', 'mechanisms'],
  secure: ['sharing', 'secagg', 'homomorphic', 'mpc'],
  learning: ['data', 'preparation', 'models', 'classical', 'answers'],
  federation: ['aggregation', 'wire', 'assistants', 'rounds'],
  trust: ['access', 'log', 'attestation', 'package', 'lineage', 'card', 'monitoring'],
  runtime: [
    'task',
    'storage',
    'drivers',
    'training',
    'assistant-server',
    'view',
    'client',
    'coordinator',
    'simulation',
  ],
  redteam: [''],
  cli: [''],
};
const wings = Object.keys(house);

/** Pairs that never meet, beyond the order above. */
const walls: readonly (readonly [from: RegExp, to: RegExp, why: string])[] = [
  [/^(federation|trust)\//, /^learning\//, 'a round moves vectors, whatever they mean'],
  [/^learning\/(data|preparation|models|classical)\//, /^secure\//, 'training knows nothing of protocols'],
  [/^runtime\/client\//, /^runtime\/coordinator\//, 'they meet in wire and rounds'],
  [/^runtime\/coordinator\//, /^runtime\/client\//, 'they meet in wire and rounds'],
];

/** Files with a side door, each with the one thing it may touch. */
const sideDoors: Readonly<Record<string, RegExp>> = {
  'foundations/kernels/workers.ts': /Worker|process\.getBuiltinModule/,
  'foundations/crypto/node-provider.ts': /process\.getBuiltinModule/,
};

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function listSources(): SourceFile[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !path.includes('kernels/assembly/') && !path.endsWith('.wasm.ts'))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });
}

function importsOf(path: string, text: string): string[] {
  const { module } = parseSync(path, text);
  const dynamic = module.dynamicImports.map(({ moduleRequest }) =>
    text.slice(moduleRequest.start, moduleRequest.end).replaceAll(/^['"]|['"]$/g, ''),
  );
  const reexported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest }) => (moduleRequest ? [moduleRequest.value] : [])),
  );
  return [...module.staticImports.map(({ moduleRequest }) => moduleRequest.value), ...dynamic, ...reexported];
}

/** The rank of a file: wings first, then rooms; higher imports from lower or equal. */
function place(path: string): { wing: string; room: string; rank: number } | undefined {
  const [wing = '', second = ''] = path.split('/');
  const rooms = house[wing];
  if (rooms === undefined) return undefined;
  const room = rooms.length === 1 && rooms[0] === '' ? '' : second;
  const roomRank = rooms.indexOf(room);
  if (roomRank < 0) return undefined;
  return { wing, room, rank: wings.indexOf(wing) * 100 + roomRank };
}

const sources = listSources();
const production = sources.filter(({ path }) => !path.endsWith('.test.ts') && path !== 'index.ts');

/** Every import between files of the house, resolved to paths below `src/`. */
function* edges(files: readonly SourceFile[]): Generator<{ from: string; to: string }> {
  for (const file of files) {
    for (const specifier of file.imports) {
      if (!specifier.startsWith('.')) continue;
      yield { from: file.path, to: relative(root, resolve(root, dirname(file.path), specifier)).replaceAll('\\', '/') };
    }
  }
}

describe('the house', () => {
  it('has a place for every source file', () => {
    expect(production.filter(({ path }) => place(path) === undefined).map(({ path }) => path)).toEqual([]);
    expect(production.length).toBeGreaterThan(0);
  });

  it('lets wings and rooms import from above only', () => {
    const wrong = [...edges(production)].filter(({ from, to }) => {
      const source = place(from);
      const target = place(to);
      return source === undefined || target === undefined || source.rank < target.rank;
    });
    expect(wrong).toEqual([]);
  });

  it('keeps the walls', () => {
    const wrong = [...edges(production)].filter(({ from, to }) =>
      walls.some(([source, target]) => source.test(from) && target.test(to)),
    );
    expect(wrong).toEqual([]);
  });

  it('enters other rooms by their doors', () => {
    const wrong = [...edges(production)].filter(({ from, to }) => {
      const source = place(from);
      const target = place(to);
      if (source === undefined || target === undefined) return false;
      return source.rank !== target.rank && !to.endsWith('/index.ts') && !to.endsWith('.wasm.ts');
    });
    expect(wrong).toEqual([]);
  });

  it('has doors with explicit lists and no default exports', () => {
    const wrong = production.filter(({ text }) => /^export (\*|default)/m.test(text)).map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it('is free of IO, clocks and foreign randomness above runtime/, and in redteam/', () => {
    const free = production.filter(({ path }) => !/^(runtime|cli)\//.test(path));
    const touching = /\bMath\.random\b|\bDate\.now\b|\bsetTimeout\b|\bsetInterval\b|\bfetch\(|\bprocess\.|from 'node:/;
    const wrong = free
      .filter(({ path, text }) => {
        const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
        const allowed = sideDoors[path];
        return allowed === undefined
          ? touching.test(code)
          : touching.test(code.replaceAll(new RegExp(allowed, 'g'), ''));
      })
      .map(({ path }) => path);
    expect(wrong).toEqual([]);
  });

  it('asks the platform for randomness in one file', () => {
    const asking = production
      .filter(({ text }) => /getRandomValues|randomBytes|randomFill/.test(text.replaceAll(/\/\*[\s\S]*?\*\//g, '')))
      .map(({ path }) => path);
    expect(asking).toEqual(['foundations/random/entropy.ts']);
  });
});
