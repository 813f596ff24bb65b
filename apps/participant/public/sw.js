/*
 * Keeps one version of this page on the device: every file is checked against the digests of bundle.json before it is
 * kept, and the kept version is what opens, with or without a network, until the person takes a newer one. The task's
 * own traffic (/v1/…) never passes through here.
 */
const PREFIX = 'sotto-participant ';

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
const digest = async (bytes) => hex(await crypto.subtle.digest('SHA-256', bytes));

/** Where a file of the bundle is served: the page itself at the folder's own address. */
const addressOf = (path) => (path === 'index.html' ? './' : `./${path}`);

async function keptName() {
  return (await caches.keys()).filter((name) => name.startsWith(PREFIX)).at(-1);
}

/** Fetches the bundle the server has now, checks every file, and keeps it in place of the former. */
async function keepBundle() {
  const listed = await fetch('./bundle.json', { cache: 'no-store' });
  if (!listed.ok) throw new Error('there is no bundle.json');
  const text = await listed.clone().text();
  const bundle = JSON.parse(text);
  const name = PREFIX + bundle.digest;
  const cache = await caches.open(name);
  try {
    await cache.put('./bundle.json', listed);
    for (const { path, sha256 } of bundle.files) {
      const response = await fetch(addressOf(path), { cache: 'no-store' });
      const bytes = await response.clone().arrayBuffer();
      if (!response.ok || (await digest(bytes)) !== sha256) throw new Error(`${path} is not what bundle.json says`);
      await cache.put(addressOf(path), response);
    }
  } catch (error) {
    await caches.delete(name);
    throw error;
  }
  for (const other of await caches.keys()) if (other.startsWith(PREFIX) && other !== name) await caches.delete(other);
  return bundle.digest;
}

self.addEventListener('install', (event) => {
  event.waitUntil(
    keptName()
      .then((name) => name ?? keepBundle())
      .then(() => self.skipWaiting()),
  );
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const address = new URL(request.url);
  const scope = new URL(self.registration.scope);
  if (request.method !== 'GET' || address.origin !== scope.origin || !address.pathname.startsWith(scope.pathname))
    return;
  // The page asks past this worker when it compares the kept bundle with the server's.
  if (address.searchParams.has('live')) return;
  event.respondWith(
    (async () => {
      const name = await keptName();
      const kept =
        name === undefined
          ? undefined
          : await (await caches.open(name)).match(address.pathname, { ignoreSearch: true });
      return kept ?? fetch(request);
    })(),
  );
});

self.addEventListener('message', (event) => {
  if (event.data !== 'update') return;
  event.waitUntil(
    keepBundle().then(
      (kept) => event.source?.postMessage({ kept }),
      (error) => event.source?.postMessage({ failed: String(error.message) }),
    ),
  );
});
