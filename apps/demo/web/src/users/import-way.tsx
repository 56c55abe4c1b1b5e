import { useState } from 'react';
import { Choice, type Option } from '../ui/choice.tsx';

/** How an import runs: as a stored operation, or while its request waits, as the guide prints it. */
export type ImportWay = 'stored' | 'guide';

const KEY = 'demo-import-way';

const WAYS: readonly Option<ImportWay>[] = [
  { value: 'stored', name: 'Stored operation' },
  { value: 'guide', name: 'As in the guide' },
];

/** The way that was chosen in this tab, over reloads. */
export function useImportWay(): [ImportWay, (way: ImportWay) => void] {
  const [way, setWay] = useState<ImportWay>(() =>
    sessionStorage.getItem(KEY) === 'guide' ? 'guide' : 'stored',
  );
  const choose = (chosen: ImportWay) => {
    sessionStorage.setItem(KEY, chosen);
    setWay(chosen);
  };
  return [way, choose];
}

interface ImportWayChoiceProps {
  way: ImportWay;
  onChange: (way: ImportWay) => void;
}

/** Lets the user choose, and says what is different. */
export function ImportWayChoice({ way, onChange }: ImportWayChoiceProps) {
  return (
    <div className="flex w-full flex-wrap items-center gap-x-3 gap-y-2 border-t border-line pt-3 text-[0.8125rem] text-muted">
      <span aria-hidden="true">How it runs</span>
      <Choice
        label="How it runs"
        options={WAYS}
        value={way}
        onChange={onChange}
        className="max-sm:w-full"
      />
      <p className="flex-[1_1_16rem] text-pretty">
        {way === 'stored'
          ? 'Answered at once; survives reloads, can be cancelled, and goes on when the server dies.'
          : 'The request waits for the end, and its progress is a stream of messages.'}
      </p>
    </div>
  );
}
