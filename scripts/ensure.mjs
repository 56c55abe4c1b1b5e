// Makes a fresh clone ready: `npm ci` when the lock file changed, and with `--build` the build when
// its inputs changed. Plain JavaScript without dependencies, because it runs before anything is
// installed, on whatever Node.js (>= 20) the machine has.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const installStamp = join(root, 'node_modules', '.cache', 'trunkline-install');
const buildStamp = join(root, 'node_modules', '.cache', 'trunkline-build');
/** Node.js that comes as a package (optionalDependencies): npm scripts find it before the host's. */
const bundledNode = join(root, 'node_modules', '.bin', 'node');
const hasBundledNode = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);

// Development and optional dependencies are needed whatever NODE_ENV or the user's npm says.
const npmCi = [
  'ci',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
];
/** Folders without anything that the build reads. */
const notInput = new Set(['node_modules', 'dist', 'test', '.data']);

checkHostNode();
ensureInstalled();
if (process.argv.includes('--build')) ensureBuilt();

function checkHostNode() {
  if (!isAtLeast(process.versions.node, 20, 0)) {
    fail(`Node.js 20 or newer is needed to install Trunkline; this is ${process.version}.`);
  }
  // Where Node.js 24 comes with the dependencies the host's own only has to run npm.
  if (!hasBundledNode && !isAtLeast(process.versions.node, 22, 13)) {
    fail(
      `Node.js 22.13 or newer is needed on ${process.platform} ${process.arch}; ` +
        `this is ${process.version}. Install Node.js 24 and run the command again.`,
    );
  }
}

function ensureInstalled() {
  const wanted = installFingerprint();
  if (readStamp(installStamp) === wanted) return;
  if (!isInstalledByNpm()) {
    say('installing dependencies (npm ci); the first time this takes about a minute …');
    const seconds = timed(() => run('npm ci', npmCi, { ...process.env, PATH: pathOfTheHost() }));
    say(`dependencies installed in ${seconds} s`);
  }
  checkBundledNode();
  writeStamp(installStamp, wanted);
}

function ensureBuilt() {
  const wanted = buildFingerprint();
  if (readStamp(buildStamp) === wanted && missingOutputs().length === 0) return;
  // Removed first: a build that is interrupted or fails is done again next time.
  rmSync(buildStamp, { force: true });
  say('building packages and demo …');
  const seconds = timed(() => run('npm run build', ['run', '--silent', 'build'], process.env));
  const missing = missingOutputs();
  if (missing.length > 0) fail(`The build ended well but did not write ${missing.join(', ')}.`);
  writeStamp(buildStamp, wanted);
  say(`built in ${seconds} s`);
}

function installFingerprint() {
  const hash = createHash('sha256');
  hash.update(readFileSync(join(root, 'package-lock.json')));
  // A folder that is shared between machines (a container's volume) holds one platform's binaries.
  return hash.update(`${process.platform} ${process.arch}`).digest('hex');
}

/**
 * Did a plain `npm install` already put the locked versions there? npm writes its record
 * (node_modules/.package-lock.json) last, so an interrupted install has none.
 */
function isInstalledByNpm() {
  const record = readJson(join(root, 'node_modules', '.package-lock.json'));
  const lock = readJson(join(root, 'package-lock.json'));
  if (!record || !lock) return false;
  return Object.entries(lock.packages).every(([path, locked]) => {
    if (path === '' || !path.startsWith('node_modules/')) return true;
    const present = record.packages[path];
    if (!present) return Boolean(locked.optional || locked.devOptional);
    return present.version === locked.version && present.integrity === locked.integrity;
  });
}

function checkBundledNode() {
  if (!hasBundledNode) return;
  const { status } = spawnSync(bundledNode, ['--version'], { stdio: 'ignore' });
  if (status === 0) return;
  fail(
    'The Node.js that comes with the dependencies does not start here (musl libc, perhaps?).\n' +
      '  Use a system with glibc (Debian, Ubuntu, Fedora, …).',
  );
}

/** A hash over the content of everything that the build reads. */
function buildFingerprint() {
  const hash = createHash('sha256');
  for (const file of buildInputs()) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function buildInputs() {
  const configs = filesIn(root, { deep: false }).filter((file) =>
    /package.*\.json$|tsconfig/.test(file),
  );
  const packages = foldersIn(join(root, 'packages')).flatMap((folder) => [
    ...filesIn(folder, { deep: false }),
    ...filesIn(join(folder, 'src')),
  ]);
  const inputs = [...configs, ...packages, ...filesIn(join(root, 'apps', 'demo'))];
  return inputs.toSorted((a, b) => a.localeCompare(b, 'en'));
}

function missingOutputs() {
  const packages = foldersIn(join(root, 'packages'))
    .filter((folder) => existsSync(join(folder, 'tsconfig.json')))
    .map((folder) => join(folder, 'dist', 'index.js'));
  const demo = ['server/dist/main.js', 'web/dist/index.html'].map((file) =>
    join(root, 'apps', 'demo', file),
  );
  return [...packages, ...demo].filter((file) => !existsSync(file)).map((f) => relative(root, f));
}

function filesIn(folder, { deep } = { deep: true }) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [path];
    return deep && entry.isDirectory() && !notInput.has(entry.name) ? filesIn(path) : [];
  });
}

function foldersIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(folder, entry.name));
}

/** `npm ci` deletes node_modules and with it the Node.js inside: it must run on the host's. */
function pathOfTheHost() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.filter((folder) => !folder.includes('node_modules')).join(delimiter);
}

function run(name, args, env) {
  const { status, signal, error } = spawnSync('npm', args, { cwd: root, stdio: 'inherit', env });
  if (status === 0) return;
  const how = error?.message ?? (signal ? `stopped by ${signal}` : `exit code ${status}`);
  fail(`${name} failed (${how}). Its own message is above; the next run tries again.`);
}

function isAtLeast(version, major, minor) {
  const [haveMajor, haveMinor] = version.split('.').map(Number);
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function writeStamp(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function timed(work) {
  const start = Date.now();
  work();
  return Math.round((Date.now() - start) / 1000);
}

function say(text) {
  console.log(`trunkline: ${text}`);
}

function fail(text) {
  console.error(`trunkline: ${text}`);
  process.exit(1);
}
