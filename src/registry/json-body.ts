import { messageOf } from '../errdefs.ts'

/** Parses JSON; a failure reads as Go's encoding/json says it. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    const first = text.trimStart().charAt(0)
    if (first === '') throw new Error('unexpected end of JSON input', { cause: error })
    if (!/["{[\-0-9tfn]/.test(first))
      throw new Error(`invalid character '${first}' looking for beginning of value`, { cause: error })
    throw new Error(messageOf(error), { cause: error })
  }
}

/** The fields of a JSON object; anything else has none. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
