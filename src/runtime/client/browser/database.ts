/**
 * What a participant keeps in a browser: one IndexedDB database with the identity, the tasks joined, and lists of
 * records (ledgers and receipts) in the format every other driver writes.
 *
 * @module
 */

import { ClientError } from '../errors.ts';

/** Name of the database; deleting it forgets everything. */
export const DATABASE_NAME = 'sotto-participant';

/** The object stores and what lies in them. */
export type StoreName =
  /** Single things by name: the identity. */
  | 'single'
  /** Tasks joined, by coordinator and id. */
  | 'enrolments'
  /** Records of append-only lists, by list and number. */
  | 'records';

const STORES: readonly StoreName[] = ['single', 'enrolments', 'records'];

/** An open database. */
export interface ParticipantDatabase {
  get(store: StoreName, key: IDBValidKey): Promise<unknown>;
  getAll(store: StoreName, range?: IDBKeyRange): Promise<unknown[]>;
  put(store: StoreName, key: IDBValidKey, value: unknown): Promise<void>;
  delete(store: StoreName, key: IDBValidKey | IDBKeyRange): Promise<void>;
  /**
   * Runs `step` in one transaction that is durable when the promise resolves. `step` must do all of its work in the
   * callbacks of the requests it makes.
   */
  write(store: StoreName, step: (objects: IDBObjectStore, abort: (error: Error) => void) => void): Promise<void>;
  close(): void;
}

/**
 * Opens the database, making it when it is not there.
 * @throws {@link ClientError} `client/storage` when the browser gives none (private windows of some browsers).
 */
export function openParticipantDatabase(name: string = DATABASE_NAME): Promise<ParticipantDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
    };
    request.onerror = () => reject(storageError(request.error));
    request.onblocked = () => reject(storageError(null));
    request.onsuccess = () => resolve(wrap(request.result));
  });
}

/** Forgets everything: identity, ledgers, receipts, tasks. */
export function deleteParticipantDatabase(name: string = DATABASE_NAME): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(storageError(request.error));
    // Another window holds it open; it lets go when it hears of the deletion, and the deletion then goes on.
  });
}

function wrap(database: IDBDatabase): ParticipantDatabase {
  database.onversionchange = () => database.close();
  const read = <T>(store: StoreName, ask: (objects: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const request = ask(database.transaction(store, 'readonly').objectStore(store));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(storageError(request.error));
    });
  const write: ParticipantDatabase['write'] = (store, step) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction(store, 'readwrite', { durability: 'strict' });
      let why: Error | undefined;
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(why ?? storageError(transaction.error));
      step(transaction.objectStore(store), (error) => {
        why = error;
        transaction.abort();
      });
    });
  return {
    get: (store, key) => read(store, (objects) => objects.get(key) as IDBRequest<unknown>),
    getAll: (store, range) => read(store, (objects) => objects.getAll(range) as IDBRequest<unknown[]>),
    put: (store, key, value) => write(store, (objects) => void objects.put(value, key)),
    delete: (store, key) => write(store, (objects) => void objects.delete(key)),
    write,
    close: () => database.close(),
  };
}

function storageError(cause: DOMException | null): ClientError {
  return new ClientError(
    'client/storage',
    'this browser does not let the page keep its ledger: leave private browsing, or free some space',
    { cause, retryable: false },
  );
}
