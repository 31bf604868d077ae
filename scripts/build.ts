// Bundles src/ into dist/: the CLI as one CommonJS file, which Node loads quickest and a command pays for at each start; the
// daemon as ES modules, split where it imports lazily, so that it keeps in memory only what it has used; and each worker.
// koffi stays outside: it finds its binary from its own place in node_modules.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const fresh = join(root, `.dist-${process.pid}`)

/** Workers start from a file of their own, so each is an entry beside the program. */
const workers = (readdirSync(join(root, 'src'), { recursive: true }) as string[])
  .filter(name => name.endsWith('-worker.ts'))
  .map(name => join(root, 'src', name))

const entry = `// The program's first lines: the version check and V8's compile cache have to come before everything else is read.
const major = Number.parseInt(process.versions.node, 10)
if (major < 24) {
  process.stderr.write('tare: Node.js 24 or newer is needed, this is ' + process.versions.node + '\\n')
  process.exit(125)
}
require('node:module').enableCompileCache(__dirname + '/.compile-cache')
require('./cli.cjs')
`

/** A daemon that runs may still import a chunk of its own build, so chunks of older builds stay for a week. */
const sweepChunks = (made: readonly string[]) => {
  const week = 7 * 24 * 3600_000
  for (const file of readdirSync(dist)) {
    const path = join(dist, file)
    if (file.startsWith('chunk-') && !made.includes(file) && Date.now() - statSync(path).mtimeMs > week) rmSync(path)
  }
}

/** What leaves the CLI's file, since few commands need it: the daemon, and the client of registries. */
const BESIDE = ['daemon', 'registry/registries']
const beside: Plugin = {
  name: 'beside',
  setup({ onResolve }) {
    for (const module of BESIDE)
      onResolve({ filter: new RegExp(`^(\\.\\./)+${module}\\.ts$`) }, ({ kind, importer }) =>
        kind === 'dynamic-import' && importer.includes('/src/cli/')
          ? { path: `./${basename(module)}.js`, external: true }
          : undefined,
      )
  },
}

const common: BuildOptions = {
  outdir: fresh,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // Node.js knows `using`; esbuild's own form of it throws the error of a loop's earlier round again in a later one.
  supported: { using: true },
  external: ['koffi'],
  // Not minified: a stack trace should show a line that somebody can read.
  keepNames: true,
  legalComments: 'none',
  logLevel: 'warning',
}

const buildCli = () =>
  build({
    ...common,
    entryPoints: { cli: join(root, 'src/cli/main.ts') },
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    plugins: [beside],
    define: { 'import.meta.url': 'fileUrl' },
    banner: { js: "const fileUrl = require('node:url').pathToFileURL(__filename).href;" },
  })

const buildDaemon = () =>
  build({
    ...common,
    entryPoints: [...BESIDE.map(module => join(root, 'src', `${module}.ts`)), ...workers],
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    splitting: true,
    format: 'esm',
    // Packages written as CommonJS ask for Node's modules with require().
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
  })

try {
  await Promise.all([buildCli(), buildDaemon()])
  writeFileSync(join(fresh, 'tare.cjs'), entry)
  mkdirSync(dist, { recursive: true })
  const made = readdirSync(fresh)
  // The entry last: its time says that all of this build is there.
  for (const file of [...made.filter(name => name !== 'tare.cjs'), 'tare.cjs'])
    renameSync(join(fresh, file), join(dist, file))
  sweepChunks(made)
  console.log(`dist/tare.cjs and ${made.length - 1} files beside it`)
} catch {
  // esbuild has printed what is wrong, and where.
  process.exitCode = 1
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
