/**
 * Builds the web pages of `apps/` to `dist/apps/NAME`, each only when one of its inputs has changed. The pages are
 * built on demand: the command line asks for this script when it is about to serve a page from a checkout, so that
 * neither installing nor starting needs a step of its own; `npm run build` calls it for what is published.
 *
 * Beside the pages it writes `bundle.json`: the SHA-256 digest of every file, and one over all of them.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const apps = join(root, 'apps');
const target = join(root, 'dist/apps');

const sha256 = (content: string | Uint8Array, encoding: 'hex' | 'base64' = 'hex'): string =>
  createHash('sha256').update(content).digest(encoding);

/** Files of a folder, as paths relative to it, in a fixed order. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
}

/** Tells whether every input of the last build is what it was. */
function isFresh(name: string): boolean {
  const list = join(target, `${name}.inputs.json`);
  if (!existsSync(list) || !existsSync(join(target, name, 'index.html'))) return false;
  const inputs = JSON.parse(readFileSync(list, 'utf8')) as Record<string, string>;
  return Object.entries(inputs).every(([path, digest]) => {
    const file = join(root, path);
    return existsSync(file) && sha256(readFileSync(file)) === digest;
  });
}

/** Adds the digest of each script and style sheet to the page that loads it, so that no other is ever run. */
function addIntegrity(folder: string): void {
  const page = join(folder, 'index.html');
  const html = readFileSync(page, 'utf8').replaceAll(
    /<(script|link)\b([^>]*?) (src|href)="(\.\/assets\/[^"]+\.(?:js|css))"/g,
    (_, tag: string, before: string, attribute: string, path: string) =>
      `<${tag}${before} integrity="sha256-${sha256(readFileSync(join(folder, path)), 'base64')}" ${attribute}="${path}"`,
  );
  writeFileSync(page, html);
}

function describeBundle(name: string, folder: string): string {
  const files = filesOf(folder).map((path) => {
    const content = readFileSync(join(folder, path));
    return { path, sha256: sha256(content), sizeBytes: content.length };
  });
  const digest = sha256(files.map(({ path, sha256: each }) => `${each}  ${path}\n`).join(''));
  return `${JSON.stringify({ name, digest, files }, undefined, 2)}\n`;
}

async function build(name: string): Promise<void> {
  // Whatever this process was started for: JSX is for development otherwise, which is a third more.
  process.env.NODE_ENV = 'production';
  const { build: bundle } = await import('vite');
  const app = join(apps, name);
  // Two processes may start at once: each builds in a folder of its own and moves it into place.
  const scratch = join(target, `.${name}-${process.pid}`);
  mkdirSync(target, { recursive: true });
  const modules = new Set<string>();
  const note = {
    name: 'sotto-inputs',
    moduleParsed: ({ id }: { id: string }) => void modules.add(id.replace(/\?.*$/, '')),
  };
  try {
    await bundle({
      root: app,
      configFile: join(app, 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: scratch },
      plugins: [note],
      // Workers are built apart, with plugins of their own.
      worker: { plugins: () => [note] },
    });
    addIntegrity(scratch);
    writeFileSync(join(scratch, 'bundle.json'), describeBundle(name, scratch));
    const own = ['index.html', 'vite.config.ts'].map((file) => join(app, file));
    const publicFolder = join(app, 'public');
    const shipped = existsSync(publicFolder) ? filesOf(publicFolder).map((file) => join(publicFolder, file)) : [];
    const inputs = [...modules, ...own, ...shipped, fileURLToPath(import.meta.url)]
      .filter((path) => path.startsWith(root) && existsSync(path))
      .map((path) => [relative(root, path).replaceAll('\\', '/'), sha256(readFileSync(path))] as const);
    rmSync(join(target, name), { recursive: true, force: true });
    renameSync(scratch, join(target, name));
    writeFileSync(join(target, `${name}.inputs.json`), JSON.stringify(Object.fromEntries(inputs)));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const names =
  asked.length > 0 ? asked : readdirSync(apps).filter((name) => existsSync(join(apps, name, 'vite.config.ts')));
for (const name of names) {
  if (process.argv.includes('--force') || !isFresh(name)) await build(name);
}
