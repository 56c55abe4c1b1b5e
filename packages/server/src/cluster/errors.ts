/** Other nodes did not confirm in time what was done to a user or a tenant here. */
export class NodesUnreachableError extends Error {
  override readonly name = 'NodesUnreachableError';
  readonly code = 'NODES_UNREACHABLE';
  /** The ids of those that did not; empty: not even which nodes there are could be found out. */
  readonly nodes: readonly string[];

  constructor(nodes: readonly string[], timeoutMs: number) {
    const whom =
      nodes.length > 0 ? `${nodes.length} other nodes (${nodes.join(', ')})` : 'Who else lives';
    const what = nodes.length > 0 ? 'did not confirm it' : 'could not be found out';
    super(
      `${whom} ${what} in ${timeoutMs} ms (limits.orderTimeoutMs). It holds on this node, and it is kept: ` +
        'they carry it out as soon as they hear of it. To be certain, call it again when they are back.',
    );
    this.nodes = nodes;
  }
}

/** Another node could not carry out what was done to a user or a tenant here. */
export class OrderFailedError extends Error {
  override readonly name = 'OrderFailedError';
  readonly code = 'ORDER_FAILED';
  /** The id of the node. */
  readonly node: string;

  constructor(node: string, reason: string) {
    super(`It holds on this node, but node ${node} could not do it: ${reason}`);
    this.node = node;
  }
}

/** A node was asked, and did not answer in time, or could not. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
  readonly code = 'UNANSWERED';
}

/** There is no such node, or not any more. */
export class NodeGoneError extends Error {
  override readonly name = 'NodeGoneError';
  readonly code = 'NODE_GONE';

  constructor(nodeId: string) {
    super(`There is no live node ${JSON.stringify(nodeId.slice(0, 64))}`);
  }
}
