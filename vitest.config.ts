import { fileURLToPath } from 'node:url';
import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { seedFault } from './test/seeded-faults/faults.ts';

const source = '@trunkline/source';
const demoServer = fileURLToPath(new URL('./apps/demo/server/src', import.meta.url));

/** Set by the stage `seeded-faults` of `npm test`: see test/seeded-faults. */
const fault = process.env['TRUNKLINE_FAULT'];

export default defineConfig({
  plugins: [seedFault(fault)],
  resolve: { conditions: [source, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [source, ...defaultServerConditions] } },
  // oxc lowers legacy decorators and emits design:paramtypes, whatever tsconfig covers the file
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    // what was transformed with a fault in it must not be found by the next run
    fsModuleCache: fault === undefined,
    // most of the time they wait: for leases, timers, other processes
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        resolve: { alias: { '@': demoServer } },
        test: {
          name: 'node',
          include: [
            'packages/{contract,server,operations,nestjs,client}/test/**/*.test.ts',
            'apps/demo/{server,web}/test/**/*.test.ts',
            'test/{docs,faults,guide,isolation,operations,rooms,seeded-faults,services}/**/*.test.ts',
            'bench/test/**/*.test.ts',
          ],
          exclude: ['**/*.dom.test.ts', '**/node_modules/**'],
          environment: 'node',
          globalSetup: ['test/services/global-setup.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'dom',
          include: ['packages/react/test/**/*.test.tsx', 'packages/client/test/**/*.dom.test.ts'],
          environment: 'happy-dom',
          testTimeout: 20_000,
        },
      },
    ],
  },
});
