import { readFileSync } from 'node:fs';

/** Whom a program runs as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Whom root lets those programs run as that refuse to be root's. */
const candidates = ['postgres', 'nobody'];

/** Root's stand-in; everybody else is ordinary already. */
export function ordinaryUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const account = candidates
    .map((wanted) => accounts.find(([name]) => name === wanted))
    .find((found) => found !== undefined);
  if (account) return { uid: Number(account[2]), gid: Number(account[3]) };
  throw new Error(
    `Postgres refuses to run as root, and there is no user ${candidates.join(' or ')} to run it as.`,
  );
}
