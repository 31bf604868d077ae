const CLASSIC = /^The command '(.*)' returned a non-zero code: (\d+)$/s

/** A failure as BuildKit words it, where the builder has the classic builder's words for all of its clients. */
export const sessionWords = (message: string): string => {
  const [, command, code] = CLASSIC.exec(message) ?? []
  if (command === undefined) return message
  return `process ${JSON.stringify(command)} did not complete successfully: exit code: ${code}`
}
