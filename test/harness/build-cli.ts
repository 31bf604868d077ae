import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandOptions, type CommandResult, launcher, run } from './command.ts'
import type { TestDaemon } from './daemon.ts'
import { suiteRoot } from './suite-root.ts'

/** A build context in a directory of its own, and `tare build` of it. */
export class BuildContext implements Disposable {
  /** Where files of the test may lie, too; gone with the context. */
  readonly root = mkdtempSync(join(suiteRoot(), 'build'))
  readonly context = join(this.root, 'context')

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(this.context)
    this.put(files)
  }

  put(files: Readonly<Record<string, string>>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(this.context, path, '..'), { recursive: true })
      writeFileSync(join(this.context, path), content)
    }
  }

  /** Copies a file of the host's into the context. */
  copyIn(file: string, path: string): void {
    mkdirSync(join(this.context, path, '..'), { recursive: true })
    copyFileSync(file, join(this.context, path))
  }

  /** A path beside the context. */
  path(name: string): string {
    return join(this.root, name)
  }

  /** Builds, whether or not it succeeds. */
  try(daemon: TestDaemon, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const env = { XDG_CACHE_HOME: join(this.root, 'cache'), ...options.env }
    const build = [launcher, '-H', daemon.host, 'build', '--progress', 'plain', ...args, this.context]
    return run(build, { ...options, env })
  }

  /** Builds. What the build told, line by line. */
  async build(daemon: TestDaemon, args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const { code, stderr } = await this.try(daemon, args, options)
    assert.equal(code, 0, stderr)
    return stderr
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
