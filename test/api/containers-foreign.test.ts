// Containers of images for other processors: chosen, warned of, refused where nothing can run them, and run where the kernel
// has an emulator.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { handlersOf, readHandlers } from '../../src/host/binfmt.ts'
import { processorVariant } from '../../src/host/processor-variant.ts'
import { formatPlatform, hostPlatform } from '../../src/oci/platform.ts'
import { importBusybox } from '../harness/busybox-image.ts'
import { TestDaemon } from '../harness/daemon.ts'
import { EMULATOR, Emulation, FOREIGN, importForeign, noEmulation } from '../harness/foreign.ts'
import { type Answer, expectStatus } from '../harness/http-client.ts'
import { storedFiles } from '../harness/image-transfer.ts'

const HOST = `linux/${hostPlatform().architecture}`
const foreign = `linux/${FOREIGN.architecture}`
const skip = noEmulation() ?? false

let daemon: TestDaemon
/** One that nothing on this host runs. */
let strange: string
before(async () => {
  const handlers = await readHandlers()
  const architecture = ['s390x', 'riscv64', 'ppc64le', 'mips64le', 'loong64'].find(
    name => handlersOf(name, handlers).length === 0,
  )
  assert.ok(architecture, 'this host emulates everything')
  strange = `linux/${architecture}`
  daemon = await TestDaemon.start()
  await importBusybox(daemon.client, 'strange', { platform: strange })
  if (!skip) await importForeign(daemon.client, FOREIGN.architecture, foreign)
})
after(() => daemon[Symbol.asyncDispose]())

type Created = { Id: string; Warnings: string[]; message?: string }
const create = (Image: string, query: Readonly<Record<string, string>> = {}): Promise<Answer<Created>> =>
  daemon.client.post<Created>(
    '/containers/create',
    { Image, Cmd: ['sleep', '600'], HostConfig: { NetworkMode: 'none' } },
    query,
  )
type Inspect = {
  Platform: string
  ImageManifestDescriptor: { digest: string; size: number; mediaType: string; platform: object }
  State: { Status: string; Error: string; Pid: number }
}

test('an image that nobody asked for by its platform is created with a warning, and tells what it is for', async () => {
  const { Id, Warnings } = expectStatus(await create('busybox:strange'), 201)
  assert.deepEqual(Warnings, [
    `The requested image's platform (${strange}) does not match the detected host platform (${formatPlatform(hostPlatform(processorVariant()))}) and no specific platform was requested`,
  ])
  const [os, architecture] = strange.split('/')
  const inspect = expectStatus(await daemon.client.get<Inspect>(`/containers/${Id}/json`), 200)
  assert.equal(inspect.Platform, 'linux')
  assert.deepEqual(inspect.ImageManifestDescriptor.platform, { os, architecture })
  const blob = inspect.ImageManifestDescriptor.digest.slice('sha256:'.length)
  assert.ok(storedFiles(daemon.dataRoot).blobs.includes(blob))
  assert.deepEqual(expectStatus(await create('busybox:strange', { platform: strange }), 201).Warnings, [])
  assert.deepEqual(expectStatus(await create('busybox'), 201).Warnings, [])
  assert.deepEqual(expectStatus(await create('busybox', { platform: `${HOST}` }), 201).Warnings, [])
})

test('an image that is here for another platform is not found, so that clients pull it', async () => {
  const { status, body } = await create('busybox', { platform: strange })
  const message = `image with reference busybox was found but its platform (${HOST}) does not match the specified platform (${strange})`
  assert.deepEqual([status, body.message], [404, message])
  const missing = await create('nowhere:1', { platform: strange })
  assert.deepEqual([missing.status, missing.body.message], [404, 'No such image: nowhere:1'])
  const wrong = await create('busybox', { platform: 'a/b/c/d' })
  assert.equal(wrong.status, 400)
  assert.match(wrong.body.message ?? '', /"a\/b\/c\/d": cannot parse platform specifier: invalid argument$/)
})

