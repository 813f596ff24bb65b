/**
 * What every object store must do; run over each driver.
 *
 * @module
 */

import { describe, expect, it } from 'vitest';

import type { ObjectStore } from '../../src/runtime/storage/objects/object-store.ts';

/** Describes a driver; `open` gives an empty store. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStore>): void {
  describe(`object store: ${name}`, () => {
    it('gives back what was put, and a copy of it', async () => {
      const store = await open();
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
      await store.put('task/1/model', bytes);
      const expected = bytes.slice();
      bytes.fill(0);
      expect(await store.get('task/1/model')).toEqual(expected);
      expect(await store.has('task/1/model')).toBe(true);
      await store.put('task/1/model', Uint8Array.of());
      expect(await store.get('task/1/model')).toEqual(Uint8Array.of());
      await store.close();
    });

    it('says typed that an object is not there', async () => {
      const store = await open();
      expect(await store.has('task/none')).toBe(false);
      await expect(store.get('task/none')).rejects.toMatchObject({ code: 'storage/not-found' });
      await store.delete('task/none');
      await store.close();
    });

    it('lists sorted keys below a prefix, and forgets what is deleted', async () => {
      const store = await open();
      for (const key of ['b/2', 'a/1', 'b/10', 'b2/1']) await store.put(key, Uint8Array.of(1));
      expect(await store.list('b/')).toEqual(['b/10', 'b/2']);
      await store.delete('b/10');
      expect(await store.list('')).toEqual(['a/1', 'b/2', 'b2/1']);
      await store.close();
    });

    it('refuses keys that could leave its place', async () => {
      const store = await open();
      for (const key of ['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a\\b', '.a', 'a b', 'a/.b']) {
        await expect(store.put(key, new Uint8Array())).rejects.toThrow(RangeError);
      }
      await store.close();
    });
  });
}
