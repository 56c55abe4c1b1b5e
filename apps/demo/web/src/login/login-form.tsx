import { type ComponentProps, type FormEvent, useId, useRef, useState } from 'react';
import { Button } from '../ui/button.tsx';

interface LoginFormProps {
  isPending: boolean;
  onSubmit: (email: string, password: string) => Promise<void>;
}

/** E-mail and password. */
export function LoginForm({ isPending, onSubmit }: LoginFormProps) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const emailField = useRef<HTMLInputElement>(null);
  const passwordField = useRef<HTMLInputElement>(null);
  const emailProblem = isAddress(email) ? null : 'Enter your e-mail address.';
  const passwordProblem = password === '' ? 'Enter your password.' : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setWasSubmitted(true);
    if (emailProblem) emailField.current?.focus();
    else if (passwordProblem) passwordField.current?.focus();
    else void onSubmit(email.trim(), password);
  };

  return (
    <form noValidate onSubmit={submit} className="mt-5 flex flex-col gap-4">
      <Field
        ref={emailField}
        label="E-mail"
        type="email"
        autoComplete="username"
        value={email}
        maxLength={254}
        problem={wasSubmitted ? emailProblem : null}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        ref={passwordField}
        label="Password"
        type="password"
        autoComplete="current-password"
        value={password}
        maxLength={200}
        problem={wasSubmitted ? passwordProblem : null}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" variant="primary" size="large" disabled={isPending} className="mt-1">
        {isPending ? 'Logging in…' : 'Log in'}
      </Button>
    </form>
  );
}

interface FieldProps extends ComponentProps<'input'> {
  label: string;
  problem: string | null;
}

function Field({ label, problem, ...props }: FieldProps) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <input
        id={id}
        aria-invalid={problem !== null}
        aria-describedby={problem === null ? undefined : `${id}-problem`}
        className="h-10 w-full rounded-lg border border-line-strong bg-surface px-3 text-base transition-colors hover:border-muted/60 aria-invalid:border-danger sm:text-sm"
        {...props}
      />
      {problem === null ? null : (
        <p id={`${id}-problem`} className="mt-1.5 text-[0.8125rem] text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}

function isAddress(email: string): boolean {
  return /^\S+@\S+$/.test(email.trim());
}
