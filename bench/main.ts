// Measures Tare beside Docker and Podman on this machine and writes docs/benchmarks.md.
//   npm run bench -- [--rounds 20] [--engines tare,docker,podman] [--only TEXT] [--no-images] [--output FILE]
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { busyboxTar } from '../test/harness/busybox-image.ts'
import { repository, suiteRoot } from '../test/harness/suite-root.ts'
import { ENGINES, type Engine } from './engines.ts'
import { imageMeasures } from './image-measures.ts'
import { MEASURES, type Measure, runcRun } from './measures.ts'
import { PullImages } from './pull-images.ts'
import { describeMachine, type Row, renderTable } from './report.ts'
import { median } from './statistics.ts'

const { values: options } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '20' },
    engines: { type: 'string', default: 'tare,docker,podman' },
    only: { type: 'string', default: '' },
    images: { type: 'boolean', default: true },
    output: { type: 'string', default: join(repository, 'docs/benchmarks.md') },
  },
})
const rounds = Number(options.rounds)

/** The engines take turns, and each round begins with another, so that what the machine does otherwise meets all alike. */
const takeRounds = async (measure: Measure, engines: readonly Engine[]): Promise<Row> => {
  const taken = new Map<Engine, number[]>(engines.map(engine => [engine, []]))
  const count = Math.max(1, Math.round(rounds * measure.share))
  for (let round = measure.share === 0 ? 0 : -1; round < count; round += 1) {
    for (let turn = 0; turn < engines.length; turn += 1) {
      const engine = engines[(turn + Math.max(round, 0)) % engines.length]
      const value = engine && (await measure.take(engine))
      // The first round warms caches up and is not counted.
      if (engine && value !== undefined && round >= 0) taken.get(engine)?.push(value)
    }
  }
  const values = engines.map(engine => median(taken.get(engine) ?? []))
  const { name, unit, mark } = measure
  console.log(
    `${name}: ${engines.map((engine, index) => `${engine.name} ${values[index]?.toFixed(1)}`).join(', ')} ${unit}`,
  )
  return { name, unit, mark, values: values.map(value => (Number.isNaN(value) ? undefined : value)) }
}

const measureFloor = async (): Promise<number> => {
  const bundle = mkdtempSync(join(suiteRoot(), 'bundle'))
  try {
    mkdirSync(join(bundle, 'rootfs'))
    execFileSync('tar', ['-xf', busyboxTar(), '-C', join(bundle, 'rootfs')])
    execFileSync('runc', ['spec'], { cwd: bundle })
    execFileSync('sed', ['-i', 's/"terminal": true/"terminal": false/; s/"sh"$/"true"/', join(bundle, 'config.json')])
    // runc's own default limit may be above what this host allows.
    execFileSync('sed', ['-i', '/"rlimits": \\[/,/\\],/d', join(bundle, 'config.json')])
    const times: number[] = []
    for (let index = -1; index < rounds; index += 1) {
      const time = await runcRun(bundle, index + 1)
      if (index >= 0) times.push(time)
    }
    return median(times)
  } finally {
    rmSync(bundle, { recursive: true })
  }
}

const compare = async (): Promise<{ engines: string[]; rows: Row[]; imageRows: Row[] }> => {
  await using stack = new AsyncDisposableStack()
  const engines: Engine[] = []
  for (const name of options.engines.split(',')) {
    const start = ENGINES[name]
    if (!start) throw new Error(`no such engine: ${name}; there are ${Object.keys(ENGINES).join(', ')}`)
    const engine = stack.use(await start())
    engines.push(engine)
    console.log(`${engine.name} ${engine.version}`)
  }
  const chosen = (measures: readonly Measure[]) => measures.filter(({ name }) => name.includes(options.only))
  const rows: Row[] = []
  for (const measure of chosen(MEASURES)) rows.push(await takeRounds(measure, engines))
  const imageRows: Row[] = []
  const images = options.images ? stack.use(await PullImages.make()) : undefined
  for (const measure of images ? chosen(imageMeasures(images)) : []) imageRows.push(await takeRounds(measure, engines))
  return { engines: engines.map(({ name, version }) => `${name} ${version}`), rows, imageRows }
}

const { engines, rows, imageRows } = await compare()
const floor = await measureFloor()
const table = renderTable(engines, rows)
const imageTable = renderTable(engines, imageRows)
const version = (file: string) => execFileSync(file, ['--version'], { encoding: 'utf8' }).split('\n')[0]

writeFileSync(
  options.output,
  `# Benchmarks

Tare beside Docker and Podman, through the same docker CLI on the same machine. Written by \`npm run bench\`, which brings the
newest Docker and Podman that Debian packages into a tree of their own (\`bench/peers\`).

${table}

Medians of ${rounds} rounds (of ${Math.round(rounds / 4)} for the thirty), the engines taking turns, after one round that is not counted; in brackets, how many times
Tare's value. The mark is what Tare set itself. The floor, \`runc run\` alone on an unpacked busybox: ${floor.toFixed(1)} ms.
Memory is the proportional set size of all of an engine's processes: its daemons, and what watches the containers.

## Images

${imageTable}

Over the socket, from and to Debian's docker-registry on the loopback. Debian with NumPy is what \`examples/two-pythons\` builds for bookworm,
as one layer of gzip; the 30,000 files are text of 0.5 to 5 kB. Each pull is into an engine that has nothing of the image, each push of an
image just imported into a registry that has nothing of it. Pauses are those of the event loop's own histogram.

Measured on ${describeMachine()}, ${version('runc')} (Docker and Podman with the one of their tree), ${version('docker')}.
`,
)
console.log(`\n${table}\n\n${imageTable}\n\nfloor, runc run: ${floor.toFixed(1)} ms\nwritten: ${options.output}`)
