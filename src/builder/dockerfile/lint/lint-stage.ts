import { expandDocument, expandWord, expandWords } from '../expand.ts'
import { heredocContent } from '../heredoc.ts'
import type { ArgInstruction, Instruction } from '../instruction.ts'
import { parseTrigger } from '../parse-dockerfile.ts'
import { resolveMount } from '../run-mount.ts'
import type { SourceRange } from '../source-range.ts'
import { nearest } from '../suggestion.ts'
import { at } from './at.ts'
import type { LintCollector } from './lint.ts'
import { writtenKeyword } from './lint-casing.ts'
import { lintExposed } from './lint-expose.ts'
import { lintSources } from './lint-sources.ts'
import { mayBeSecret } from './secret-name.ts'
import type { StageFacts } from './stage-facts.ts'
import type { WatchedScope } from './watched-scope.ts'

export type StageContext = {
  readonly collector: LintCollector
  readonly escape: string
  readonly buildArgs: Readonly<Record<string, string>>
  readonly globals: WatchedScope
  /** Of a path in the context; undefined: nothing can be said. */
  readonly isIgnored: ((path: string) => boolean) | undefined
}

/** They speak to the builder alone. */
const NO_VARIABLES = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']

/** Goes through a stage, the triggers of its base first. Gives what a stage on it begins with. @throws SyntaxProblem */
export const lintStage = (
  instructions: readonly Instruction[],
  begin: StageFacts,
  from: SourceRange,
  context: StageContext,
): StageFacts => {
  const triggers = begin.triggers.map(trigger => parseTrigger(trigger, from))
  const only = new Map<string, SourceRange>()
  let facts: StageFacts = { ...begin, scope: begin.scope.copy(), triggers: [] }
  for (const instruction of [...triggers, ...instructions]) {
    lintRepeated(instruction, only, context.collector)
    facts = at(instruction, () => lintOne(instruction, facts, context))
  }
  return facts
}

/** Of CMD and the like only the last counts. */
const lintRepeated = (instruction: Instruction, only: Map<string, SourceRange>, collector: LintCollector): void => {
  const { keyword, range, comments = [] } = instruction
  if (keyword !== 'CMD' && keyword !== 'ENTRYPOINT' && keyword !== 'HEALTHCHECK') return
  const before = only.get(keyword)
  if (before !== undefined)
    collector.add(
      'MultipleInstructionsDisallowed',
      { range: before, comments },
      `Multiple ${writtenKeyword(instruction)} instructions should not be used in the same stage because only the last one will be used`,
    )
  only.set(keyword, range)
}

const lintOne = (instruction: Instruction, facts: StageFacts, context: StageContext): StageFacts => {
  const { collector, escape } = context
  const { scope } = facts
  const expand = (text: string): string =>
    watched(instruction, facts, context, () => expandWord(text, scope.get, escape))
  switch (instruction.keyword) {
    case 'ENV':
    case 'LABEL': {
      const { keyword, legacy } = instruction
      const pairs = instruction.pairs.map(({ name, value }) => ({ name: expand(name), value: expand(value) }))
      if (legacy) {
        const name = writtenKeyword(instruction)
        const detail = `"${name} key=value" should be used instead of legacy "${name} key value" format`
        collector.add('LegacyKeyValueFormat', instruction, detail)
      }
      if (keyword === 'LABEL') return facts
      for (const { name, value } of pairs) {
        lintSecret(instruction, name, collector)
        scope.set(name, value)
      }
      return facts
    }
    case 'ARG':
      lintArgs(instruction, facts, context, expand)
      return facts
    case 'WORKDIR': {
      const path = expand(instruction.path)
      if (!facts.hasWorkdir && !path.startsWith('/')) {
        const detail = `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`
        collector.add('WorkdirRelativePath', instruction, detail)
      }
      return { ...facts, hasWorkdir: true }
    }
    case 'CMD':
    case 'ENTRYPOINT':
      if (instruction.command.form === 'shell' && !facts.hasShell) {
        const name = writtenKeyword(instruction)
        const detail = `JSON arguments recommended for ${name} to prevent unintended behavior related to OS signals`
        collector.add('JSONArgsRecommended', instruction, detail)
      }
      return facts
    case 'SHELL':
      return { ...facts, hasShell: true }
    case 'ONBUILD':
      return { ...facts, triggers: [...facts.triggers, instruction.trigger] }
    case 'EXPOSE':
      lintExposed(
        instruction,
        [...instruction.ports].sort().flatMap(port => expandWords(port, scope.get, escape)),
        collector,
      )
      return facts
    case 'COPY':
    case 'ADD': {
      for (const text of [instruction.chown, instruction.chmod, instruction.checksum])
        if (text !== undefined) expand(text)
      const sources = instruction.sources.map(expand)
      expand(instruction.destination)
      for (const heredoc of instruction.heredocs) {
        if (!heredoc.expand) continue
        watched(instruction, facts, context, () => expandDocument(heredocContent(heredoc), scope.get))
      }
      if (context.isIgnored !== undefined && instruction.from === undefined)
        lintSources(instruction, sources, context.isIgnored, collector)
      return facts
    }
    case 'RUN':
      for (const mount of instruction.mounts) resolveMount(mount, expand)
      return facts
    case 'USER':
      expand(instruction.user)
      return facts
    case 'STOPSIGNAL':
      expand(instruction.signal)
      return facts
    case 'VOLUME':
      instruction.paths.forEach(expand)
      return facts
    case 'HEALTHCHECK':
    case 'MAINTAINER':
      return facts
  }
}

const lintArgs = (
  instruction: ArgInstruction,
  { scope }: StageFacts,
  { collector, buildArgs, globals }: StageContext,
  expand: (text: string) => string,
): void => {
  for (const { name, value } of instruction.args) {
    lintSecret(instruction, name, collector)
    const used = buildArgs[name] ?? (value === undefined ? globals.get(name) : expand(value))
    scope.declare(name, NO_VARIABLES.includes(name) ? undefined : used)
  }
}

const lintSecret = (instruction: Instruction, name: string, collector: LintCollector): void => {
  if (!mayBeSecret(name)) return
  const detail = `Do not use ARG or ENV instructions for sensitive data (${instruction.keyword} ${JSON.stringify(name)})`
  collector.add('SecretsUsedInArgOrEnv', instruction, detail)
}

/** Expands, and tells of variables that nothing has set. */
const watched = (
  instruction: Instruction,
  { scope, complete }: StageFacts,
  { collector }: StageContext,
  expand: () => string,
): string => {
  const report = (names: readonly string[]): void => {
    for (const name of complete ? names : []) {
      if (scope.isDeclared(name) || NO_VARIABLES.includes(name)) continue
      const match = nearest(name, scope.valued(), true)
      const meant = match === undefined ? '' : ` (did you mean $${match}?)`
      collector.add('UndefinedVar', instruction, `Usage of undefined variable '$${name}'${meant}`)
    }
  }
  return scope.watch(expand, report).result
}
