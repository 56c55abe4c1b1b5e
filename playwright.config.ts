import { defineConfig, devices } from '@playwright/test';
import { chromiumArgs, chromiumPath } from './scripts/chromium.ts';

const executablePath = chromiumPath();

// No webServer: each test starts the demo it needs, with data of its own.
export default defineConfig({
  testDir: './test/e2e',
  // Tests of what breaks in a cluster wait for leases and drains: they run with the cluster's own run.
  testIgnore: process.env['DEMO'] === 'cluster' ? [] : '**/cluster-faults.spec.ts',
  outputDir: './node_modules/.cache/playwright',
  reporter: [['list']],
  timeout: 90_000,
  expect: { timeout: 10_000 },
  // Each test has a server with a database of its own: side by side they only slow one another.
  workers: 1,
  forbidOnly: process.env['CI'] !== undefined,
  use: { trace: 'retain-on-failure' },
  projects: [
    {
      name: 'chromium',
      use: {
        ...devices['Desktop Chrome'],
        launchOptions: { ...(executablePath ? { executablePath } : {}), args: chromiumArgs },
      },
    },
  ],
});
