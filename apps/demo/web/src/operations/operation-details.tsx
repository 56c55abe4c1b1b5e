import { formatDuration, formatSecond } from '../ui/times.ts';
import { factsOf } from './results.ts';
import type { OperationRow } from './rows.ts';
import { useSeenStages } from './stage-memory.ts';

/** Everything else that is known of an operation. */
export function OperationDetails({ row }: { row: OperationRow }) {
  const { id, labels, createdAt, startedAt, finishedAt, attempt, maxAttempts, error } = row;
  const labelled = Object.entries(labels)
    .map(([name, value]) => `${name}: ${value}`)
    .join(', ');
  return (
    <dl className="grid animate-appear grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 rounded-lg bg-raised/60 px-3.5 py-3 text-[0.8125rem]">
      <Stages row={row} />
      {factsOf(row).map(([name, value]) => (
        <Line key={name} name={name} value={value} />
      ))}
      {labelled === '' ? null : <Line name="Labels" value={labelled} />}
      {error?.code === undefined ? null : <Line name="Error code" value={error.code} isCode />}
      {error?.correlationId === undefined ? null : (
        <Line name="Reference" value={error.correlationId} isCode />
      )}
      <Line name="Created" value={formatSecond(createdAt)} />
      {startedAt === undefined ? null : <Line name="Began" value={formatSecond(startedAt)} />}
      {finishedAt === undefined ? null : <Line name="Ended" value={formatSecond(finishedAt)} />}
      <Line
        name="Attempt"
        value={attempt > maxAttempts ? attempt : `${attempt} of ${maxAttempts}`}
      />
      <Line name="Id" value={id} isCode />
    </dl>
  );
}

/** What this page has seen pass, or else the last one. */
function Stages({ row }: { row: OperationRow }) {
  const seen = useSeenStages(row.id);
  const stages = seen?.attempt === row.attempt ? seen.stages : [];
  if (stages.length === 0) {
    return row.stage === undefined ? null : <Line name="Last stage" value={row.stage} />;
  }
  const began = row.startedAt ?? row.createdAt;
  return (
    <>
      <dt className="text-muted">Stages</dt>
      <dd>
        <ol className="flex flex-wrap gap-x-3 gap-y-1">
          {stages.map(({ name, at }) => (
            <li key={name}>
              {name}{' '}
              <span className="text-xs text-muted tabular-nums">{`+${formatDuration(at - began)}`}</span>
            </li>
          ))}
        </ol>
      </dd>
    </>
  );
}

interface LineProps {
  name: string;
  value: string | number;
  isCode?: boolean;
}

function Line({ name, value, isCode = false }: LineProps) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className={isCode ? 'font-mono text-xs leading-5 wrap-anywhere' : 'wrap-anywhere'}>
        {value}
      </dd>
    </>
  );
}
