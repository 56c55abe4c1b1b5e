/** How much of a channel's past is kept. What is outside any of the three is forgotten. */
export interface HistoryLimits {
  /** Publications kept per channel. */
  readonly size: number;
  /** Milliseconds after the last publication until all of them are dropped. */
  readonly ttlMs: number;
  /** Bytes of publication data kept per channel. */
  readonly maxBytes: number;
}

/** What one tenant may use of a node. The platform counts as a tenant of its own. */
export interface TenantLimits {
  /**
   * Connections of one user; one more ends with 3504, unless others give no sign of life. Anonymous
   * ones do not count. Default 20.
   */
  readonly maxConnectionsPerUser: number;
  /** Connections of the tenant; one more ends with 3504. Default 5,000. */
  readonly maxConnectionsPerTenant: number;
  /**
   * Publications per second, the server's and the clients' together; more is not published: the
   * receipt says `dropped`, a client gets error 111. Default 1,000.
   */
  readonly publishesPerSecond: number;
  /** Publications that may come at once. Default 2,000. */
  readonly publishBurst: number;
  /**
   * Bytes per second written to the tenant's sessions; more waits its turn, a recovery no longer than 2 s
   * (then it is a gap), and `history` and `presence` get error 111. Default 10 MiB.
   */
  readonly fanOutBytesPerSecond: number;
  /** Bytes that may be written at once. Default 20 MiB. */
  readonly fanOutBurstBytes: number;
  /**
   * Milliseconds of each second that finding deltas of its publications may take; beyond that they go
   * in full. Default 50.
   */
  readonly deltaMsPerSecond: number;
  /**
   * Bytes of deliveries that wait for their turn, counted for each session; what comes on top is not
   * delivered, and its subscribers are sent to recover it. Default 64 MiB.
   */
  readonly maxFanOutBacklogBytes: number;
  /**
   * Rooms of the tenant with a subscriber on this node; a client's subscribe to one more gets error 106,
   * one by the server is not made. Default 10,000.
   */
  readonly maxRoomsPerTenant: number;
  /**
   * Rooms that `users.joinRoom` keeps for one user; one more rejects with `LimitExceededError`. Default
   * 100.
   */
  readonly maxRoomsPerUser: number;
}

/** Every limit of a node. Each is an option; unlimited needs a literal `Infinity`. */
export interface Limits extends TenantLimits {
  // One message and one frame from a client
  /** Bytes of one message from a client; more closes with 1009. Default 64 KiB. */
  readonly maxMessageBytes: number;
  /** Fragments of one message from a client; more closes with 1008. Default 64. */
  readonly maxFragments: number;
  /**
   * Commands in one frame; more closes with 3501. Above `maxSubscriptions`, because a client that
   * comes back sends its connect and all its subscribes in one. Default 192.
   */
  readonly maxCommandsPerFrame: number;
  /** How deep a command's JSON may be nested; more closes with 3501. Default 32. */
  readonly maxJsonDepth: number;

