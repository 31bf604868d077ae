// Containers made into images: what the image says, what is in its layer, and what survives the way through an archive.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { busyboxTar } from '../harness/busybox-image.ts'
import { ContainerBench, IDLE, sh } from '../harness/container-bench.ts'
import { expectStatus } from '../harness/http-client.ts'
import { suiteRoot } from '../harness/suite-root.ts'

let bench: ContainerBench
const scratch = mkdtempSync(join(suiteRoot(), 'commit-'))
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

type Query = Readonly<Record<string, string | number>>
type Image = {
  Id: string
  RepoTags: string[]
  Author: string
  Comment: string
  Config: Record<string, unknown>
  RootFS: { Layers: string[] }
}
type Step = { Id: string; CreatedBy: string; Comment: string; Size: number }

const commit = async (container: string, query: Query = {}, body?: object): Promise<string> =>
  expectStatus(await bench.client.post<{ Id: string }>('/commit', body, { container, ...query }), 201).Id
const inspect = async (name: string): Promise<Image> =>
  expectStatus(await bench.client.get<Image>(`/images/${name}/json`), 200)
const configOf = async (container: string, query: Query, body?: object) =>
  (await inspect(await commit(container, query, body))).Config

const bytesOf = async (path: string): Promise<Buffer> => {
  const answer = await bench.client.stream('GET', path)
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  assert.equal(answer.statusCode, 200)
  return Buffer.concat(chunks)
}

/** The names in an image's last layer. */
const lastLayer = async (name: string): Promise<string[]> => {
  const folder = mkdtempSync(join(scratch, 'save-'))
  execFileSync('tar', ['-xf', '-', '-C', folder], { input: await bytesOf(`/images/${name}/get`) })
  const [{ Layers }] = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as [{ Layers: string[] }]
  const text = execFileSync('tar', ['-tf', join(folder, Layers.at(-1) as string)], { encoding: 'utf8' })
  return text.trim().split('\n').toSorted()
}

test('a running container becomes an image: what it says, its history, and what is told of it', async () => {
  const Cmd = sh('echo hi >/new; rm /etc/group; trap "exit 0" TERM; sleep 600 & wait')
  const Labels = { mine: '1' }
  const id = await bench.run({ Cmd, Labels, Env: ['B=2'], ExposedPorts: { '80/tcp': {} }, WorkingDir: '/w' }, 'source')
  await bench.processOf(id)
  const query = { repo: 'made', tag: 'v1', comment: 'why', author: 'me', changes: 'ENV C=3' }
  let image = ''
  const events = await bench.events(id, 3, async () => {
    image = await commit(id, query)
  })
  assert.deepEqual(events.map(({ Action }) => Action).toSorted(), ['commit', 'pause', 'unpause'])
  const { Attributes } = events.find(({ Action }) => Action === 'commit')?.Actor ?? {}
  const told = { mine: '1', image: 'busybox', name: 'source', comment: 'why', imageID: image, imageRef: 'made:v1' }
  assert.deepEqual(Attributes, told)
  const { State } = await bench.inspect(id)
  assert.equal(State.Status, 'running')

  const made = await inspect('made:v1')
  assert.deepEqual([made.Id, made.RepoTags, made.Author, made.Comment], [image, ['made:v1'], 'me', 'why'])
  const { Env, ExposedPorts, WorkingDir, Entrypoint } = made.Config
  assert.deepEqual([Env, ExposedPorts, WorkingDir], [['B=2', 'C=3'], { '80/tcp': {} }, '/w'])
  assert.deepEqual([Entrypoint, made.Config.Cmd, made.Config.Labels], [null, Cmd, Labels])
  const base = await inspect('busybox')
  assert.deepEqual(made.RootFS.Layers.slice(0, -1), base.RootFS.Layers)
  const [step, below] = expectStatus(await bench.client.get<Step[]>('/images/made:v1/history'), 200)
  assert.deepEqual([step?.Id, step?.CreatedBy, step?.Comment, step?.Size], [image, Cmd.join(' '), 'why', 3])
  assert.equal(below?.Comment, 'Imported from -')
  assert.equal(
    await bench.output('cat /new; ls /etc', { Image: 'made:v1' }),
    'hi\nhostname\nhosts\nmtab\npasswd\nresolv.conf\n',
  )
  await bench.remove(id)
})

