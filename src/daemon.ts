import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { type Config, loadConfig, reloadConfig } from './config.ts'
import type { Engine } from './engine.ts'
import { codeOf, internal, messageOf } from './errdefs.ts'
import { LockedError, lockInstance } from './host/instance-lock.ts'
import { makeDirectories } from './host/make-directories.ts'
import { notifySystemd } from './host/sd-notify.ts'
import { createLogger, type Logger } from './log.ts'
import { VERSION } from './server/product.ts'

/** As dockerd: 1 for a daemon that cannot start, 125 for wrong flags. */
const FAILED = 1
const WRONG_USAGE = 125
/** So many SIGTERM or SIGINT end the daemon without waiting for anything. */
const IMPATIENCE = 3

/**
 * Runs the daemon until it is told to stop, and resolves to the exit code. Containers run on when it stops: the next
 * one takes them up.
 */
export const runDaemon = async (argv: readonly string[]): Promise<number> => {
  let invocation: ReturnType<typeof loadConfig>
  try {
    invocation = loadConfig(argv)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`)
    if (/^unable to configure|^conflict labels/.test(messageOf(error))) return FAILED
    process.stderr.write("See 'tare daemon --help'.\n")
    return WRONG_USAGE
  }
  if (invocation.action === 'help') {
    const { helpText } = await import('./config-flags.ts')
    process.stdout.write(helpText())
    return 0
  }
  if (invocation.action === 'version') {
    process.stdout.write(`Tare version ${VERSION}\n`)
    return 0
  }
  const { action, config } = invocation
  if (action === 'validate') {
    process.stdout.write('configuration OK\n')
    return 0
  }
  const logger = createLogger(config.logLevel)
  try {
    await serve(argv, config, logger)
    return 0
  } catch (error) {
    logger.debug({ err: error }, 'the daemon ends')
    process.stderr.write(`failed to start daemon: ${messageOf(error)}\n`)
    return FAILED
  }
}

const serve = async (argv: readonly string[], config: Config, logger: Logger): Promise<void> => {
  const stopping = stopSignal(logger)
  if (process.geteuid?.() !== 0) throw internal('tare daemon needs to be started with root privileges')
  using _lock = prepareRoots(config)
  using _pidfile = writePidfile(config.pidfile)
  const { openListener, prepareListeners, removeSockets } = await import('./server/listeners.ts')
  const listeners = await prepareListeners(config)

  const { Engine } = await import('./engine.ts')
  await using engine = await Engine.boot(config, logger)
  const { ApiServer } = await import('./server/api-server.ts')
  const { engineRoutes } = await import('./server/engine-routes.ts')
  await using server = new ApiServer({
    routes: engineRoutes(engine, readComponents),
    logger,
    product: `Tare/${VERSION} (linux)`,
    experimental: config.experimental,
  })
  using reloading = new DisposableStack()
  const reload = () => reloadFromFile(argv, engine, logger)
  process.on('SIGHUP', reload)
  reloading.defer(() => process.off('SIGHUP', reload))
  reloading.defer(() => removeSockets(listeners))
  for (const listener of listeners) {
    await openListener(server, listener, config.group, logger)
    logger.info(`API listen on ${listener.address}`)
  }
  await using _registry = await serveRegistry(engine)
  logger.info({ version: VERSION, dataRoot: config.dataRoot }, 'Daemon has completed initialization')
  notifySystemd('READY=1')

  const signal = await stopping
  logger.info({ signal }, 'the daemon stops; containers run on')
  notifySystemd('STOPPING=1')
  await server.close(config.shutdownTimeout * 1000)
}

/** The local images for other machines, where the configuration wants it. Throws what keeps it from listening. */
const serveRegistry = async (engine: Engine): Promise<AsyncDisposable | undefined> => {
  const { config, log } = engine
  if (config.registryListen === '') return undefined
  const { RegistryServer } = await import('./server/registry/registry-server.ts')
  const { servedStore } = await import('./server/engine-routes.ts')
  const registry = new RegistryServer(servedStore(engine), log)
  const address = await registry.listen(config.registryListen)
  log.info(`registry listens on ${address}`)
  return registry
}

/** Resolves with the first signal to stop; impatient ones end the process at once. */
const stopSignal = (logger: Logger): Promise<NodeJS.Signals> =>
  new Promise(resolve => {
    let received = 0
    const stop = (signal: NodeJS.Signals) => {
      received++
      if (received === IMPATIENCE) {
        logger.warn(`Forcing daemon shutdown without cleanup; ${IMPATIENCE} interrupts received`)
        process.exit(128 + 2)
      }
      resolve(signal)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    // Whoever started the daemon may take its terminal or its pipe away.
    process.stdout.on('error', () => {})
    process.stderr.on('error', () => {})
    process.on('unhandledRejection', error => logger.error({ err: error }, 'a promise was rejected and nobody looked'))
  })

const makeFolder = (path: string): void => {
  try {
    makeDirectories(path, 0o711)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    // Node says so of a read-only file system too; making just the first folder that is missing tells the truth.
    let missing = path
    while (!existsSync(dirname(missing))) missing = dirname(missing)
    mkdirSync(missing)
    throw error
  }
}

/** Makes the roots and takes the data root for this process alone. Throws Internal. */
const prepareRoots = (config: Config): Disposable => {
  const { dataRoot, execRoot } = config
  for (const [what, path] of [
    ['data root', dataRoot],
    ['exec root', execRoot],
  ] as const) {
    try {
      makeFolder(path)
    } catch (error) {
      throw internal(`the ${what} ${path} cannot be made: ${reasonOf(error)}`, { cause: error })
    }
  }
  try {
    return lockInstance(join(dataRoot, 'tare.lock'))
  } catch (error) {
    if (error instanceof LockedError) {
      const holder = error.pid === undefined ? 'another daemon' : `process with PID ${error.pid}`
      throw internal(`${holder} is still running on the data root ${dataRoot}`, { cause: error })
    }
    throw internal(`the data root ${dataRoot} cannot be written: ${reasonOf(error)}`, { cause: error })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  EEXIST: 'not a directory',
  EDQUOT: 'disk quota exceeded',
}

const reasonOf = (error: unknown): string => REASONS[codeOf(error) ?? ''] ?? messageOf(error)

/** Writes the pid for whoever looks there. Throws Internal when another daemon lives by that file. */
const writePidfile = (path: string): Disposable => {
  const other = livingDaemon(path)
  if (other !== undefined)
    throw internal(`ensure tare is not running or delete ${path}: process with PID ${other} is still running`)
  try {
    makeDirectories(dirname(path))
    writeFileSync(path, `${process.pid}`, { mode: 0o644 })
  } catch (error) {
    throw internal(`the pid file ${path} cannot be written: ${reasonOf(error)}`, { cause: error })
  }
  return {
    [Symbol.dispose]: () => {
      try {
        unlinkSync(path)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
    },
  }
}

/** The pid in the file, when a daemon has it now: pids come round again, and files outlive them. */
const livingDaemon = (path: string): number | undefined => {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
    if (Number.isNaN(pid) || pid === process.pid) return undefined
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('daemon') ? pid : undefined
  } catch {
    return undefined
  }
}

/** SIGHUP: takes over what may change in a running daemon, from the file and the flags it was started with. */
const reloadFromFile = (
  argv: readonly string[],
  engine: { readonly config: Config; readonly events: import('./events.ts').Events },
  logger: Logger,
): void => {
  const { config, events } = engine
  try {
    const next = loadConfig(argv)
    if (next.action === 'help' || next.action === 'version') return
    const changed = reloadConfig(config, next.config)
    logger.level = config.logLevel
    logger.info({ changed }, 'Got signal to reload configuration')
    events.publish('daemon', 'reload', hostname(), {
      name: hostname(),
      debug: String(config.debug),
      labels: JSON.stringify(config.labels),
      'insecure-registries': JSON.stringify(config.insecureRegistries),
      'registry-mirrors': JSON.stringify(config.registryMirrors),
      'default-runtime': config.defaultRuntime,
      'live-restore': 'true',
    })
  } catch (error) {
    logger.error({ err: error }, 'the configuration was not reloaded')
  }
}

/** The versions of the programs that run the containers. */
const readComponents = async () => {
  const { readProgram } = await import('./host/facts.ts')
  const found = await Promise.all(
    ['runc', 'conmon'].map(async name => ({ name, version: (await readProgram(name))?.version })),
  )
  return found.flatMap(({ name, version }) => (version === undefined ? [] : [{ name, version }]))
}
