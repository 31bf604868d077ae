import type { Filters } from '../api/filters.ts'
import { invalidArgument } from '../errdefs.ts'
import type { Event, Events } from '../events.ts'
import type { RequestContext } from './request-context.ts'
import { parseTimestamp } from './timestamp.ts'

/** Bytes that may wait for a slow reader before it is cut off: events cannot be dropped unnoticed. */
const BACKLOG_LIMIT = 4 * 1024 * 1024
/** The longest that Node's timers can wait. */
const LONGEST_TIMER = 2 ** 31 - 1

/** `GET /events`: what happened since `since`, and what happens until `until` or the client goes. */
export const streamEvents = async (context: RequestContext, events: Events): Promise<void> => {
  const since = parseTimestamp(context.query.get('since'))
  const until = parseTimestamp(context.query.get('until'))
  if (since !== undefined && until !== undefined && since > until) {
    throw invalidArgument(
      `\`since\` time (${context.query.get('since')}) cannot be after \`until\` time (${context.query.get('until')})`,
    )
  }
  const matches = eventFilter(context.query.filters())
  const legacy = !context.speaks('1.52')
  const { response, signal } = context
  const stream = context.jsonStream()
  const send = (event: Event) => {
    if (!matches(event)) return
    stream.writeText(eventJson(event, legacy))
    if (response.writableLength > BACKLOG_LIMIT) response.destroy()
  }
  stream.flush()
  // Between here and the subscription nothing else runs, so no event is lost or told twice.
  if (since !== undefined || until !== undefined) {
    for (const event of events.history()) {
      if ((since === undefined || event.timeNano >= since) && (until === undefined || event.timeNano <= until))
        send(event)
    }
  }
  using _subscription = events.subscribe(event => {
    if (until === undefined || event.timeNano <= until) send(event)
  })
  await timeToEnd(until, signal)
  stream.end()
}

const timeToEnd = async (until: bigint | undefined, signal: AbortSignal): Promise<void> => {
  const left = () => (until === undefined ? Number.POSITIVE_INFINITY : Number(until / 1_000_000n) - Date.now())
  while (!signal.aborted && left() > 0) {
    await new Promise<void>(resolve => {
      const finish = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', finish)
        resolve()
      }
      const timer = setTimeout(finish, Math.min(left(), LONGEST_TIMER))
      signal.addEventListener('abort', finish)
    })
  }
}

/** One event as a line of JSON; before API 1.52 container and image events also carry their older fields. */
export const eventJson = (event: Event, legacy: boolean): string => {
  const { Type, Action, Actor, scope, time, timeNano } = event
  const old = legacy && (Type === 'container' || Type === 'image')
  const older = old
    ? { status: Action, id: Actor.ID || undefined, from: (Type === 'container' && Actor.Attributes.image) || undefined }
    : {}
  // The bigint is beyond what JSON.stringify writes, and beyond what a number holds.
  return `${JSON.stringify({ ...older, Type, Action, Actor, scope, time }).slice(0, -1)},"timeNano":${timeNano}}`
}

/** Whether an event is asked for. A filter that is not known lets everything through, as in dockerd. */
export const eventFilter = (filters: Filters): ((event: Event) => boolean) => {
  const wanted = (name: string) => filters[name] ?? []
  const fuzzy = (name: string, values: readonly (string | undefined)[]) =>
    wanted(name).length === 0 || wanted(name).some(text => values.some(value => value?.startsWith(text)))
  const object = (event: Event, type: Event['Type']) =>
    wanted(type).length === 0 || (event.Type === type && fuzzy(type, [event.Actor.ID, event.Actor.Attributes.name]))
  return event => {
    const { Type, Action, Actor, scope } = event
    return (
      // `exec_create: sh -c …` and `health_status: healthy` are asked for by their first word.
      (wanted('event').length === 0 ||
        wanted('event').some(name => name === Action || Action.startsWith(`${name}:`))) &&
      (wanted('type').length === 0 || wanted('type').includes(Type)) &&
      (wanted('scope').length === 0 || wanted('scope').includes(scope)) &&
      object(event, 'container') &&
      object(event, 'volume') &&
      object(event, 'network') &&
      object(event, 'daemon') &&
      (wanted('image').length === 0 || wanted('image').some(name => isAboutImage(event, name))) &&
      wanted('label').every(text => hasLabel(Actor.Attributes, text))
    )
  }
}

/** Events of the image itself, and of containers made from it; with or without the tag. */
const isAboutImage = ({ Type, Actor }: Event, name: string): boolean => {
  const known = Type === 'image' ? [Actor.ID, Actor.Attributes.name] : [Actor.Attributes.image]
  return known.some(value => value !== undefined && (value === name || withoutTag(value) === name))
}

const withoutTag = (name: string): string => {
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') && !name.includes('@') ? name.slice(0, colon) : name
}

const hasLabel = (attributes: Readonly<Record<string, string>>, text: string): boolean => {
  const equals = text.indexOf('=')
  const value = attributes[equals < 0 ? text : text.slice(0, equals)]
  return value !== undefined && (equals < 0 || value === text.slice(equals + 1))
}
