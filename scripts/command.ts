import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** How a command ended, with everything it printed. */
export interface CommandResult {
  readonly ok: boolean;
  readonly output: string;
}

export interface CommandOptions {
  readonly env?: Record<string, string>;
  /** After this the command and all its children are killed. Default: 2 minutes. */
  readonly limitMs?: number;
}

const running = new Set<number>();
// Colours for a person at a terminal, plain text for a log: not every tool asks before it colours.
const isForPerson = process.stdout.isTTY;
const colours = isForPerson ? { FORCE_COLOR: '1' } : {};

/** Runs a command, keeps what it prints, and never throws: a failure is a result. */
export function runCommand(
  command: string,
  args: readonly string[],
  { env = {}, limitMs = 120_000 }: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    let output = '';
    const add = (text: string) => {
      output += text;
    };
    // A process group of its own: a killed test run takes the servers it started along.
    const child = spawn(command, args, {
      detached: true,
      env: { ...process.env, ...colours, ...env },
    });
    const timer = setTimeout(() => {
      add(`\n${command} did not end within ${limitMs / 1000} s and was killed.\n`);
      killGroup(child.pid);
    }, limitMs);
    const end = (ok: boolean) => {
      clearTimeout(timer);
      running.delete(child.pid ?? 0);
      resolve({ ok, output: isForPerson ? output : stripVTControlCharacters(output) });
    };
    running.add(child.pid ?? 0);
    child.stdin.end();
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    child.on('error', (error) => {
      add(`${error.message}\n`);
      end(false);
    });
    child.on('close', (code) => end(code === 0));
  });
}

/** Runs one after the other and joins what they printed; all run, also after a failure. */
export async function runAll(commands: readonly (readonly string[])[]): Promise<CommandResult> {
  let ok = true;
  let output = '';
  for (const [command = '', ...args] of commands) {
    // oxlint-disable-next-line no-await-in-loop -- two cores: side by side would not be faster
    const result = await runCommand(command, args);
    ok &&= result.ok;
    if (!result.ok) output += result.output;
  }
  return { ok, output };
}

/** Kills everything that still runs: for Ctrl-C. */
export function killRunning(): void {
  for (const pid of running) killGroup(pid);
}

function killGroup(pid: number | undefined): void {
  if (!pid) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}
