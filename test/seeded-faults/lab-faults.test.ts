import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { faults } from './faults.ts';
import { labFaults } from './lab-faults.ts';

test.each([...faults, ...labFaults])('$name: the source has a place for it', ({ changes }) => {
  for (const { file, find } of changes) {
    const source = readFileSync(new URL(`../../packages/${file}`, import.meta.url), 'utf8');
    expect(source).toContain(find);
  }
});
