import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expectStatus } from '../test/harness/http-client.ts'
import { TestRegistry } from '../test/harness/registry.ts'
import { suiteRoot } from '../test/harness/suite-root.ts'
import { until } from '../test/harness/until.ts'
import type { Engine } from './engines.ts'
import type { Measure } from './measures.ts'
import { proportionalMemory } from './memory.ts'
import type { PullImages } from './pull-images.ts'
import { timed } from './statistics.ts'

/** Where the preloaded `loop-delay.mjs` writes. */
export const loopFile = (): string => join(suiteRoot(), 'loop-delay.json')

/** Only over its own API Podman can be told that the registry speaks plain HTTP. */
const pull = async ({ client, name: engine }: Engine, name: string): Promise<void> => {
  const answer =
    engine === 'Podman'
      ? await client.request('POST', '/v5.0.0/libpod/images/pull', { query: { reference: name, tlsVerify: 'false' } })
      : await client.request('POST', '/images/create', { query: { fromImage: name } })
  expectStatus(answer, 200)
  if (answer.text.includes('"error"')) throw new Error(answer.text.slice(-500))
}

const remove = async ({ client }: Engine, name: string): Promise<void> => {
  expectStatus(await client.delete(`/images/${name}`, { force: 1 }), 200)
}

/** A pull into an engine that has nothing of it, and what is left is taken away again. */
const pulled = async (engine: Engine, name: string): Promise<number> => {
  const time = await timed(() => pull(engine, name))
  await remove(engine, name)
  await settle()
  return time
}

/** What one engine left for the disk to do must not be the next one's burden. */
const settle = (): Promise<void> => delay(1500)

const pushed = async (engine: Engine, { debianTar }: PullImages): Promise<number> => {
  // A registry that has none of it, and an image that was never pushed.
  await using registry = await TestRegistry.start()
  const name = `${registry.host}/debian`
  const query = { fromSrc: '-', repo: name, tag: 'latest' }
  expectStatus(await engine.client.request('POST', '/images/create', { query, body: debianTar }), 200)
  const time = await timed(async () => {
    const headers = { 'X-Registry-Auth': 'e30=' }
    const answer = await engine.client.request('POST', `/images/${name}/push`, {
      query: { tag: 'latest', tlsVerify: 'false' },
      headers,
    })
    expectStatus(answer, 200)
    if (answer.text.includes('"error"')) throw new Error(answer.text.slice(-500))
  })
  await remove(engine, `${name}:latest`)
  await settle()
  return time
}

/** The most that an engine's memory grew by while it worked. */
const growth = async (engine: Engine, work: () => Promise<void>): Promise<number> => {
  const before = proportionalMemory(engine.folder)
  let most = before
  let done = false
  const watch = async (): Promise<void> => {
    while (!done) {
      most = Math.max(most, proportionalMemory(engine.folder))
      await delay(100)
    }
  }
  const watching = watch()
  try {
    await work()
  } finally {
    done = true
    await watching
  }
  return most - before
}

const longestPause = async ({ pid }: Engine): Promise<number> => {
  const file = loopFile()
  rmSync(file, { force: true })
  process.kill(pid as number, 'SIGUSR2')
  let text = ''
  await until('the event loop to be measured', () => {
    try {
      text = readFileSync(file, 'utf8')
      return text.endsWith('}')
    } catch {
      return false
    }
  })
  return (JSON.parse(text) as { max: number }).max
}

export const imageMeasures = (images: PullImages): readonly Measure[] => {
  const pauses = new Map<Engine, number>()
  return [
    {
      name: 'pull of Debian with NumPy, one layer',
      unit: 'ms',
      share: 0.25,
      mark: '⅓ of the faster',
      take: engine => pulled(engine, images.name('debian')),
    },
    {
      name: 'pull of 30,000 small files in one layer',
      unit: 'ms',
      share: 0.25,
      mark: '⅓ of the faster',
      take: engine => pulled(engine, images.name('many')),
    },
    {
      name: 'push of Debian with NumPy, never pushed before',
      unit: 'ms',
      share: 0.25,
      mark: 'the faster',
      take: engine => pushed(engine, images),
    },
    {
      name: '`rmi` of Debian with NumPy',
      unit: 'ms',
      share: 0.25,
      mark: 'Docker',
      async take(engine) {
        const name = images.name('debian')
        await pull(engine, name)
        await settle()
        const time = await timed(() => remove(engine, name))
        await settle()
        return time
      },
    },
    {
      name: 'memory (PSS) more during a pull of 1 GiB',
      unit: 'MiB',
      share: 0,
      mark: '≤ 60',
      async take(engine) {
        const name = images.name('large')
        await delay(4000)
        if (engine.pid !== undefined) await longestPause(engine)
        const grown = await growth(engine, () => pull(engine, name))
        if (engine.pid !== undefined) pauses.set(engine, await longestPause(engine))
        await remove(engine, name)
        return grown
      },
    },
    {
      name: "the main thread's longest pause during it",
      unit: 'ms',
      share: 0,
      mark: '≤ 20',
      take: async engine => pauses.get(engine),
    },
  ]
}
