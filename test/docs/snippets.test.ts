// What the documents print as code compiles as it is printed, all of it in one strict project.
import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { compile, type Diagnostics } from '../guide/compile.ts';
import { readersModules } from './readers-modules.ts';
import { readSnippets, type Snippet } from './snippets.ts';

const documents = [
  'README.md',
  'docs/react.md',
  'docs/nestjs.md',
  'docs/operations.md',
  'docs/protocol.md',
  'docs/operating.md',
];

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const snippets = documents.flatMap((path) => readSnippets(path, read(path)));
const printed = snippets.map((snippet): [string, Snippet] => [snippet.name, snippet]);

/** Mistakes in the printed code: each must fail the same compile, or the test proves nothing. */
const mistakes: [document: string, right: string, wrong: string, code: string][] = [
  ['README.md', 'webSocketService.sendToRoom(', 'webSocketService.sendToRom(', 'TS2551'],
  ['README.md', '(csvData: string,', '(csvData,', 'TS7006'],
  ['README.md', "'users', refetch", '42, refetch', 'TS2345'],
  ['docs/react.md', 'data.chatId ===', 'data.chatID ===', 'TS2551'],
  ['docs/react.md', "exclude: ['cache-warmup']", "exclude: 'cache-warmup'", 'TS2322'],
  [
    'docs/nestjs.md',
    "kind: 'tenant', tenantId: session.",
    "kind: 'tenant', id: session.",
    'TS2322',
  ],
  ['docs/protocol.md', "publish: 'members'", "publish: 'everyone'", 'TS2322'],
  ['docs/operating.md', 'publishesPerSecond: 200', 'publishesPerSec: 200', 'TS2561'],
  ['docs/operating.md', ":6379', prefix: 'shop-production' }", ":6379' }", 'TS2741'],
  ['docs/nestjs.md', 'forTenant(tenantId)', 'forTenants(tenantId)', 'TS2551'],
  ['docs/nestjs.md', 'repository.hasMember(id, userId)', 'repository.membersOf(id)', 'TS2416'],
  ['docs/nestjs.md', 'presence: true, joinLeave', 'present: true, joinLeave', 'TS2353'],
  [
    'docs/nestjs.md',
    'return await this.operations.start(',
    'await this.operations.start(',
    'TS1241',
  ],
  ['docs/nestjs.md', 'fromPg(pool)', 'pool', 'TS2739'],
  ['docs/operations.md', 'completed: ({ imported })', 'completed: ({ importd })', 'TS2339'],
  ['docs/operations.md', 'op.input.fileId', 'op.input.file', 'TS2339'],
];

let diagnostics: Diagnostics;

beforeAll(async () => {
  const modules = Object.entries(readersModules);
  const right = snippets.map((snippet): [string, string] => [fileOf(snippet), snippet.text]);
  const wrong = mistakes.map(([document, text, replacement], index): [string, string] => {
    const snippet = snippetWith(document, text);
    return [mistakeFile(index), snippet?.text.replace(text, replacement) ?? ''];
  });
  diagnostics = await compile(new Map([...modules, ...right, ...wrong]), { strict: true });
});

test('the compiler takes the project itself, and what stands for the reader’s modules', () => {
  expect(diagnostics.get('') ?? []).toEqual([]);
  for (const file of Object.keys(readersModules)) expect(diagnostics.get(file) ?? []).toEqual([]);
});

test.each(documents)('every code block of %s that could be code is compiled', (document) => {
  const fences = [...read(document).matchAll(/^\s*```(\w+)/gm)].map(([, language]) => language);
  const others = fences.filter((language) => language !== 'bash');
  expect(others.length).toBeGreaterThan(0);
  expect(snippets.filter((snippet) => snippet.document === document)).toHaveLength(others.length);
});

test.each(printed)('%s compiles as printed', (_, snippet) => {
  expect(diagnostics.get(fileOf(snippet))?.join('\n') ?? '').toBe('');
});

test.each(mistakes.map((mistake, index) => [...mistake, index] as const))(
  'a mistake in %s is refused: %s -> %s',
  (document, right, _, code, index) => {
    expect(snippetWith(document, right), 'the text to replace').toBeDefined();
    expect(diagnostics.get(mistakeFile(index))?.join('\n') ?? 'no error').toContain(code);
  },
);

function snippetWith(document: string, text: string): Snippet | undefined {
  return snippets.find((snippet) => snippet.document === document && snippet.text.includes(text));
}

/** Beside the reader's modules, which it imports from there. */
function fileOf({ name, language }: Snippet): string {
  return `${name.replace(/[^\w]+/g, '-')}.${language}`;
}

function mistakeFile(index: number): string {
  return `mistake-${index}.tsx`;
}
