import { expect, test } from 'vitest';
import { attachment, safeFileName } from '@/infrastructure/files/file-name';

test.each([
  ['report.pdf', 'report.pdf'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\fakepath\\users.csv', 'users.csv'],
  ['a"b\r\nSet-Cookie: x', 'a_b__Set-Cookie_ x'],
  ['photo\u202Egpj.exe', 'photo_gpj.exe'], // would read photoexe.jpg
  ['.htaccess', 'htaccess'],
  ['Übersicht 🎉.csv', 'Übersicht 🎉.csv'],
  ['half \uD83C', 'half \uFFFD'],
  ['...', 'file'],
  ['', 'file'],
])('the file %j is kept as %j', (name, safe) => {
  expect(safeFileName(name)).toBe(safe);
});

test('a long name keeps its beginning and its ending', () => {
  const safe = safeFileName(`${'🎉'.repeat(300)}.tar.gz`);
  expect(Array.from(safe)).toHaveLength(150);
  expect(safe).toMatch(/^🎉+…🎉+\.tar\.gz$/u);
});

test('a header names a file in ASCII, and once more as it is', () => {
  expect(attachment("Bob's 100% Übersicht.csv")).toBe(
    `attachment; filename="Bob's 100_ _bersicht.csv"; filename*=UTF-8''Bob%27s%20100%25%20%C3%9Cbersicht.csv`,
  );
});
