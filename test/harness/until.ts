import { setTimeout as delay } from 'node:timers/promises'

/** Resolves when the condition holds; asked every few milliseconds. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>, timeout = 20_000): Promise<void> => {
  const end = Date.now() + timeout
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${timeout} ms in vain for: ${what}`)
    await delay(15)
  }
}
