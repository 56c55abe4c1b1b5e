import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('bun/', import.meta.url));

/**
 * Where Bun is, after it has been installed if need be: 100 MB that nobody needs but for the benchmark.
 * Its own install script downloads; here the binary of the platform's package is run as it came.
 */
export function provideBun(): { path: string } | { problem: string } {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
  const path = `${folder}node_modules/@oven/bun-${platform}-${arch}/bin/bun`;
  if (existsSync(path)) return { path };
  console.log('Installing Bun into bench/bun (about 100 MB) …');
  const args = ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, stderr } = spawnSync('npm', args, { encoding: 'utf8' });
  if (existsSync(path)) return { path };
  const why = status === 0 ? `no package for ${platform} ${arch}` : stderr.trim().split('\n')[0];
  return { problem: `Bun could not be installed: ${why}` };
}
