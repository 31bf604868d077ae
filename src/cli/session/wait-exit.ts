import type { Client } from '../../api/client.ts'
import type { ContainerWaitResponse } from '../../api/container.ts'

/** Waits for a container's next exit, or its removal, from the moment that this resolves. `exitCode` then resolves with the code. */
export const waitExit = async (
  client: Client,
  id: string,
  removed: boolean,
): Promise<{ exitCode: Promise<number> }> => {
  const response = await client.request('POST', `/containers/${id}/wait`, {
    query: { condition: removed ? 'removed' : 'next-exit' },
  })
  const exitCode = response.json<ContainerWaitResponse>().then(
    result => (result.Error?.Message ? 125 : result.StatusCode),
    () => 125,
  )
  return { exitCode }
}
