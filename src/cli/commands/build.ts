import { writeFileSync } from 'node:fs'
import type { BuildResult } from '../../api/build-options.ts'
import { DaemonError } from '../../api/client.ts'
import { BUILD_CHECKS, BUILD_FLAGS, checkBuildFlags } from '../build/build-flags.ts'
import { BuildProgress } from '../build/build-progress.ts'
import type { Display } from '../build/display.ts'
import { failureReport } from '../build/failure-report.ts'
import { type BuildContext, openContext } from '../build/open-context.ts'
import { openDisplay } from '../build/open-display.ts'
import { runSession } from '../build/run-session.ts'
import { type SessionRequest, sessionRequest } from '../build/session-options.ts'
import { SessionStory } from '../build/session-story.ts'
import { sessionWords } from '../build/session-words.ts'
import { type Command, type Context, exactly } from '../command.ts'
import { refuseContentTrust } from '../content-trust.ts'
import { registryConfig } from '../credentials/registry-auth.ts'
import { Failure } from '../failure.ts'
import type { Flags } from '../flags/flags.ts'

type Shown = { readonly progress: BuildProgress; readonly display: Display }

export const command: Command = {
  usage: '[OPTIONS] PATH | URL | -',
  flags: BUILD_FLAGS,
  check: BUILD_CHECKS,
  args: exactly(1),
  action: async (context, flags, [location = '']) => {
    refuseContentTrust(flags)
    checkBuildFlags(flags)
    const { client, stdout } = context
    const source = await openContext(location, flags.string('file'))
    const proxies = context.config.proxyEnvironment(client.endpoint.text)
    const request = await sessionRequest(flags, source, proxies, stdout.isTerminal)
    const headers = await registryConfig(context)
    const progress = new BuildProgress(() => performance.now())
    const display = await openDisplay(flags, progress, context)
    const shown = { progress, display }
    let result: BuildResult
    try {
      result = await build(context, flags, source, request, headers, shown)
    } finally {
      display.close()
    }
    if (request.options.check) {
      const { reportChecks } = await import('../build/check-report.ts')
      return reportChecks(result, source.dockerfile, stdout, context.stderr)
    }
    showWarnings(context, flags, progress)
    // What went into an archive alone is known by its manifest.
    const written = result.imageId || String(result.metadata['containerimage.digest'] ?? '')
    if (flags.string('iidfile') !== '') writeFileSync(flags.string('iidfile'), written)
    if (flags.string('metadata-file') !== '')
      writeFileSync(flags.string('metadata-file'), JSON.stringify(result.metadata, undefined, 2))
    if (flags.bool('quiet') && result.imageId !== '') stdout.line(result.imageId)
    return 0
  },
}

/** By a session, or by the classic protocol where the daemon knows none. Throws Failure when the build fails. */
const build = async (
  context: Context,
  flags: Flags,
  source: BuildContext,
  request: SessionRequest,
  headers: Readonly<Record<string, string>>,
  shown: Shown,
): Promise<BuildResult> => {
  const { progress, display } = shown
  const story = new SessionStory(progress, display, source.dockerfile)
  try {
    const end = await runSession(context.client, request, headers, story)
    story.close(end.type === 'done' && !request.options.check)
    if (end.type === 'done') return end.result
    throw new Failure(1, failureReport(progress, sessionWords(end.message), source.dockerfile))
  } catch (error) {
    if (!(error instanceof DaemonError && [404, 405].includes(error.status))) throw error
  }
  const { classicBuild } = await import('../build/classic-build.ts')
  const end = await classicBuild(context, flags, source, request.options, headers, shown)
  if (end.error === undefined) {
    if (progress.image) story.close(true)
    const imageId = progress.image?.id ?? end.imageId ?? ''
    return { imageId, metadata: { 'containerimage.config.digest': imageId } }
  }
  if (end.classic) throw new Failure(end.code || 1, end.error)
  display.close()
  throw new Failure(1, failureReport(progress, end.error, source.dockerfile))
}

const showWarnings = ({ stderr }: Context, flags: Flags, { warnings }: BuildProgress): void => {
  if (warnings.length === 0 || flags.bool('quiet')) return
  const lines = warnings.map(({ message, line }) => ` - ${message}${line === undefined ? '' : ` (line ${line})`}\n`)
  stderr.write(`\n ${warnings.length} warning${warnings.length === 1 ? '' : 's'} found:\n${lines.join('')}`)
}
