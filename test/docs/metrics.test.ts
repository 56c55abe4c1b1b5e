// What the documents and the alerts say about metrics is what there is.
import { readFileSync } from 'node:fs';
import { Node } from '@trunkline/server';
import { startMonitoring } from '@trunkline/server/monitoring';
import { expect, onTestFinished, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const operating = read('docs/operating.md');
const alerts = read('deploy/alerts.yml');

/** Names of ours in a text, each once; OpenMetrics describes a counter without its `_total`. */
function metricsIn(text: string): string[] {
  const names = [...text.matchAll(/\btrunkline_[a-z_]*[a-z]/g)].map(([name]) => name);
  return [...new Set(names.map((name) => name.replace(/_total$/, '')))].toSorted();
}

async function scraped(): Promise<string> {
  const monitoring = await startMonitoring(new Node({ authenticate: () => null }), { port: 0 });
  onTestFinished(() => monitoring.stop());
  return await (await fetch(`${monitoring.url}/metrics`)).text();
}

test('docs/operating.md names every metric, and no other; so do the alerts', async () => {
  const exposed = metricsIn(await scraped());
  expect(exposed).toContain('trunkline_connections');
  expect(metricsIn(operating)).toEqual(exposed);
  expect(exposed).toEqual(expect.arrayContaining(metricsIn(alerts)));
});

test('every alert says what to do, and docs/operating.md lists those that wake somebody', () => {
  const rules = alerts.split('- alert: ').slice(1);
  expect(rules.length).toBeGreaterThan(10);
  for (const rule of rules) expect(rule).toMatch(/^ {10}action: \S/m);
  const named = (of: readonly string[]) => of.map((rule) => rule.split('\n')[0] ?? '');
  const listed = [...operating.matchAll(/^\| `(Trunkline\w+)` \|/gm)].map(([, name]) => name);
  expect(named(rules)).toEqual(expect.arrayContaining(listed));
  expect(listed).toEqual(
    expect.arrayContaining(named(rules.filter((rule) => rule.includes('severity: page')))),
  );
});
