// The user's guide, block by block: everything it prints as code compiles as it is printed.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { cutBlock, readBlocks } from './blocks.ts';
import { compile, type Diagnostics } from './compile.ts';
import { type Compiled, surroundings } from './surroundings.ts';

const guide = readFileSync(new URL('guide.md', import.meta.url), 'utf8');
const blocks = readBlocks(guide);

/** A printed part of a block with the file that it becomes. */
interface Part {
  readonly name: string;
  readonly file: string;
  readonly printed: string;
  readonly source: string;
}

const parts: Part[] = blocks.flatMap(({ name, text }) => {
  const entry = surroundings[name];
  return entry && 'parts' in entry ? partsOf(name, text, entry) : [];
});

/** Mistakes in the guide's own code: each must fail the same compile, or the test proves nothing. */
const mistakes = [
  ['Backend: Adding WebSocket to Any Service, part 2', '.sendToUser(', '.sendToUsr(', 'TS2551'],
  [
    'Backend: Adding WebSocket to Any Service, part 2',
    'sendToUser(userId',
    'sendToUser(42',
    'TS2345',
  ],
  [
    'Backend: Adding WebSocket to Any Service, part 1',
    'websocket.service',
    'socket.service',
    'TS2307',
  ],
  [
    'Example 2: Live Chat System / Backend Service',
    'sendToRoom(`chat:${chatId}`',
    'sendToRoom(42',
    'TS2345',
  ],
  ['Example 3: Live Data Updates / Backend Service', 'sendToTenant(', 'sendToTenants(', 'TS2551'],
  ['Platform Level Operations', 'sendToPlatform(', 'sendToPlatforms(', 'TS2551'],
  ['Automatic Refresh, part 1', "['users', 'audit-logs']", "'users'", 'TS2322'],
  [
    'Example 2: Live Chat System / Frontend Hook',
    "subscribe('chat:message'",
    'subscribe(42',
    'TS2345',
  ],
  ['Example 3: Live Data Updates / Frontend Hook', '(event) =>', '(event: number) =>', 'TS2345'],
  ['Connection Status', '{ isConnected }', '{ isOnline, isConnected }', 'TS2339'],
  [
    'Multiple Operation Types',
    "useOperationToasts(user?.id || '')",
    'useOperationToasts(42)',
    'TS2345',
  ],
  ['Example 1: User Import Operation / Frontend Component', ', refreshUserTable)', ')', 'TS2554'],
  ['Add to Any Module, part 1', '../../infrastructure', '../infrastructure', 'TS2307'],
].map(([name = '', right = '', wrong = '', code = ''], index) => {
  const part = parts.find((candidate) => candidate.name === name);
  const source = part?.source.replace(right, wrong) ?? '';
  return {
    name: `${name}: ${wrong}`,
    code,
    part,
    source,
    file: `features/mistake-${index}/wrong.tsx`,
  };
});

let diagnostics: Diagnostics;

beforeAll(async () => {
  const right = parts.map(({ file, source }): [string, string] => [file, source]);
  const wrong = mistakes.map(({ file, source }): [string, string] => [file, source]);
  diagnostics = await compile(new Map([...right, ...wrong]));
});

describe('the guide', () => {
  it('is the text that the user wrote, to the byte', () => {
    expect(createHash('sha256').update(guide).digest('hex')).toBe(
      '79dfede3fc3337dd7bbb617f49fa78649623161c9065249686da6df78f66ba90',
    );
  });

  it('has code blocks, and each has a name of its own', () => {
    expect(blocks.length).toBeGreaterThan(0);
    expect(blocks.length).toBe(guide.match(/```typescript/g)?.length);
    expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
  });

  it.each(named(blocks))(
    'prints "%s", which is compiled or listed as no code',
    (name, { text }) => {
      const entry = surroundings[name];
      expect(entry, 'add it to surroundings.ts').toBeDefined();
      if (!entry || 'notCode' in entry) return;
      const own = parts.filter((part) => part.name.startsWith(name));
      expect(own).toHaveLength(entry.parts.length);
      expect(own.map(({ printed }) => printed).join('')).toBe(text);
      for (const { printed, source } of own) expect(source).toContain(printed);
    },
  );

  it('has every block that surroundings.ts speaks of', () => {
    const names = new Set(blocks.map(({ name }) => name));
    expect(Object.keys(surroundings).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('the compiler', () => {
  it('takes the project itself', () => {
    expect(diagnostics.get('') ?? []).toEqual([]);
  });

  it.each(named(parts))('takes "%s" as printed', (_, { file }) => {
    expect(diagnostics.get(file)?.join('\n') ?? '').toBe('');
  });

  it.each(named(mistakes))('refuses a mistake in "%s"', (_, { part, source, file, code }) => {
    expect(source).not.toBe(part?.source);
    expect(diagnostics.get(file)?.join('\n') ?? 'no error').toContain(code);
  });
});

/** For `it.each` with `%s`: titles that are not cut off. */
function named<T extends { name: string }>(items: readonly T[]): [string, T][] {
  return items.map((item) => [item.name, item]);
}

function partsOf(name: string, text: string, { cut = 'numbers', parts: around }: Compiled): Part[] {
  const folder = `features/${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
  return cutBlock(text, cut).map((printed, index) => {
    const { before = '', after = '' } = around[index] ?? {};
    return {
      name: around.length > 1 ? `${name}, part ${index + 1}` : name,
      file: `${folder}/part-${index + 1}.tsx`,
      printed,
      source: `${before}\n${printed}\n${after}\n`,
    };
  });
}
