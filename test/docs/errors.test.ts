import { readFileSync } from 'node:fs';
import * as nestjs from '@trunkline/nestjs';
import * as operations from '@trunkline/operations';
import * as server from '@trunkline/server';
import { expect, test } from 'vitest';

const { defaultLimits, disconnects, protocolErrors, unsubscribed } = server;

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

/** Rows `| code | text |` below a heading. */
function rows(markdown: string, heading: string): [string, string][] {
  const section = markdown.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| (\d+) \| ([^|]+?) \|/gm)].map(([, code, text]) => [code, text]);
}

test.each([
  [
    'What a command is answered with',
    Object.values(protocolErrors).map((e) => [e.code, e.message]),
  ],
  ['Why a connection ends', Object.values(disconnects).map((d) => [d.code, d.reason])],
  [
    'Why a client-side subscription ends',
    Object.values(unsubscribed).map((u) => [u.code, u.reason]),
  ],
])('docs/errors.md lists exactly the codes of "%s"', (heading, table) => {
  const expected = table.map(([code, text]) => [String(code), text]);
  expect(rows(read('errors.md'), heading)).toEqual(expected);
});

/** The errors that a package exports. */
function errorsOf(exported: object): string[] {
  const isError = (value: unknown) =>
    typeof value === 'function' && value.prototype instanceof Error;
  return Object.entries(exported).flatMap(([name, value]) => (isError(value) ? [name] : []));
}

test.each([
  ['operations', errorsOf(operations)],
  ['nestjs', errorsOf(nestjs)],
  // Two are the protocol's, and have tables of codes.
  ['server', errorsOf(server).filter((name) => name !== 'Disconnect' && name !== 'ProtocolError')],
])('docs/errors.md lists every error of @trunkline/%s', (_, names) => {
  expect(names.length).toBeGreaterThan(4);
  const listed = [...read('errors.md').matchAll(/^\| ((?:`\w+`, )?`\w+`) \|/gm)].flatMap(
    ([, classes = '']) => classes.match(/\w+/g) ?? [],
  );
  expect(listed).toEqual(expect.arrayContaining(names));
});

test('docs/configuration.md lists every limit', () => {
  const documented = read('configuration.md');
  for (const name of Object.keys(defaultLimits)) expect(documented).toContain(`\`${name}\``);
});

test('no reason of a disconnect parses as JSON: a client would take it for advice', () => {
  for (const { reason } of Object.values(disconnects)) {
    expect(() => JSON.parse(reason)).toThrow(SyntaxError);
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
  }
});
