import { TareError } from '../../errdefs.ts'

/** A RUN whose command ended with other than 0. */
export class StepFailed extends TareError {
  readonly exitCode: number

  constructor(args: readonly string[], exitCode: number) {
    super('InvalidArgument', `The command '${args.join(' ')}' returned a non-zero code: ${exitCode}`)
    this.name = 'StepFailed'
    this.exitCode = exitCode
  }
}
