import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the compiler said, by file; the key '' holds what belongs to no file. */
export type Diagnostics = ReadonlyMap<string, readonly string[]>;

/** How to compile. */
interface CompileOptions {
  /** Default: `false`, because the guide's code is printed for a project that is not strict. */
  readonly strict?: boolean;
}

const compilerOptions = {
  target: 'es2024',
  lib: ['es2024', 'dom', 'dom.iterable'],
  module: 'esnext',
  moduleResolution: 'bundler',
  moduleDetection: 'force',
  jsx: 'react-jsx',
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
  types: ['node', 'vite/client'],
  // The packages' own sources: no build is needed first.
  customConditions: ['@trunkline/source'],
};

/**
 * Compiles source files (by path below the project's folder) as one project that sees the demo as
 * the guide does: `@/…` are the demo's aliases, and `../../infrastructure/…` from a file two folders
 * deep is the demo server's.
 */
export async function compile(
  files: ReadonlyMap<string, string>,
  { strict = false }: CompileOptions = {},
): Promise<Diagnostics> {
  // A folder of its own: two test runs at the same time do not meet.
  const project = join(root, 'test/guide/project', randomUUID());
  const inDemo = (folder: string) => relative(project, join(root, 'apps/demo', folder));
  const tsconfig = {
    compilerOptions: {
      ...compilerOptions,
      strict,
      rootDirs: ['.', inDemo('server/src')],
      paths: { '@/*': [`${inDemo('server/src')}/*`, `${inDemo('web/src')}/*`] },
    },
    files: [...files.keys()],
  };
  try {
    await writeAll(project, new Map([...files, ['tsconfig.json', JSON.stringify(tsconfig)]]));
    return parseDiagnostics(await runCompiler(project), project);
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

async function writeAll(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  const writes = [...files].map(async ([path, text]) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  });
  await Promise.all(writes);
}

function runCompiler(project: string): Promise<string> {
  const tsc = join(root, 'node_modules/.bin/tsc');
  return new Promise((done) => {
    // Its exit code says nothing more than what it prints.
    execFile(tsc, ['-p', project, '--pretty', 'false'], { cwd: root }, (error, stdout, stderr) =>
      done(stdout || stderr || (error?.message ?? '')),
    );
  });
}

function parseDiagnostics(output: string, project: string): Diagnostics {
  const byFile = new Map<string, string[]>();
  let last: string[] = [];
  for (const line of output.split('\n').filter((text) => text.trim() !== '')) {
    const match = /^(.+?)\((\d+,\d+)\): (.*)$/.exec(line);
    if (match) {
      last = entry(byFile, relative(project, resolve(root, match[1] ?? '')));
      last.push(`line ${match[2]}: ${match[3]}`);
    } else if (line.startsWith(' ') && last.length > 0) {
      last.push(line);
    } else {
      last = entry(byFile, '');
      last.push(line);
    }
  }
  return byFile;
}

function entry(byFile: Map<string, string[]>, file: string): string[] {
  const lines = byFile.get(file) ?? [];
  byFile.set(file, lines);
  return lines;
}
