import { isOwnOperation, type Operation } from '@trunkline/client';
import { type ReactElement, type ReactNode, useId } from 'react';
import { CommandButton, OperationItem } from './operation-item.tsx';
import { type PanelWishes, panelLook } from './panel-look.ts';
import { type UseOperationsOptions, useOperations } from './use-operations.ts';

/** How `<OperationsPanel/>` looks, and what it shows. */
export interface OperationsPanelProps extends UseOperationsOptions, PanelWishes {
  readonly userId: string;
  readonly className?: string | undefined;
  /** Classes of yours; a piece that has one is left without its built-in style. */
  readonly classNames?: PanelWishes['classNames'];
  /** Other words. */
  readonly labels?: PanelWishes['labels'];
  /** Of the times. Default: the browser's. */
  readonly locale?: string | undefined;
  /** Who has the buttons; the server decides for itself. Default: an operation's owner. */
  readonly mayControl?: ((operation: Operation) => boolean) | undefined;
  /** What stands below an operation: a link to its file, for example. */
  readonly details?: ((operation: Operation) => ReactNode) | undefined;
}

/** The user's operations: what runs and what has ended, with the buttons to cancel and to retry. */
export function OperationsPanel(props: OperationsPanelProps): ReactElement {
  const { userId, types, state, className, mayControl, details } = props;
  const { running, ended, isLoading, hasMore, ...commands } = useOperations(userId, {
    types,
    state,
  });
  const titleId = useId();
  const look = panelLook(props);
  const isOwn = (operation: Operation) => isOwnOperation(operation, userId);
  const all = [...running, ...ended];
  return (
    <section className={className} aria-labelledby={titleId} aria-busy={isLoading}>
      <h2 id={titleId} {...look.part('title')}>
        {look.label('title')}
      </h2>
      {all.length === 0 ? (
        <p {...look.part('empty')}>{look.label(isLoading ? 'loading' : 'empty')}</p>
      ) : (
        // the role again: Safari takes a list without bullets for none
        <ul role="list" {...look.part('list')}>
          {all.map((operation) => (
            <OperationItem
              key={operation.id}
              operation={operation}
              look={look}
              commands={(mayControl ?? isOwn)(operation) ? commands : null}
            >
              {details?.(operation)}
            </OperationItem>
          ))}
        </ul>
      )}
      {hasMore && state !== 'active' ? (
        <CommandButton look={look} label="more" run={commands.loadMore} />
      ) : null}
    </section>
  );
}
