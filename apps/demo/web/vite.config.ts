import { fileURLToPath } from 'node:url';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const target = process.env['API_URL'] ?? 'http://127.0.0.1:3000';
const proxy = {
  '/api': { target },
  '/samples': { target },
  '/connection': { target, ws: true },
  '/emulation': { target },
};

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: {
    alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) },
    // the packages' TypeScript sources, so that the pages need no build of them
    conditions: ['@trunkline/source', ...defaultClientConditions],
  },
  server: { proxy },
  preview: { proxy },
  build: {
    sourcemap: true,
    rolldownOptions: {
      output: {
        // they change less often than the pages, and stay in the browser's cache
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules\/(react|react-dom|scheduler)\//, priority: 1 },
            { name: 'libraries', test: /node_modules\// },
          ],
        },
      },
    },
  },
});