  // One connection
  /** Bytes waiting for one client (our queue and the socket's); more closes with 3008. Default 1 MiB. */
  readonly maxQueuedBytes: number;
  /** Lines waiting for one client; more closes with 3008. Default 10,000. */
  readonly maxQueuedLines: number;
  /**
   * Milliseconds that lines may wait without any progress; then 3008. What the socket has (64 KiB) is
   * not counted: there it is the pong that is missed. Default 10 s.
   */
  readonly writeStallMs: number;
  /** Bytes of publications in one reply; more is not recovered. Default 512 KiB. */
  readonly maxRecoveryBytes: number;
  /** Publications that one `history` command gets at most. Default 300. */
  readonly maxHistoryPublications: number;
  /** Clients that one `presence` command gets at most; `presence_stats` counts all. Default 200. */
  readonly maxPresenceClients: number;
  /** Subscriptions of one connection, server-side ones included. Default 128. */
  readonly maxSubscriptions: number;
  /**
   * Commands of one connection that are not finished, in all no larger than four messages of the
   * greatest size; more closes with 3013. Default 512.
   */
  readonly maxPendingCommands: number;
  /** Bytes per second from a client; more closes with 3013. Default 128 KiB. */
  readonly inboundBytesPerSecond: number;
  /** Bytes that may come at once. Default 1 MiB. */
  readonly inboundBurstBytes: number;
  /** Commands per second, other than subscribes and refreshes; each more gets error 111. Default 50. */
  readonly commandsPerSecond: number;
  /** Commands that may come at once. Default 100. */
  readonly commandBurst: number;
  /** Subscribes per second; each more gets error 111. Default 20. */
  readonly subscribesPerSecond: number;
  /** Subscribes that may come at once. Default 128. */
  readonly subscribeBurst: number;
  /** Refreshes of tokens per second, of connection and subscriptions; each more gets error 111. Default 5. */
  readonly refreshesPerSecond: number;
  /** Refreshes that may come at once. Default 130. */
  readonly refreshBurst: number;
  /** Milliseconds that a client may go on sending too fast; then 3013. Default 10 s. */
  readonly maxExcessMs: number;
  /** Error replies per minute that are the client's own doing; more closes with 3509. Default 50. */
  readonly maxErrorsPerMinute: number;
  /** WebSocket pings from a client per second; more closes with 3013. Default 10. */
  readonly pingsPerSecond: number;
  /** Milliseconds between two pings. Default 25 s. */
  readonly pingIntervalMs: number;
  /** Milliseconds that a client has for its pong; then 3012. Default 8 s. */
  readonly pongTimeoutMs: number;
  /**
   * Milliseconds in which a user's connections must give a sign of life when one more comes than
   * there may be; those that do not are ended with 3012 to make space. Default 2 s.
   */
  readonly probeTimeoutMs: number;
  /**
   * Milliseconds before its end at which a token's client is told to bring a new one. Default 10 s.
   */
  readonly tokenLeadMs: number;
  /** Milliseconds that a connection or subscription outlives its token. Default 5 s. */
  readonly tokenGraceMs: number;
  /**
   * Milliseconds within which it is asked again what a connection may: of `reauthorize`, or without it of
   * `authenticate`, through which the client comes back after a 3011. Default 10 min.
   */
  readonly reauthorizeIntervalMs: number;

  // The door
  /** Connections of the node; more get 503. Default 20,000. */
  readonly maxConnections: number;
  /** Handshakes per second; more get 503. Default 1,500. */
  readonly handshakesPerSecond: number;
  /** Handshakes that may come at once. Default 3,000. */
  readonly handshakeBurst: number;
  /**
   * Sockets that may wait for their connect to be authenticated; more get 503, unless the oldest has
   * said nothing for a second and makes space. Default 1,000.
   */
  readonly maxUnauthenticated: number;
  /** Of these, from one address; more get 429. Default 200. */
  readonly maxUnauthenticatedPerAddress: number;
  /** Calls of `authenticate` at one time; more wait. Default 100. */
  readonly maxConcurrentAuthenticates: number;
  /** Milliseconds that a socket may live before its connect command comes; then 3502. Default 5 s. */
  readonly connectDeadlineMs: number;
  /** Milliseconds that the event loop may lag; more, for long, and newcomers get 503. Default 500. */
  readonly maxEventLoopLagMs: number;
  /** Milliseconds for which it must lag until newcomers are refused. Default 5 s. */
  readonly maxEventLoopLagForMs: number;

  // The node's work
  /**
   * Milliseconds from a command's arrival to its answer, the app's hooks and the broker together:
   * a connect (`authenticate`, `roomsOf`, the joins) is then closed with 3004, any other gets
   * error 100. Default 4 s: a stock client gives up on a command after 5 s, and must hear of the
   * failure before.
   */
  readonly hookTimeoutMs: number;
  /** Milliseconds that a send waits for the broker; then its receipt says `unknown`. Default 2 s. */
  readonly publishTimeoutMs: number;
  /**
   * Milliseconds between two looks whether this node has missed anything of the streams that it follows,
   * where the broker is shared. Default 2 s.
   */
  readonly gapCheckMs: number;
  /** Bytes of one event as sent; more rejects with `PayloadTooLargeError`. Default 128 KiB. */
  readonly maxEventBytes: number;
  /** Bytes of one event from which on a warning is logged. Default 32 KiB. */
  readonly warnEventBytes: number;
  /**
   * Sessions that publications are delivered to in one turn of the event loop; fewer where several go to
   * each of them. Default 500.
   */
  readonly fanOutSlice: number;
  /** Milliseconds after which a client that its node has stopped naming is not present. Default 60 s. */
  readonly presenceTtlMs: number;
  /** Milliseconds between two namings. Default 25 s. */
  readonly presenceIntervalMs: number;
  /** History of `@all`, role and room channels. Default 500 / 5 min / 512 KiB. */
  readonly history: HistoryLimits;
  /** History of `@user` channels. Default 100 / 5 min / 64 KiB. */
  readonly userHistory: HistoryLimits;