test('without an emulator a start says both platforms and what to install, before anything is started', async () => {
  const { Id } = expectStatus(await create('busybox:strange'), 201)
  const answer = await daemon.client.post<{ message: string }>(`/containers/${Id}/start`)
  assert.equal(answer.status, 400)
  assert.ok(
    answer.body.message.startsWith(
      `the image's platform (${strange}) cannot run on this host (${HOST}): its kernel has no handler for ${strange.slice(6)} programs.`,
    ),
    answer.body.message,
  )
  assert.match(answer.body.message, /apt-get install qemu-user-static binfmt-support/)
  const { State } = expectStatus(await daemon.client.get<Inspect>(`/containers/${Id}/json`), 200)
  assert.deepEqual([State.Status, State.Error, State.Pid], ['created', answer.body.message, 0])
  assert.deepEqual(readdirSync(join(daemon.execRoot, 'containers')), [])
})

test('a build that would run a foreign program says so', async () => {
  const { code, stderr } = await daemon.tare(['build', '-'], { stdin: 'FROM busybox:strange\nRUN true\n' })
  assert.notEqual(code, 0)
  assert.match(stderr, new RegExp(`platform \\(${strange}\\) cannot run on this host`))
})

test('what the processor runs under another name needs no emulator', {
  skip: skip || (process.arch === 'x64' ? false : 'only amd64 has such'),
}, async () => {
  await importForeign(daemon.client, 'i386', 'linux/386')
  const { code, stdout, stderr } = await daemon.tare(['run', '--rm', '--network=none', 'busybox:i386', 'echo', 'ran'])
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'ran\n', stderr: '' })
})

const run = (...flags: readonly string[]) =>
  daemon.tare(['run', '--rm', '--network=none', ...flags, `busybox:${FOREIGN.architecture}`, 'uname', '-m'])

test('with an emulator, foreign programs run: start, exec, RUN of a build', { skip }, async () => {
  await using emulation = await Emulation.register('PF')
  assert.deepEqual(await run('--platform', foreign), { code: 0, stdout: `${FOREIGN.machine}\n`, stderr: '' })
  const unasked = await run('--init')
  assert.equal(unasked.stdout, `${FOREIGN.machine}\n`)
  assert.match(unasked.stderr, /^WARNING: The requested image's platform/)

  const built = await daemon.tare(['build', '-t', 'built:foreign', '-'], {
    stdin: `FROM --platform=${foreign} busybox:${FOREIGN.architecture}\nRUN uname -m >/machine\n`,
  })
  assert.equal(built.code, 0, built.stderr)
  const { stdout } = await daemon.tare(['run', '--rm', '--network=none', 'built:foreign', 'cat', '/machine'])
  assert.equal(stdout, `${FOREIGN.machine}\n`)
  const { stdout: platform } = await daemon.tare(['inspect', '--format', '{{.Os}}/{{.Architecture}}', 'built:foreign'])
  assert.equal(platform, `${foreign}\n`)

  const id = expectStatus(await create(`busybox:${FOREIGN.architecture}`), 201).Id
  expectStatus(await daemon.client.post(`/containers/${id}/start`), 204)
  const inside = await daemon.tare(['exec', id, 'uname', '-m'])
  assert.deepEqual(inside, { code: 0, stdout: `${FOREIGN.machine}\n`, stderr: '' })
  await emulation[Symbol.asyncDispose]()
  const { code, stderr } = await daemon.tare(['exec', id, 'uname', '-m'])
  assert.notEqual(code, 0)
  assert.match(stderr, /no handler for/)
})

test('an emulator that is looked for in the container has to be there', { skip }, async () => {
  await using _ = await Emulation.register('P')
  const refused = await run()
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /registered without the F flag/)
  assert.ok(refused.stderr.includes(`-v ${EMULATOR}:${EMULATOR}:ro`), refused.stderr)
  const { stdout } = await run('-v', `${EMULATOR}:${EMULATOR}:ro`)
  assert.equal(stdout, `${FOREIGN.machine}\n`)
})
