import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSnippets } from './snippets.ts';

const root = join(import.meta.dirname, '..', '..');
const document = readFileSync(join(root, 'docs', 'operations.md'), 'utf8');
const guide = readFileSync(join(root, 'test', 'guide', 'guide.md'), 'utf8');

/** Lines of code from the class on: no blank ones, comments and imports. */
function linesOf(code: string): string[] {
  const service = code.slice(code.indexOf('@Injectable()'));
  return service.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//'));
}

/** The first figure of a row of the document's table. */
function claimed(row: string): number {
  const line = document.split('\n').find((text) => text.startsWith(`| ${row} |`)) ?? '';
  return Number(line.split('|')[2]);
}

const printed = [...guide.matchAll(/```typescript\n(.*?)```/gs)].map(([, code = '']) => code);
const guides = linesOf(printed.find((code) => code.includes('class UserImportService')) ?? '');
const snippets = readSnippets('docs/operations.md', document);
const ours = linesOf(snippets.find(({ text }) => text.includes('sendWelcomeEmails'))?.text ?? '');
/** What only the real time needs. */
const isRealTime = (line: string) => /@Operation|currentOperation|op\.progress/.test(line);

test('the lines of the guide and of ours are what the document says', () => {
  expect(guides).toHaveLength(claimed("in the guide's pattern"));
  expect(ours).toHaveLength(claimed('with `@Operation`, below'));
  expect(ours.filter((line) => !isRealTime(line))).toHaveLength(claimed('without real time'));
  const withoutProgress = ours.filter((line) => !isRealTime(line) || line.includes('@Operation('));
  expect(withoutProgress).toHaveLength(claimed('with `@Operation` and no progress'));
});
