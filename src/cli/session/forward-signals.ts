/** Those that a container may care for; not SIGKILL and SIGSTOP, which nobody can catch, nor those about our own terminal and children. */
const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGCONT',
  'SIGTSTP',
  'SIGTTIN',
  'SIGTTOU',
  'SIGVTALRM',
  'SIGXCPU',
]

/** Sends the signals that we get to the container, through `send`. Dispose to stop. */
export const forwardSignals = (send: (signal: string) => Promise<unknown>): Disposable => {
  const forward = (signal: NodeJS.Signals): void => {
    // The container may have ended meanwhile; its exit is reported elsewhere.
    send(signal.slice('SIG'.length)).catch(() => undefined)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  return {
    [Symbol.dispose]: () => {
      for (const signal of FORWARDED) process.off(signal, forward)
    },
  }
}