test('an image event: create, and tag where it gets a name', async () => {
  const id = await bench.create({})
  const before = Date.now()
  while (Date.now() === before);
  const since = Date.now() / 1000
  const image = await commit(id, { repo: 'named' })
  const query = { since: since.toFixed(6), until: (Date.now() / 1000 + 0.001).toFixed(6), filters: { type: ['image'] } }
  const { text } = await bench.client.get('/events', query)
  const told = text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: { name: string } } })
  assert.deepEqual(
    told.map(({ Action, Actor }) => [Action, Actor.ID, Actor.Attributes.name]),
    [
      ['create', image, image],
      ['tag', image, 'named:latest'],
    ],
  )
  await bench.remove(id)
})

test('the layer has what the container changed, and nothing that the engine put there', async () => {
  const id = await bench.run({
    Cmd: sh('mkdir /d && echo 1 >/d/f && rm -r /home && rm -r /var && mkdir /var && echo 2 >/var/g'),
  })
  await bench.wait(id)
  await commit(id, { repo: 'changes' })
  const names = await lastLayer('changes')
  // An opaque directory, or one that was taken away below and made anew: both notations say the same.
  assert.deepEqual(
    names.filter(name => !name.startsWith('var/.wh.')),
    ['.wh.home', 'd/', 'd/f', 'var/', 'var/g'],
  )
  assert.doesNotMatch(await bench.output('ls /', { Image: 'changes' }), /home/)
  await bench.remove(id)
})

test('a container without changes adds a step and no layer', async () => {
  const id = await bench.run({ Cmd: ['true'] })
  await bench.wait(id)
  const image = await inspect(await commit(id))
  assert.deepEqual(image.RootFS.Layers, (await inspect('busybox')).RootFS.Layers)
  assert.deepEqual(image.RepoTags, [])
  const history = expectStatus(await bench.client.get<Step[]>(`/images/${image.Id}/history`), 200)
  assert.deepEqual(
    history.map(({ CreatedBy }) => CreatedBy),
    ['true', ''],
  )
  await bench.remove(id)
})

test('pause=0 does not pause, and a paused container stays so', async () => {
  const id = await bench.run({ Cmd: IDLE })
  await bench.processOf(id)
  await bench.expectEvents(id, ['commit'], () => commit(id, { pause: 0 }))
  await bench.client.post(`/containers/${id}/pause`)
  await bench.expectEvents(id, ['commit'], () => commit(id))
  assert.equal((await bench.inspect(id)).State.Status, 'paused')
  await bench.remove(id)
})

test('what the image says: the container, the body of the request, the changes', async () => {
  const id = await bench.create({
    Cmd: ['c'],
    Entrypoint: ['e'],
    Env: ['A=1'],
    Labels: { a: '1' },
    Volumes: { '/v': {} },
    User: 'nobody',
    StopSignal: 'SIGINT',
  })
  const same = { Cmd: ['c'], Entrypoint: ['e'], User: 'nobody', StopSignal: 'SIGINT', Volumes: { '/v': {} } }
  const seen = (config: Image['Config']) =>
    Object.fromEntries(Object.keys(same).map(key => [key, config[key] as unknown]))
  assert.deepEqual(seen(await configOf(id, {})), same)
  assert.deepEqual(seen(await configOf(id, { changes: 'CMD ["d"]' })), { ...same, Cmd: ['d'] })
  assert.deepEqual(seen(await configOf(id, { changes: 'USER root' })), { ...same, User: 'root' })
  const volumes = await configOf(id, { changes: 'VOLUME /w' })
  assert.deepEqual(volumes.Volumes, { '/v': {}, '/w': {} })
  const body = await configOf(id, {}, { Cmd: ['b'], Env: ['A=2', 'B=2'], Labels: { b: '2' }, Hostname: 'x' })
  assert.deepEqual([body.Cmd, body.Entrypoint, body.Labels], [['b'], ['e'], { a: '1', b: '2' }])
  assert.deepEqual((body.Env as string[]).slice(0, 2), ['A=2', 'B=2'])
  assert.ok(!(body.Env as string[]).includes('A=1'))
  const { Labels } = await configOf(id, { changes: 'LABEL a=2 c="d e"' })
  assert.deepEqual(Labels, { a: '2', c: 'd e' })
  await bench.remove(id)
})

