import { dataExport, fileUpload, tenantCreation, userImport } from '#shared/operations';
import type { ListFilter } from './listed.ts';
import { STATE_NAMES } from './words.ts';

interface FiltersProps {
  /** Are these a company's operations, or the platform's? */
  isTenant: boolean;
  filter: ListFilter;
  onChange: (filter: ListFilter) => void;
}

const COMPANY = [userImport, dataExport, fileUpload];
const PLATFORM = [tenantCreation];

const STATES = [
  ['active', 'Not ended'],
  ['succeeded', STATE_NAMES.succeeded],
  ['failed', STATE_NAMES.failed],
  ['cancelled', STATE_NAMES.cancelled],
  ['crashed', STATE_NAMES.crashed],
] as const;

/** Which operations are listed. */
export function Filters({ isTenant, filter, onChange }: FiltersProps) {
  const kinds = isTenant ? COMPANY : PLATFORM;
  return (
    <div className="flex flex-wrap gap-2 max-sm:*:flex-1">
      <Select
        label="Kind"
        all="Every kind"
        options={kinds.map(({ type, label }) => [type, label ?? type])}
        value={filter.type}
        onChange={(type) => onChange({ ...filter, type })}
      />
      <Select
        label="State"
        all="Every state"
        options={STATES}
        value={filter.state}
        onChange={(state) => onChange({ ...filter, state })}
      />
    </div>
  );
}

interface SelectProps<T extends string> {
  label: string;
  /** What is said where nothing is chosen. */
  all: string;
  options: readonly (readonly [value: T, name: string])[];
  value: T | '';
  onChange: (value: T | '') => void;
}

function Select<T extends string>({ label, all, options, value, onChange }: SelectProps<T>) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value as T | '')}
      className="h-9 min-w-0 rounded-lg border border-line-strong bg-surface px-2.5 text-sm text-ink"
    >
      <option value="">{all}</option>
      {options.map(([option, name]) => (
        <option key={option} value={option}>
          {name}
        </option>
      ))}
    </select>
  );
}
