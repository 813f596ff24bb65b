import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

// `npm run test:slow` says it by the mode, since a variable is set differently in every shell; the tests read the variable.
const isSlow = (mode: string): boolean => mode === 'slow' || process.env.SLOW === '1';
// Processes that tests start compile once what they have in common: the cache of `bin/sotto.mjs`.
const compileCache = fileURLToPath(new URL('node_modules/.cache/sotto', import.meta.url));

export default defineConfig(({ mode }) => {
  const slow = isSlow(mode);
  if (slow) process.env.SLOW = '1';
  return {
    test: {
      reporters: ['default', './test/closing-line.ts'],
      maxWorkers: 2,
      globalSetup: './test/temporary-folder.ts',
      env: { NODE_COMPILE_CACHE: compileCache },
      projects: [
        {
          resolve: { conditions: ['source'] },
          test: {
            name: 'unit',
            include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
            exclude: ['**/*.slow.test.ts', 'test/e2e/**'],
            isolate: false, // one module graph for all files of a worker: a third of the time; files keep no global state
            testTimeout: 30_000,
          },
        },
        {
          resolve: { conditions: ['source'] },
          test: {
            name: 'e2e',
            include: ['test/e2e/**/*.test.ts'],
            exclude: ['**/*.slow.test.ts'],
            isolate: false, // as above; each file has ports and folders of its own, so that two may run at once
            testTimeout: 120_000,
          },
        },
        ...(slow
          ? [
              {
                resolve: { conditions: ['source'] },
                test: {
                  name: 'slow',
                  include: ['src/**/*.slow.test.ts', 'test/**/*.slow.test.ts'],
                  fileParallelism: false,
                  testTimeout: 600_000,
                },
              },
            ]
          : []),
      ],
    },
  };
});
