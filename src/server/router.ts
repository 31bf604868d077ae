import type { RequestContext } from './request-context.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'

/** One line of a route table. */
export type Route = {
  readonly method: Method
  /** `/containers/{id}/json`; `{name:.*}` also takes slashes, as image names have them. Without the version. */
  readonly path: string
  /** Answers the request or throws: what is thrown becomes the response (`status.ts`), or the end of one that has begun. */
  readonly handler: (context: RequestContext) => void | Promise<void>
  /** The connection may be taken over by raw streams (attach, exec). */
  readonly hijacks?: boolean
}

export type RouteMatch = { readonly route: Route; readonly params: Readonly<Record<string, string>> }

type Compiled = { readonly route: Route; readonly pattern: RegExp; readonly names: readonly string[] }

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({})

/**
 * Finds the route of a request. Written by hand because the API puts image names, slashes and all, in the middle of
 * a path (`/images/localhost:5000/a/b/json`), which routers made of path segments do not know.
 */
export class Router {
  readonly #exact = new Map<string, RouteMatch>()
  /** By method and first segment, so that a request tries only the few routes of its own resource. */
  readonly #patterns = new Map<string, Compiled[]>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      if (!route.path.includes('{')) {
        this.#exact.set(`${route.method} ${route.path}`, { route, params: NO_PARAMS })
        continue
      }
      const key = bucket(route.method, route.path)
      const compiled = this.#patterns.get(key) ?? []
      compiled.push(compile(route))
      this.#patterns.set(key, compiled)
    }
  }

  /** `path` is decoded and without version and query. The first route of the table that fits wins. */
  find(method: string, path: string): RouteMatch | undefined {
    const exact = this.#exact.get(`${method} ${path}`)
    if (exact !== undefined) return exact
    for (const { route, pattern, names } of this.#patterns.get(bucket(method, path)) ?? []) {
      const match = pattern.exec(path)
      if (match === null) continue
      const params: Record<string, string> = {}
      for (const [index, name] of names.entries()) params[name] = match[index + 1] ?? ''
      return { route, params }
    }
    return undefined
  }
}

const bucket = (method: string, path: string): string => {
  const end = path.indexOf('/', 1)
  return `${method} ${end < 0 ? path : path.slice(0, end)}`
}

const compile = (route: Route): Compiled => {
  const names: string[] = []
  const source = route.path
    .split(/(\{[^}]+\})/)
    .map(part => {
      if (!part.startsWith('{')) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      const [name = '', pattern = '[^/]+'] = part.slice(1, -1).split(':')
      names.push(name)
      return `(${pattern})`
    })
    .join('')
  return { route, pattern: new RegExp(`^${source}$`), names }
}

/** What a request's target says: version, path and query. Undefined when it cannot be decoded. */
export type Target = { readonly version: string | undefined; readonly path: string; readonly query: string }

const VERSIONED = /^\/v([0-9.]+)(\/.*)$/

export const parseTarget = (url: string): Target | undefined => {
  let target = url
  if (!target.startsWith('/')) {
    const slash = target.indexOf('/', target.indexOf('://') + 3)
    target = slash < 0 ? '/' : target.slice(slash)
  }
  const mark = target.indexOf('?')
  let path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark + 1)
  if (path.includes('%')) {
    try {
      path = decodeURIComponent(path)
    } catch {
      return undefined
    }
  }
  const match = VERSIONED.exec(path)
  return match === null
    ? { version: undefined, path, query }
    : { version: match[1] as string, path: match[2] as string, query }
}
