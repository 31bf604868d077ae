import type { HealthConfig } from '../../oci/image-config.ts'
import type { Heredoc } from './heredoc.ts'
import type { SourceRange } from './source-range.ts'
import type { Pair } from './words.ts'

type Base = {
  /** As written, continuation lines joined: what `Step n/m :` shows. */
  readonly original: string
  readonly range: SourceRange
}

/** A command: words as given in JSON, or one text for the shell. */
export type CommandForm =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly text: string }

export type ArgDefault = { readonly name: string; readonly value: string | undefined }

export type FromInstruction = Base & {
  readonly keyword: 'FROM'
  readonly image: string
  readonly name: string | undefined
  readonly platform: string | undefined
}

export type ArgInstruction = Base & { readonly keyword: 'ARG'; readonly args: readonly ArgDefault[] }

export type CopyInstruction = Base & {
  readonly keyword: 'COPY' | 'ADD'
  readonly sources: readonly string[]
  readonly destination: string
  /** Sources whose content stands in the Dockerfile. */
  readonly heredocs: readonly Heredoc[]
  readonly from: string | undefined
  readonly chown: string | undefined
  readonly chmod: string | undefined
}

export type RunInstruction = Base & {
  readonly keyword: 'RUN'
  readonly command: CommandForm
  readonly heredocs: readonly Heredoc[]
  readonly network: 'default' | 'none' | 'host' | undefined
}

/** Values are as written: quotes and variables are worked out when the step's environment is known. */
export type Instruction =
  | ArgInstruction
  | CopyInstruction
  | RunInstruction
  | (Base & { readonly keyword: 'ENV' | 'LABEL'; readonly pairs: readonly Pair[] })
  | (Base & { readonly keyword: 'WORKDIR'; readonly path: string })
  | (Base & { readonly keyword: 'USER'; readonly user: string })
  | (Base & { readonly keyword: 'STOPSIGNAL'; readonly signal: string })
  | (Base & { readonly keyword: 'EXPOSE'; readonly ports: readonly string[] })
  | (Base & { readonly keyword: 'VOLUME'; readonly paths: readonly string[] })
  | (Base & { readonly keyword: 'CMD' | 'ENTRYPOINT'; readonly command: CommandForm })
  | (Base & { readonly keyword: 'SHELL'; readonly shell: readonly string[] })
  | (Base & { readonly keyword: 'HEALTHCHECK'; readonly health: HealthConfig })
  | (Base & { readonly keyword: 'ONBUILD'; readonly trigger: string })
  | (Base & { readonly keyword: 'MAINTAINER'; readonly author: string })

export type Keyword = Instruction['keyword'] | 'FROM'
