import { type Operation, operationText, shownPercentage } from '@trunkline/client';
import { isTerminal } from '@trunkline/contract';
import { type ReactElement, type ReactNode, useState } from 'react';
import type { OperationsPanelLabel, PanelLook } from './panel-look.ts';
import { RelativeTime } from './relative-time.tsx';
import type { UseOperationsResult } from './use-operations.ts';

/** One operation of a panel. */
export function OperationItem(props: {
  readonly operation: Operation;
  readonly look: PanelLook;
  /** `null`: the user has no say in it. */
  readonly commands: Pick<UseOperationsResult, 'cancel' | 'retry'> | null;
  readonly children: ReactNode;
}): ReactElement {
  const { operation, look, commands, children } = props;
  const { state, label, createdAt, finishedAt } = operation;
  const text = operationText(operation);
  const percentage = isTerminal(state) ? undefined : shownPercentage(operation);
  return (
    <li data-operation={operation.id} data-state={state} {...look.part('item')}>
      <div {...look.part('head')}>
        <span {...look.part('name')}>{label}</span>
        <span {...look.part('state')}>
          {look.label(state)}
          {percentage === undefined ? null : ` ${percentage}%`}
        </span>
      </div>
      {state === 'running' || state === 'cancelling' ? (
        <Bar label={label} percentage={percentage} look={look} />
      ) : null}
      {text === '' || text === look.label(state) ? null : <p {...look.part('text')}>{text}</p>}
      {children}
      <div {...look.part('foot')}>
        <RelativeTime at={finishedAt ?? createdAt} locale={look.locale} {...look.part('time')} />
        {commands ? <Commands operation={operation} commands={commands} look={look} /> : null}
      </div>
    </li>
  );
}

function Bar(props: {
  readonly label: string;
  readonly percentage: number | undefined;
  readonly look: PanelLook;
}): ReactElement {
  const { label, percentage, look } = props;
  const { style, ...fill } = look.part('fill');
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percentage}
      {...look.part('bar')}
    >
      <div {...fill} style={{ ...style, width: `${percentage ?? 0}%` }} />
    </div>
  );
}

function Commands(props: {
  readonly operation: Operation;
  readonly commands: Pick<UseOperationsResult, 'cancel' | 'retry'>;
  readonly look: PanelLook;
}): ReactElement | null {
  const { operation, commands, look } = props;
  const { id, label: of, state, isCancellable, isRetryable } = operation;
  if (isRetryable && isTerminal(state)) {
    return (
      <CommandButton key="retry" look={look} label="retry" of={of} run={() => commands.retry(id)} />
    );
  }
  if (!isCancellable || isTerminal(state) || state === 'cancelling') return null;
  return (
    <CommandButton
      key="cancel"
      look={look}
      label="cancel"
      of={of}
      run={() => commands.cancel(id)}
    />
  );
}

/** A button that asks the server, and says what it answers when that is no. */
export function CommandButton(props: {
  readonly look: PanelLook;
  readonly label: OperationsPanelLabel;
  /** What it is about, for who does not see where it stands. */
  readonly of?: string;
  readonly run: () => Promise<unknown>;
}): ReactElement {
  const { look, of, run } = props;
  const label = look.label(props.label);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const onClick = async () => {
    setBusy(true);
    setError(null);
    try {
      await run();
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {error === null ? null : (
        <p role="alert" {...look.part('error')}>
          {error}
        </p>
      )}
      <button
        type="button"
        aria-label={of === undefined ? undefined : `${label}: ${of}`}
        disabled={isBusy}
        onClick={() => void onClick()}
        {...look.part('button')}
      >
        {label}
      </button>
    </>
  );
}
