// Bundles src/ into dist/, one chunk for each thing that is imported lazily, so that `tare ps` reads no more than it needs.
// koffi stays outside: it finds its binary from its own place in node_modules.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

/** Workers start from a file of their own, so each is an entry beside the program. */
const workers = (readdirSync(join(root, 'src'), { recursive: true }) as string[])
  .filter(name => name.endsWith('-worker.ts'))
  .map(name => join(root, 'src', name))

const entry = `// The program's first lines: the version check and V8's compile cache have to come before everything else is read.
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
if (Number.parseInt(process.versions.node, 10) < 24) {
  process.stderr.write('tare: Node.js 24 or newer is needed, this is ' + process.versions.node + '\\n')
  process.exit(125)
}
enableCompileCache(join(import.meta.dirname, '.compile-cache'))
await import('./main.js')
`

/** A daemon that runs may still import a chunk of its own build, so chunks of older builds stay for a week. */
const sweepChunks = (made: readonly string[]) => {
  const week = 7 * 24 * 3600_000
  for (const file of readdirSync(dist)) {
    const path = join(dist, file)
    if (file.startsWith('chunk-') && !made.includes(file) && Date.now() - statSync(path).mtimeMs > week) rmSync(path)
  }
}

const fresh = join(root, `.dist-${process.pid}`)
try {
  const result = await build({
    entryPoints: [join(root, 'src/cli/main.ts'), ...workers],
    entryNames: '[name]',
    chunkNames: 'chunk-[hash]',
    outdir: fresh,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    // Packages written as CommonJS ask for Node's modules with require().
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  })
  mkdirSync(dist, { recursive: true })
  const made = Object.keys(result.metafile.outputs).map(name => name.slice(name.lastIndexOf('/') + 1))
  for (const file of made) renameSync(join(fresh, file), join(dist, file))
  sweepChunks(made)
  writeFileSync(join(fresh, 'tare.js'), entry)
  renameSync(join(fresh, 'tare.js'), join(dist, 'tare.js'))
  const bytes = Object.values(result.metafile.outputs).reduce((sum, output) => sum + output.bytes, 0)
  console.log(`dist/tare.js: ${Object.keys(result.metafile.outputs).length} files, ${Math.round(bytes / 1024)} KiB`)
} catch {
  // esbuild has printed what is wrong, and where.
  process.exitCode = 1
} finally {
  rmSync(fresh, { recursive: true, force: true })
}
