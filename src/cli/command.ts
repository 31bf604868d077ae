import type { Client } from '../api/client.ts'
import type { ConfigFile } from './config-file.ts'
import type { Flags } from './flags/flags.ts'
import type { Output } from './output.ts'

/** The program's name, as messages and help show it. */
export const PROGRAM = 'tare'

export type ArgumentRule = { readonly min: number; readonly max: number }
export const NO_ARGUMENTS: ArgumentRule = { min: 0, max: 0 }
export const exactly = (count: number): ArgumentRule => ({ min: count, max: count })
export const atLeast = (min: number): ArgumentRule => ({ min, max: Number.POSITIVE_INFINITY })
export const atMost = (max: number): ArgumentRule => ({ min: 0, max })
export const between = (min: number, max: number): ArgumentRule => ({ min, max })

/** What a command has to work with. */
export type Context = {
  /** The words it was called by: `container ls`. */
  readonly path: string
  readonly client: Client
  readonly stdout: Output
  readonly stderr: Output
  readonly config: ConfigFile
}

/** One command; its summary stands in the table of commands, so that help for all need not load each. */
export type Command = {
  /** What follows the name in `Usage:`. */
  readonly usage: string
  /** What help says instead of the summary, where there is more to say. */
  readonly description?: string
  /** See flag-table.ts. */
  readonly flags?: string
  readonly aliases?: Readonly<Record<string, string>>
  readonly check?: Readonly<Record<string, (value: string) => string>>
  readonly interspersed?: boolean
  readonly args: ArgumentRule
  /** Gives the exit code. */
  readonly action: (context: Context, flags: Flags, args: readonly string[]) => Promise<number>
}
/** A command that reads its own command line (`daemon`, `doctor`). */
export type RawCommand = { readonly raw: (args: readonly string[]) => Promise<number | undefined> }
