import type { HttpClient } from './http-client.ts'

export type EngineEvent = {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

/** The events of these types that `work` brings about, in their order. */
export const eventsOf = async (
  client: HttpClient,
  type: readonly string[],
  work: () => Promise<unknown>,
): Promise<EngineEvent[]> => {
  // What happened in the millisecond before is not asked for.
  const before = Date.now()
  while (Date.now() === before);
  const since = (Date.now() / 1000).toFixed(6)
  await work()
  const until = (Date.now() / 1000 + 0.001).toFixed(6)
  const { text } = await client.request('GET', '/events', { query: { since, until, filters: { type } } })
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as EngineEvent)
}
