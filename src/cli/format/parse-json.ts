import { BigNumber, type Value } from '../template/value.ts'

/** Parses JSON and keeps numbers that JavaScript would round (nanoseconds) as their digits. */
export const parseJson = (text: string): Value =>
  JSON.parse(text, function keep(this: unknown, _key: string, value: unknown, context?: { source?: string }) {
    return typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? new BigNumber(context?.source as string)
      : value
  })
