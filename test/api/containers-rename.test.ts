// Renaming: the new name is found, the old one is free.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ContainerBench } from '../harness/container-bench.ts'

let bench: ContainerBench
before(async () => {
  bench = await ContainerBench.start()
})
after(() => bench[Symbol.asyncDispose]())

const rename = (id: string, name: string) => bench.client.post(`/containers/${id}/rename`, undefined, { name })

test('a container is found by its new name, and the old one is free', async () => {
  const [old, next] = [bench.name(), bench.name()]
  const id = await bench.run({}, old)
  const [event] = await bench.events(id, 1, async () => assert.equal((await rename(old, next)).status, 204))
  assert.equal(event?.Action, 'rename')
  assert.deepEqual([event?.Actor.Attributes.name, event?.Actor.Attributes.oldName], [next, `/${old}`])
  assert.deepEqual([(await bench.inspect(next)).Id, (await bench.inspect(id)).Name], [id, `/${next}`])
  assert.equal((await bench.client.get(`/containers/${old}/json`)).status, 404)
  const other = await bench.create({}, old)
  for (const one of [id, other]) await bench.remove(one)
})

test('names that it cannot have', async () => {
  const [a, b] = [bench.name(), bench.name()]
  const [one, two] = [await bench.create({}, a), await bench.create({}, b)]
  await bench.refused(
    rename(a, b),
    409,
    new RegExp(
      `^Error when allocating new name: Conflict. The container name "/${b}" is already in use by container "${two}"`,
    ),
  )
  await bench.refused(rename(a, a), 400, 'Renaming a container with the same name as its current name')
  await bench.refused(
    rename(a, 'x y'),
    400,
    'Error when allocating new name: Invalid container name (/x y), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed',
  )
  await bench.refused(rename(a, ''), 400, 'Neither old nor new names may be empty')
  await bench.refused(rename('nobody', 'somebody'), 404, 'No such container: nobody')
  assert.equal((await bench.inspect(one)).Name, `/${a}`)
  for (const id of [one, two]) await bench.remove(id)
})
