import type { Member } from '@trunkline/contract';
import { LogOut, UserMinus, UserPlus, Users } from 'lucide-react';
import { Popover } from 'radix-ui';
import { useState } from 'react';
import type { AuthUser } from '@/context/AuthContext';
import { type Person, useColleagues } from '../colleagues.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { classNames } from '../ui/class-names.ts';
import { Confirm } from '../ui/dialog.tsx';
import { MENU } from '../ui/menu.ts';
import { formatClock } from '../ui/times.ts';
import type { Chat } from './chats.ts';
import { useMembership } from './membership.ts';

interface MembersMenuProps {
  user: AuthUser;
  chat: Chat;
  /** Who is in the chat's room now. */
  here: readonly Member[];
}

/** Who is in the chat, since when they are here, and how that is changed. */
export function MembersMenu({ user, chat, here }: MembersMenuProps) {
  const [isOpen, setIsOpen] = useState(false);
  const { add, remove, leave, isPending } = useMembership(chat);
  return (
    <Popover.Root open={isOpen} onOpenChange={setIsOpen}>
      <Popover.Trigger asChild>
        <Button size="small" aria-label={`Members: ${chat.members.length}`}>
          <Users aria-hidden="true" />
          <span className="tabular-nums">{chat.members.length}</span>
        </Button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="end"
          sideOffset={6}
          collisionPadding={12}
          aria-label={`Members of ${chat.name}`}
          className={classNames(
            MENU,
            'flex max-h-(--radix-popover-content-available-height) w-80 max-w-[calc(100vw-1.5rem)] flex-col overflow-y-auto',
          )}
        >
          <h3 className="px-2.5 pt-1.5 pb-1 text-xs font-medium text-muted">In this chat</h3>
          <ul>
            {chat.members.map((member) => (
              <li key={member.id} className="flex items-center gap-2.5 rounded-lg px-2.5 py-1.5">
                <MemberLine
                  member={member}
                  isSelf={member.id === user.id}
                  presence={here.find(({ userId }) => userId === member.id)}
                />
                {member.id === user.id ? null : (
                  <Button
                    variant="quiet"
                    size="icon"
                    disabled={isPending}
                    aria-label={`Remove ${member.name}`}
                    title={`Remove ${member.name}`}
                    onClick={() => remove(member)}
                  >
                    <UserMinus aria-hidden="true" />
                  </Button>
                )}
              </li>
            ))}
          </ul>
          <Others chat={chat} isOpen={isOpen} isPending={isPending} onAdd={add} />
          <div className="-mx-1.5 mt-1.5 border-t border-line px-1.5 pt-1.5">
            <Confirm
              trigger={
                <Button variant="quiet" size="small" className="w-full justify-start">
                  <LogOut aria-hidden="true" />
                  Leave this chat
                </Button>
              }
              title={`Leave “${chat.name}”?`}
              description="You will not see it any more until somebody adds you again."
              confirmLabel="Leave"
              onConfirm={() => leave(user)}
            />
          </div>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface MemberLineProps {
  member: Person;
  isSelf: boolean;
  presence: Member | undefined;
}

function MemberLine({ member: { name }, isSelf, presence }: MemberLineProps) {
  return (
    <>
      <Avatar name={name} />
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          {name}
          {isSelf ? <span className="font-normal text-muted"> (you)</span> : null}
        </p>
        <p className="flex items-center gap-1.5 text-xs text-muted">
          <span
            aria-hidden="true"
            className={classNames(
              'size-1.5 rounded-full',
              presence ? 'bg-success' : 'bg-line-strong',
            )}
          />
          {presence ? hereSince(presence) : 'Not here'}
        </p>
      </div>
    </>
  );
}

interface OthersProps {
  chat: Chat;
  isOpen: boolean;
  isPending: boolean;
  onAdd: (person: Person) => void;
}

/** Who could be added. */
function Others({ chat, isOpen, isPending, onAdd }: OthersProps) {
  const { data, error } = useColleagues({ enabled: isOpen });
  const others = data?.filter((person) => !chat.members.some(({ id }) => id === person.id));
  return (
    <div className="-mx-1.5 mt-1.5 border-t border-line px-1.5 pt-1.5">
      <h3 className="px-2.5 pt-1 pb-1 text-xs font-medium text-muted">Add somebody</h3>
      {others && others.length > 0 ? (
        <ul>
          {others.map((person) => (
            <li key={person.id} className="flex items-center gap-2.5 rounded-lg px-2.5 py-1.5">
              <Avatar name={person.name} />
              <span className="min-w-0 flex-1 truncate">{person.name}</span>
              <Button
                variant="quiet"
                size="icon"
                disabled={isPending}
                aria-label={`Add ${person.name}`}
                title={`Add ${person.name}`}
                onClick={() => onAdd(person)}
              >
                <UserPlus aria-hidden="true" />
              </Button>
            </li>
          ))}
        </ul>
      ) : (
        <p className="px-2.5 pb-1.5 text-[0.8125rem] text-muted">
          {error
            ? 'Your colleagues could not be loaded.'
            : data
              ? 'All your colleagues are in this chat.'
              : 'Loading…'}
        </p>
      )}
    </div>
  );
}

function hereSince({ since, connections }: Member): string {
  const tabs = connections > 1 ? `, in ${connections} tabs` : '';
  return `Here since ${formatClock(since)}${tabs}`;
}