  // Other nodes, where the broker is shared
  /** Milliseconds between two times that a node tells the others that it lives. Default 3 s. */
  readonly nodeIntervalMs: number;
  /** Milliseconds after which a node that has not done so is gone, and not waited for. Default 7 s. */
  readonly nodeTtlMs: number;
  /**
   * Milliseconds that what is done to users waits for the other nodes; then it rejects with
   * `NodesUnreachableError`. Default 10 s.
   */
  readonly orderTimeoutMs: number;
  /** Milliseconds that a node waits for the answer of another. Default 2 s. */
  readonly answerTimeoutMs: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** The limits of a tenant of a node that was told none. */
export const defaultTenantLimits: TenantLimits = {
  maxConnectionsPerUser: 20,
  maxConnectionsPerTenant: 5_000,
  publishesPerSecond: 1_000,
  publishBurst: 2_000,
  fanOutBytesPerSecond: 10 * MIB,
  fanOutBurstBytes: 20 * MIB,
  deltaMsPerSecond: 50,
  maxFanOutBacklogBytes: 64 * MIB,
  maxRoomsPerTenant: 10_000,
  maxRoomsPerUser: 100,
};

/** The limits of a node that was told none. */
export const defaultLimits: Limits = {
  ...defaultTenantLimits,
  maxMessageBytes: 64 * KIB,
  maxFragments: 64,
  maxCommandsPerFrame: 192,
  maxJsonDepth: 32,
  maxQueuedBytes: MIB,
  maxQueuedLines: 10_000,
  writeStallMs: 10 * SECOND_MS,
  maxRecoveryBytes: 512 * KIB,
  maxHistoryPublications: 300,
  maxPresenceClients: 200,
  maxSubscriptions: 128,
  maxPendingCommands: 512,
  inboundBytesPerSecond: 128 * KIB,
  inboundBurstBytes: MIB,
  commandsPerSecond: 50,
  commandBurst: 100,
  subscribesPerSecond: 20,
  subscribeBurst: 128,
  refreshesPerSecond: 5,
  refreshBurst: 130,
  maxExcessMs: 10 * SECOND_MS,
  maxErrorsPerMinute: 50,
  pingsPerSecond: 10,
  pingIntervalMs: 25 * SECOND_MS,
  pongTimeoutMs: 8 * SECOND_MS,
  probeTimeoutMs: 2 * SECOND_MS,
  tokenLeadMs: 10 * SECOND_MS,
  tokenGraceMs: 5 * SECOND_MS,
  reauthorizeIntervalMs: 10 * MINUTE_MS,
  maxConnections: 20_000,
  handshakesPerSecond: 1_500,
  handshakeBurst: 3_000,
  maxUnauthenticated: 1_000,
  maxUnauthenticatedPerAddress: 200,
  maxConcurrentAuthenticates: 100,
  connectDeadlineMs: 5 * SECOND_MS,
  maxEventLoopLagMs: 500,
  maxEventLoopLagForMs: 5 * SECOND_MS,
  hookTimeoutMs: 4 * SECOND_MS,
  publishTimeoutMs: 2 * SECOND_MS,
  gapCheckMs: 2 * SECOND_MS,
  maxEventBytes: 128 * KIB,
  warnEventBytes: 32 * KIB,
  fanOutSlice: 500,
  presenceTtlMs: 60 * SECOND_MS,
  presenceIntervalMs: 25 * SECOND_MS,
  history: { size: 500, ttlMs: 5 * MINUTE_MS, maxBytes: 512 * KIB },
  userHistory: { size: 100, ttlMs: 5 * MINUTE_MS, maxBytes: 64 * KIB },
  nodeIntervalMs: 3 * SECOND_MS,
  nodeTtlMs: 7 * SECOND_MS,
  orderTimeoutMs: 10 * SECOND_MS,
  answerTimeoutMs: 2 * SECOND_MS,
};
