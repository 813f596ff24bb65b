import { defineConfig, type Plugin } from 'vite';

/** Leaves zod's messages in other languages out: this page shows none of them. */
function withoutLocales(): Plugin {
  return {
    name: 'sotto-without-locales',
    enforce: 'pre',
    resolveId: (source, importer) =>
      source.endsWith('locales/index.js') && importer?.includes('/zod/') === true ? '\0no-locales' : null,
    load: (id) => (id === '\0no-locales' ? 'export {};' : null),
  };
}

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: {
    format: 'es',
    plugins: () => [withoutLocales()],
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            // Kernels and model code in a file of their own: what a page costs without them is then plain to see.
            { name: 'engine', test: /foundations[\\/]kernels|learning[\\/]models/ },
            // SEAL, as WebAssembly: loaded for tasks that add under encryption, and for no other.
            { name: 'seal', test: /node_modules[\\/]node-seal/ },
          ],
        },
      },
    },
  },
  build: { emptyOutDir: true, target: 'es2024', modulePreload: false },
});
