import { findNginx } from '../test/services/nginx.ts';
import { findPostgres } from '../test/services/postgres.ts';
import { findRedis } from '../test/services/redis.ts';
import { canInstallPackages, installPackage } from './debian.ts';

const services = [
  { name: 'Postgres', find: findPostgres, package: 'postgresql' },
  { name: 'Redis', find: findRedis, package: 'redis-server' },
  { name: 'nginx', find: findNginx, package: 'nginx' },
];

let provided: Promise<void> | undefined;

/**
 * Sees to it, as root on Debian and its kin, that the tests find a Postgres, a Redis and an nginx. Where
 * it cannot, the tests that need one are skipped, and the summary says so. It tries that once a run.
 */
export function provideServices(): Promise<void> {
  provided ??= installMissing();
  return provided;
}

async function installMissing(): Promise<void> {
  if (!canInstallPackages()) return;
  for (const service of services.filter(({ find }) => typeof find() !== 'string')) {
    console.log(`  no ${service.name} here; installing Debian's package ${service.package} …`);
    // oxlint-disable-next-line no-await-in-loop -- one package after the other
    const { ok, output } = await installPackage(service.package);
    if (!ok) console.log(`  it could not be installed:\n${lastLines(output)}`);
  }
}

function lastLines(output: string): string {
  const lines = output.trim().split('\n').slice(-8);
  return lines.map((line) => `    ${line}`).join('\n');
}
