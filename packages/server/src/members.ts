import type { Member, MemberList } from '@trunkline/contract';
import type { ClientInfo } from './broker/broker.ts';

/** The clients of one user: the one that came first, and the one that came last. */
interface Group {
  readonly oldest: ClientInfo;
  readonly newest: ClientInfo;
  readonly count: number;
}

/** Who is here, given which clients are: one member for each user, those who came first at most so many. */
export function membersOf(infos: readonly ClientInfo[], maxMembers: number = Infinity): MemberList {
  const groups = new Map<string, Group>();
  for (const info of infos) groups.set(info.user, withClient(groups.get(info.user), info));
  const all = [...groups.values()].toSorted((a, b) => a.oldest.since - b.oldest.since);
  return { members: all.slice(0, maxMembers).map(memberOf), total: all.length };
}

function withClient(group: Group | undefined, info: ClientInfo): Group {
  if (!group) return { oldest: info, newest: info, count: 1 };
  const { oldest, newest, count } = group;
  return {
    oldest: info.since < oldest.since ? info : oldest,
    newest: info.since >= newest.since ? info : newest,
    count: count + 1,
  };
}

function memberOf({ oldest, newest, count }: Group): Member {
  const { connInfo } = newest;
  return {
    userId: oldest.user,
    since: oldest.since,
    connections: count,
    ...(connInfo === undefined ? {} : { info: JSON.parse(connInfo) }),
  };
}
