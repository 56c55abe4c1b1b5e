import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { comesTrue } from '../comes-true.ts';
import { isRunning } from '../services/process-tree.ts';

test('a frozen node ends with whoever has started it', { timeout: 120_000 }, async () => {
  const program = `
    import { Lab } from ${JSON.stringify(new URL('lab.ts', import.meta.url).href)};
    const lab = await Lab.open({ seed: 1, engine: 'memory' });
    const [{ process: node }] = lab.nodes;
    node.freeze();
    console.log(node.pid);
    setInterval(() => {}, 1_000);
  `;
  const args = ['--conditions=@trunkline/source', '--input-type=module', '--eval', program];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const parent = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(printed.toString());
  expect(isRunning(pid)).toBe(true);
  parent.kill('SIGKILL');
  expect(await comesTrue(60_000, () => !isRunning(pid))).toBe(true);
});
