import type { ServerResponse } from 'node:http'

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
const PROBLEMS = {
  BLOB_UNKNOWN: [404, 'blob unknown to registry'],
  DIGEST_INVALID: [400, 'provided digest did not match uploaded content'],
  MANIFEST_UNKNOWN: [404, 'manifest unknown'],
  NAME_INVALID: [400, 'invalid repository name'],
  NAME_UNKNOWN: [404, 'repository name not known to registry'],
  PAGINATION_NUMBER_INVALID: [400, 'invalid number of results requested'],
  UNKNOWN: [500, 'unknown error'],
  UNSUPPORTED: [405, 'The operation is unsupported.'],
} as const

export type ProblemCode = keyof typeof PROBLEMS

/** A request that cannot be answered, in the protocol's words. */
export class RegistryProblem extends Error {
  override readonly name = 'RegistryProblem'
  readonly code: ProblemCode
  readonly detail: object | null

  constructor(code: ProblemCode, detail: object | null = null) {
    super(PROBLEMS[code][1])
    this.code = code
    this.detail = detail
  }
}

export const sendProblem = (response: ServerResponse, { code, message, detail }: RegistryProblem): void => {
  const body = JSON.stringify({ errors: [{ code, message, detail }] })
  response.writeHead(PROBLEMS[code][0], {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...(code === 'UNSUPPORTED' ? { Allow: 'GET, HEAD' } : {}),
  })
  response.end(body)
}
