/** The page's own files: what they hash to, kept and on the server. */

export interface BundleFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface BundleCheck {
  /** Computed here from the files that are in use. */
  readonly digest: string;
  readonly files: readonly BundleFile[];
  /** Files that are not what the bundle's list says. */
  readonly wrong: readonly string[];
  /** Digest of what the server would send now; null when it cannot be reached. */
  readonly live: string | null;
}

async function sha256(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Hashes every file of this page anew. @throws when the list of files is not there. */
export async function checkBundle(): Promise<BundleCheck> {
  const response = await fetch('./bundle.json');
  if (!response.ok) throw new Error('this server has no list of the page’s files');
  const listed = (await response.json()) as { digest: string; files: readonly BundleFile[] };
  const lines: string[] = [];
  const wrong: string[] = [];
  for (const { path, sha256: said } of listed.files) {
    const found = await sha256(await (await fetch(path === 'index.html' ? './' : `./${path}`)).arrayBuffer());
    if (found !== said) wrong.push(path);
    lines.push(`${found}  ${path}\n`);
  }
  const digest = await sha256(new TextEncoder().encode(lines.join('')));
  const live = await fetch('./bundle.json?live', { cache: 'no-store' })
    .then(async (answer) => ((await answer.json()) as { digest: string }).digest)
    .catch(() => null);
  return { digest, files: listed.files, wrong, live };
}

/** Takes the server's present version in place of the kept one. */
export function takeUpdate(): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = navigator.serviceWorker?.controller;
    if (worker === null || worker === undefined) return location.reload();
    navigator.serviceWorker.addEventListener(
      'message',
      ({ data }: MessageEvent<{ kept?: string; failed?: string }>) => {
        if (data.failed !== undefined) return reject(new Error(data.failed));
        resolve();
        location.reload();
      },
      { once: true },
    );
    worker.postMessage('update');
  });
}
