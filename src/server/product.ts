import manifest from '../../package.json' with { type: 'json' }

/** Tare's own version. */
export const VERSION: string = manifest.version
