import type { HealthConfig } from '../../oci/image-config.ts'
import type { Heredoc } from './heredoc.ts'
import type { RunDevice } from './run-device.ts'
import type { MountSpec } from './run-mount.ts'
import type { SourceRange } from './source-range.ts'
import type { Pair } from './words.ts'

type Base = {
  /** As written, continuation lines joined: what `Step n/m :` shows. */
  readonly original: string
  readonly range: SourceRange
  /** Those right above it, without `#`; left out when there are none. */
  readonly comments?: readonly string[]
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
  /** A stage, an image or a named context: no variables. */
  readonly from: string | undefined
  readonly chown: string | undefined
  readonly chmod: string | undefined
  readonly link: boolean
  readonly parents: boolean
  /** Patterns as written: no variables. */
  readonly exclude: readonly string[]
  /** Of ADD alone, as the three below: `sha256:…`, or a commit. */
  readonly checksum: string | undefined
  /** Undefined: as the URL of the repository says. */
  readonly keepGitDir: boolean | undefined
  /** Undefined: archives of the context are unpacked, those of URLs are not. */
  readonly unpack: boolean | undefined
}

export type RunInstruction = Base & {
  readonly keyword: 'RUN'
  readonly command: CommandForm
  readonly heredocs: readonly Heredoc[]
  readonly network: 'default' | 'none' | 'host' | undefined
  readonly security: 'sandbox' | 'insecure'
  readonly mounts: readonly MountSpec[]
  readonly devices: readonly RunDevice[]
}

/** Values are as written: quotes and variables are worked out when the step's environment is known. */
export type Instruction =
  | ArgInstruction
  | CopyInstruction
  | RunInstruction
  /** `legacy`: written without `=`. */
  | (Base & { readonly keyword: 'ENV' | 'LABEL'; readonly pairs: readonly Pair[]; readonly legacy?: true })
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
