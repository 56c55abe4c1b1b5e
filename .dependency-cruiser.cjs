// The arrows of the architecture (docs/architecture.md): they run downwards only.
const layer = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^${from}/src` },
  to: { path: '^(packages|apps)/', pathNot: [`^${from}/`, ...allowed.map((a) => `^${a}/`)] },
});
const inServer = (name, from, forbidden) => ({
  name,
  severity: 'error',
  from: { path: `^packages/server/src/(${from})\\.ts$` },
  to: { path: `^packages/server/src/(${forbidden})\\.ts$` },
});
const only = (name, what, from) => ({
  name,
  severity: 'error',
  from: { path: '^packages/[^/]+/src/', pathNot: from },
  to: { path: what },
});
const doors = 'attach|upgrade|door|http-doors|claimed-paths|answer|streams|emulation|incoming-body';
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    layer('contract-is-a-leaf', 'packages/contract', []),
    layer('server-uses-contract', 'packages/server', ['packages/contract']),
    layer('operations-uses-contract', 'packages/operations', ['packages/contract']),
    layer('nestjs-uses-server-and-operations', 'packages/nestjs', [
      'packages/server',
      'packages/operations',
      'packages/contract',
    ]),
    layer('client-uses-contract', 'packages/client', ['packages/contract']),
    layer('react-uses-client', 'packages/react', ['packages/client', 'packages/contract']),
    inServer(
      'node-below-session',
      'node(-options)?|audit(-pino)?|isolation-alarm|publisher|support-view|hub|fan-out|following|connections|emulated-sessions|channels|gap-repair|followed-stream|unbroken|cluster/.*|users|local-users|user-orders|credentials|recent-changes|presences|attendance|members|sequences|all-done|client-address|tenants|counters|rate|waiting-queue|recoveries|rooms|rpc|admission|authentications|event-loop|broker/.*|protocol/.*|principal|event(-id|-json)?|receipt|errors|(resolve-)?limits|log|turn|timer-wheel|patience|deltas|small-set|random',
      `${doors}|session|permissions|failure|subscriptions?|inbox|command-queue|client-rates|lifetime|commands/.*|recovery|expiry|outbox|waiting-lines|reply-space|(stream-)?transport|watched-write`,
    ),
    inServer('hub-below-node', 'hub|fan-out|following|connections|tenants|broker/.*', 'node'),
    inServer(
      'protocol-below-all',
      'protocol/.*',
      '(?!(protocol/.*|broker/broker|errors|counters|limits)\\.).*',
    ),
    inServer(
      'session-below-doors',
      'session|permissions|failure|subscriptions?|inbox|commands/.*|recovery|outbox|(stream-)?transport|watched-write',
      doors,
    ),
    // A session does not know how it is connected.
    inServer(
      'only-the-doors-choose-a-transport',
      `(?!(${doors})\\.).*`,
      'stream-transport|streams|emulation|http-doors',
    ),
    {
      name: 'only-the-doors-answer-requests',
      severity: 'error',
      from: {
        path: '^packages/server/src/',
        // the last three know headers alone
        pathNot: `^packages/server/src/(${doors}|stream-transport|monitoring|client-address|origin|principal)\\.ts$`,
      },
      to: { path: '^(node:)?http$' },
    },
    inServer('tokens-are-apart', '(?!tokens|token-keys).*', 'tokens|token-keys'),
    inServer('monitoring-is-apart', '(?!monitoring|metrics).*', 'monitoring|metrics'),
    only(
      'only-the-doors-touch-ws',
      'node_modules/ws/',
      '^packages/server/src/(upgrade|transport)\\.ts$',
    ),
    only(
      'only-the-audit-knows-pino',
      'node_modules/pino/',
      '^packages/server/src/audit-pino\\.ts$',
    ),
    only(
      'only-pg-boss-knows-pg-boss',
      'node_modules/pg-boss/',
      '^packages/operations/src/pg-boss(-workers)?\\.ts$',
    ),
    only(
      'only-bullmq-knows-bullmq',
      'node_modules/bullmq/',
      '^packages/operations/src/bullmq-(runner|processor)\\.ts$',
    ),
    only(
      'only-bullmq-and-the-redis-broker-know-ioredis',
      'node_modules/ioredis/',
      '^packages/(operations/src/bullmq-(runner|processor)|server/src/broker/redis[a-z-]*)\\.ts$',
    ),
    inServer('redis-is-apart', '(?!(redis|broker/redis[a-z-]*)\\.).*', 'redis|broker/redis[a-z-]*'),
    only('only-nestjs-knows-nest', 'node_modules/@nestjs', '^packages/nestjs/'),
    only('only-react-knows-react', 'node_modules/(react|react-dom|sonner)/', '^packages/react/'),
    only('only-client-knows-centrifuge', 'node_modules/centrifuge/', '^packages/client/src/'),
    {
      name: 'no-deep-import',
      severity: 'error',
      from: { path: '^(packages|apps)/([^/]+)/' },
      to: {
        path: '^packages/([^/]+)/src/(?!(index|redis|testing|tokens|monitoring|pg-boss|bullmq|pglite)\\.tsx?$)',
        pathNot: '^$1/$2/',
      },
    },
    {
      name: 'demo-halves-are-apart',
      severity: 'error',
      from: { path: '^apps/demo/(server|web)/src' },
      to: { path: '^apps/demo/', pathNot: '^apps/demo/($1|shared)/' },
    },
    {
      name: 'what-the-demo-shares-knows-neither-half',
      severity: 'error',
      from: { path: '^apps/demo/shared/' },
      to: { path: '^(packages|apps)/', pathNot: '^(packages/contract|apps/demo/shared)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['@trunkline/source', 'import', 'types', 'default'],
      exportsFields: ['exports'],
    },
  },
};
