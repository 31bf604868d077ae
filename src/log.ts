import { destination, type Logger, pino } from 'pino'

export type { Logger }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'

/** The daemon's logger: one JSON object a line on stderr, written synchronously so that a crash loses none. */
export const createLogger = (level: LogLevel = 'info'): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  )

/** For library use and tests: a logger that writes nothing. */
export const silentLogger = (): Logger => pino({ level: 'silent' })