test('what is refused, and then there is no image', async () => {
  const id = await bench.create({})
  const count = async () => expectStatus(await bench.client.get<unknown[]>('/images/json', { all: 1 }), 200).length
  const images = await count()
  const refused = (query: Query, status: number, message: string | RegExp, body?: object) =>
    bench.refused(bench.client.post('/commit', body, { container: id, ...query }), status, message)
  await refused({ container: 'nobody' }, 404, 'No such container: nobody')
  await refused({ container: '' }, 400, 'invalid name or ID supplied: ""')
  await refused({ repo: 'Bad' }, 400, 'invalid reference format: repository name (library/Bad) must be lowercase')
  await refused({ repo: 'a', tag: '-x' }, 400, 'invalid tag format')
  await refused({ repo: `a@sha256:${'a'.repeat(64)}` }, 400, 'cannot import digest reference')
  await refused({ changes: 'RUN x' }, 400, 'RUN is not a valid change command')
  await refused({ changes: 'FOO x' }, 400, 'FOO is not a valid change command')
  const type = 'invalid JSON: json: cannot unmarshal number into Go struct field .Env of type []string'
  await refused({}, 400, type, { Env: 3 })
  assert.equal(await count(), images)
  const ambiguous = 'refusing to create an ambiguous tag using digest algorithm as name'
  await refused({ repo: 'sha256', tag: 'x' }, 400, ambiguous)
  await bench.remove(id)
})

test('run, commit, save, remove, load, run: modes, capabilities, links, devices, and what is gone', async () => {
  const folder = mkdtempSync(join(scratch, 'base-'))
  mkdirSync(join(folder, 'keep'))
  mkdirSync(join(folder, 'opaque'))
  for (const name of ['keep/gone', 'keep/stays', 'opaque/old', 'capable']) writeFileSync(join(folder, name), name)
  execFileSync('setcap', ['cap_net_raw=ep', join(folder, 'capable')])
  execFileSync('tar', ['-xf', busyboxTar(), '-C', folder])
  const tar = execFileSync(
    'tar',
    ['--xattrs', '--xattrs-include=*', '--numeric-owner', '-cf', '-', '-C', folder, '.'],
    { maxBuffer: 1 << 26 },
  )
  expectStatus(
    await bench.client.request('POST', '/images/create', { query: { fromSrc: '-', repo: 'rich' }, body: tar }),
    200,
  )
  const script = `cp /bin/busybox /setuid && chmod 4755 /setuid && chown nobody:nogroup /setuid && chmod 6755 /setuid
    echo 1 >/first && ln /first /second && ln -s /nowhere /dangling && mknod /null c 1 3 && mknod /pipe p
    rm /keep/gone && rm -r /opaque && mkdir /opaque && echo new >/opaque/new && chmod 700 /keep
    touch -d '2001-02-03 04:05:06' /first && touch /capable && truncate -s 5000000 /sparse
    mkdir "/$(printf 'n\\377me %0120d' 0)"`
  const id = await bench.run({ Image: 'rich', Cmd: sh(script) })
  assert.equal(await bench.wait(id), 0, JSON.stringify(await bench.logs(id)))
  const made = await inspect(await commit(id, { repo: 'richer' }))
  await bench.remove(id)
  const archive = await bytesOf('/images/richer/get')
  expectStatus(await bench.client.delete('/images/richer'), 200)
  expectStatus(await bench.client.request('POST', '/images/load', { body: archive }), 200)
  const loaded = await inspect('richer')
  assert.deepEqual([loaded.Id, loaded.RootFS], [made.Id, made.RootFS])

  const look = `stat -c '%n %a %u %g %h %F %t %T' /setuid /first /second /dangling /null /pipe /keep /sparse
    stat -c '%Y %s' /first /sparse; [ /first -ef /second ] && echo same; readlink /dangling; ls /keep /opaque
    [ -d "/$(printf 'n\\377me %0120d' 0)" ] && echo named`
  const lines = (await bench.output(look, { Image: 'richer' })).trimEnd().split('\n')
  const mtime = Date.UTC(2001, 1, 3, 4, 5, 6) / 1000
  assert.deepEqual(lines, [
    ...['/setuid 6755 65534 65534 1 regular file 0 0', '/first 644 0 0 2 regular file 0 0'],
    ...['/second 644 0 0 2 regular file 0 0', '/dangling 777 0 0 1 symbolic link 0 0'],
    ...['/null 644 0 0 1 character special file 1 3', '/pipe 644 0 0 1 fifo 0 0', '/keep 700 0 0 1 directory 0 0'],
    ...['/sparse 644 0 0 1 regular file 0 0', `${mtime} 2`, `${lines[9]?.split(' ')[0]} 5000000`],
    ...['same', '/nowhere', '/keep:', 'stays', '', '/opaque:', 'new', 'named'],
  ])
  // The attribute is seen where the kernel shows it to root: from outside, through the container's own process.
  const running = await bench.run({ Image: 'richer', Cmd: IDLE })
  const pid = await bench.processOf(running)
  assert.match(execFileSync('getcap', [`/proc/${pid}/root/capable`], { encoding: 'utf8' }), /cap_net_raw=ep/)
  await bench.remove(running)
})
