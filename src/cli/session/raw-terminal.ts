/** Puts the terminal on standard input in raw mode, so that every key reaches the container; dispose to put it back. */
export const rawTerminal = async (): Promise<AsyncDisposable> => {
  const { stdin } = process
  if (!stdin.isTTY) return { [Symbol.asyncDispose]: async () => undefined }
  stdin.setRawMode(true)
  // Node leaves output processing on; programs that move the cursor by bare newlines need it off.
  const { spawnProcess } = await import('../../host/exec.ts')
  await new Promise<void>(resolve => {
    const stty = spawnProcess(['stty', '-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
    stty.once('error', () => resolve())
    stty.once('close', () => resolve())
  })
  return {
    [Symbol.asyncDispose]: async () => {
      stdin.setRawMode(false)
    },
  }
}
