/** Does something again and again, each time so long after the last time has ended; returns how to stop. */
export function repeat(everyMs: number, task: () => Promise<unknown>): () => void {
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    timer = setTimeout(() => void run(), everyMs);
    timer.unref();
  };
  const run = async () => {
    await task();
    if (!isStopped) wait();
  };
  wait();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
