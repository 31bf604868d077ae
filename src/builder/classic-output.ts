import { randomBytes } from 'node:crypto'
import type { BuildEvent } from '../api/build.ts'
import type { JsonMessage } from '../api/image.ts'
import { shortId } from '../oci/digest.ts'

/** Characters kept of a step that has to wait until those before it are told. */
const HELD = 256 * 1024
/** Steps that the classic builder did without a container. */
const CONTAINERLESS = /^(?:FROM|COPY|ADD)\b/i

type Step = {
  readonly instruction: string
  lines: string[]
  /** The last word on each part of a pull, while the step has to wait. */
  pulls: Map<string, JsonMessage>
  held: number
  clipped: boolean
  shown: boolean
  running: string | undefined
  completed: Extract<BuildEvent, { type: 'completed' }> | undefined
  started: boolean
}

/**
 * Tells a build in the words of Docker's classic builder. That one went step by step: where stages run side by side, the
 * output of a later one waits here until the steps before it are told.
 */
export class ClassicOutput {
  readonly #write: (message: JsonMessage) => void
  readonly #removes: boolean
  readonly #steps: Step[] = []
  #current = 0
  #failed = false
  readonly #warnings: string[] = []

  /** `removes`: the client asked for intermediate containers to be removed (`rm`), which is told. */
  constructor(write: (message: JsonMessage) => void, { removes }: { removes: boolean }) {
    this.#write = write
    this.#removes = removes
  }

  handle(event: BuildEvent): void {
    switch (event.type) {
      case 'vertex':
        this.#steps[event.vertex] = {
          instruction: event.instruction,
          lines: [],
          pulls: new Map(),
          held: 0,
          clipped: false,
          shown: false,
          running: undefined,
          completed: undefined,
          started: false,
        }
        return
      case 'started':
        this.#step(event.vertex).started = true
        break
      case 'log':
        this.#log(this.#step(event.vertex), event)
        break
      case 'pull':
        this.#pull(this.#step(event.vertex), event.message)
        break
      case 'completed':
        this.#step(event.vertex).completed = event
        break
      case 'warning':
        this.#warn(event)
        return
      case 'image':
        this.#image(event)
        return
    }
    this.#advance()
  }

  #step(vertex: number): Step {
    const step = this.#steps[vertex]
    if (step === undefined) throw new Error(`vertex ${vertex} was not announced`)
    return step
  }

  #log(step: Step, { stream, data }: Extract<BuildEvent, { type: 'log' }>): void {
    const text = stream === 'stderr' ? `\u001b[91m${data}\u001b[0m` : data
    if (step.held + text.length > HELD) {
      if (!step.clipped) step.lines.push('\n[output clipped]\n')
      step.clipped = true
      return
    }
    step.lines.push(text)
    step.held += text.length
  }

  #pull({ pulls }: Step, message: JsonMessage): void {
    pulls.set(message.id ?? message.status ?? '', message)
  }

  /** Tells as much as is there, in order. A step that failed is told at once, and is the last. */
  #advance(): void {
    if (this.#failed) return
    const failed = this.#steps.findIndex(step => step.completed?.error !== undefined)
    if (failed >= 0) {
      this.#failed = true
      this.#tell(this.#step(failed), failed)
      return
    }
    for (let step = this.#steps[this.#current]; step?.started; step = this.#steps[++this.#current]) {
      this.#tell(step, this.#current)
      if (step.completed === undefined) return
    }
  }

  #tell(step: Step, index: number): void {
    const { instruction, completed, lines } = step
    if (!step.shown) {
      step.shown = true
      this.#stream(`Step ${index + 1}/${this.#steps.length} : ${instruction}`)
      this.#stream('\n')
    }
    if (step.running === undefined && hasRun(step)) {
      step.running = randomBytes(6).toString('hex')
      this.#stream(` ---> Running in ${step.running}\n`)
    }
    for (const message of step.pulls.values()) this.#write(message)
    step.pulls.clear()
    for (const line of lines) this.#stream(line)
    step.lines = []
    step.held = 0
    step.clipped = false
    if (completed === undefined || completed.error !== undefined) return
    const isFrom = /^FROM\b/i.test(instruction)
    // An ARG before the first FROM is no step of a stage: it has neither a state nor a cache.
    if (completed.cached && completed.state !== undefined && !isFrom) this.#stream(' ---> Using cache\n')
    if (step.running !== undefined && this.#removes)
      this.#stream(` ---> Removed intermediate container ${step.running}\n`)
    if (completed.state !== undefined) this.#stream(` ---> ${shortId(completed.state)}\n`)
    else if (isFrom) this.#stream(' ---> \n')
  }

  #warn({ message }: Extract<BuildEvent, { type: 'warning' }>): void {
    if (message.startsWith('One or more build-args')) this.#warnings.push(`[Warning] ${message}\n`)
    else if (message.startsWith('Empty continuation')) {
      this.#stream(`\u001b[91m[WARNING]: ${message}\n\u001b[0m`)
      this.#stream('\u001b[91m[WARNING]: Empty continuation lines will become errors in a future release.\n\u001b[0m')
    } else this.#stream(` ---> [Warning] ${message}\n`)
  }

  #image({ id, tags }: Extract<BuildEvent, { type: 'image' }>): void {
    this.#write({ aux: { ID: id } })
    for (const warning of this.#warnings) this.#stream(warning)
    this.#stream(`Successfully built ${shortId(id)}\n`)
    for (const tag of tags) this.#stream(`Successfully tagged ${tag}\n`)
  }

  #stream(stream: string): void {
    this.#write({ stream })
  }
}

/** Whether the classic builder would have shown a container by now. */
const hasRun = ({ instruction, lines, completed }: Step): boolean => {
  if (CONTAINERLESS.test(instruction)) return false
  if (lines.length > 0) return true
  return completed?.cached === false && (completed.error === undefined || /^RUN\b/i.test(instruction))
}
