import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { errorMessage } from '@/api';
import { FormDialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { type SendAnswer, tellReceipt } from './receipts.ts';

interface MessageDialogProps {
  title: string;
  description: string;
  /** What the message is called. */
  label: string;
  placeholder: string;
  submitLabel: string;
  /** What is said to somebody who has written nothing. */
  emptyProblem: string;
  /** What is said when it has been sent. */
  sentTitle: string;
  send: (message: string) => Promise<SendAnswer>;
  onClose: () => void;
  /** More that can be said about it. */
  children?: ReactNode;
}

/** Asks for a message, sends it, and says what became of it. */
export function MessageDialog(props: MessageDialogProps) {
  const [text, setText] = useState('');
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const message = text.trim();
  const problem = message === '' ? props.emptyProblem : null;

  const sending = useMutation({
    mutationFn: () => props.send(message),
    onSuccess: (answer) => {
      props.onClose();
      tellReceipt(props.sentTitle, answer);
    },
  });

  return (
    <FormDialog
      title={props.title}
      description={props.description}
      submitLabel={sending.isPending ? 'Sending…' : props.submitLabel}
      isPending={sending.isPending}
      problem={sending.error && errorMessage(sending.error)}
      onClose={props.onClose}
      onSubmit={() => {
        setWasSubmitted(true);
        if (problem === null) sending.mutate();
      }}
    >
      <TextField
        label={props.label}
        placeholder={props.placeholder}
        value={text}
        maxLength={500}
        problem={wasSubmitted ? problem : null}
        onChange={(event) => setText(event.target.value)}
      />
      {props.children}
    </FormDialog>
  );
}
