import { existsSync } from 'node:fs';
import { chromium } from '@playwright/test';
import { runCommand } from './command.ts';
import { canInstallPackages } from './debian.ts';

/** `--no-sandbox` is needed only as root (containers, CI); the rest keeps Chromium off the network. */
export const chromiumArgs: string[] = [
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A chosen or installed Chrome/Chromium; undefined lets Playwright use its own download. */
export function chromiumPath(): string | undefined {
  const candidates = [
    process.env['CHROMIUM_PATH'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome-stable',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ];
  return candidates.find((path): path is string => !!path && existsSync(path));
}

/**
 * Sees to it that the browser tests find a Chromium that starts: an installed one, else
 * Playwright's own download, else (as root on Debian and its kin) the system's package.
 */
export async function provideChromium(): Promise<{ ok: true } | { ok: false; problem: string }> {
  const problems = [await problemAtStart()];
  for (const command of installCommands()) {
    if (problems.at(-1) === null) break;
    console.log(`  no Chromium that starts; trying: ${command.join(' ')}`);
    const [name = '', ...args] = command;
    // oxlint-disable-next-line no-await-in-loop -- each is tried only if the one before failed
    const { ok, output } = await runCommand(name, args, {
      limitMs: 150_000,
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
    // oxlint-disable-next-line no-await-in-loop -- see above
    problems.push(ok ? await problemAtStart() : `${command.join(' ')}:\n${output.trim()}`);
  }
  if (problems.at(-1) === null) return { ok: true };
  const advice = 'The browser tests need Chromium: install it, or set CHROMIUM_PATH to its binary.';
  return { ok: false, problem: [...problems, advice].join('\n\n') };
}

/** Why the browser that the tests would use does not start; `null` when it does. */
async function problemAtStart(): Promise<string | null> {
  const executablePath = chromiumPath();
  try {
    const browser = await chromium.launch({
      ...(executablePath ? { executablePath } : {}),
      args: chromiumArgs,
      timeout: 30_000,
    });
    await browser.close();
    return null;
  } catch (error) {
    return String(error);
  }
}

function installCommands(): string[][] {
  const download = ['playwright', 'install', '--only-shell', 'chromium'];
  if (!canInstallPackages()) return [download];
  const apt = 'apt-get update -q && apt-get install -qy --no-install-recommends chromium';
  return [download, ['sh', '-c', apt]];
}
