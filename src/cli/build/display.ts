import type { Progress, Vertex } from './build-progress.ts'

/** Shows a build while it runs. */
export interface Display {
  /** Something happened; the state has it already. */
  show(change: Progress): void
  /** A fact about one of our own steps (`transferring context: 2kB done`). */
  note(vertex: Vertex, text: string): void
  /** Leaves the terminal to somebody else until what it gives is called. */
  suspend(): () => void
  /** Nothing more comes. May be called again. */
  close(): void
}
