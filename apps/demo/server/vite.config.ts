import { fileURLToPath } from 'node:url';
import { defaultServerConditions, defineConfig } from 'vite';

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The demo's server as one file. Our packages are compiled in from their sources, so that an edit
// in any of them restarts `npm run dev` and stack traces name TypeScript; node_modules stay outside.
export default defineConfig({
  root: folder('.'),
  resolve: { alias: { '@': folder('./src') } },
  ssr: { resolve: { conditions: ['@trunkline/source', ...defaultServerConditions] } },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  build: {
    ssr: 'src/main.ts',
    outDir: 'dist',
    target: 'node22',
    sourcemap: true,
    minify: false,
  },
});
