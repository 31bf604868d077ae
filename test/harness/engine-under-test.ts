import { importBusybox } from './busybox-image.ts'
import { TestDaemon } from './daemon.ts'
import { HttpClient } from './http-client.ts'

export type EngineUnderTest = AsyncDisposable & { readonly host: string; readonly client: HttpClient }

/**
 * A daemon of Tare's; or, with TARE_TEST_PEER=unix:///…, the engine that answers there. So an expectation about what Docker
 * says can be put to Docker itself.
 */
export const engineUnderTest = async (): Promise<EngineUnderTest> => {
  const host = process.env.TARE_TEST_PEER
  if (host === undefined) return TestDaemon.start()
  const client = new HttpClient(host.replace('unix://', ''))
  await importBusybox(client)
  return { host, client, async [Symbol.asyncDispose]() {} }
}
