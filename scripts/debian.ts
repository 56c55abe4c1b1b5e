import { existsSync } from 'node:fs';
import { type CommandResult, runCommand } from './command.ts';

/** Only a hang needs this long: the download has a limit of its own, and the rest no network. */
const LIMIT_MS = 180_000;

/**
 * Runs below a lock, so a rule of ours that it finds is one that an earlier run, killed, has left.
 * That rule forbids Debian's packages to start their services while the installation runs; a
 * machine that has a rule of its own keeps it.
 */
const installation = `
rule=/usr/sbin/policy-rc.d
mark='# of the tests of Trunkline'
if [ ! -e $rule ] || grep -q "$mark" $rule; then
  trap 'rm -f $rule' EXIT
  printf '#!/bin/sh\\n%s\\nkill -0 %s 2>/dev/null && exit 101\\nexit 0\\n' "$mark" $$ > $rule
  chmod 755 $rule
fi
install="apt-get install -qy --no-install-recommends $1"
if ! timeout 90 sh -c "apt-get update -q && $install --download-only"; then
  echo 'Its download failed, or took longer than 90 s.'
  exit 1
fi
$install
`;

/** Can Debian's packages be installed here: Debian or its kin, and root? */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/**
 * Installs a package of Debian, without a question and without starting the service that comes with
 * it; others that do so at the same time are waited for.
 */
export function installPackage(name: string): Promise<CommandResult> {
  const lock = ['--wait', '120', '/var/lib/dpkg'];
  return runCommand('flock', [...lock, 'sh', '-c', installation, 'install-package', name], {
    limitMs: LIMIT_MS,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
}
