import { messageOf } from '../../errdefs.ts'
import { splitFields } from './comma-fields.ts'
import { SyntaxProblem } from './dockerfile-error.ts'
import { parseGoBoolean } from './go-values.ts'

/** A device by its CDI name, `vendor.com/class=name`. */
export type RunDevice = { readonly name: string; readonly required: boolean }

/** https://docs.docker.com/reference/dockerfile/#run---device @throws SyntaxProblem in Docker's words */
export const parseDevice = (text: string): RunDevice => {
  let name = ''
  let required = false
  for (const field of fieldsOf(text)) {
    const equals = field.indexOf('=')
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase()
    const value = equals < 0 ? undefined : field.slice(equals + 1)
    if (key === 'required') required = value === undefined || parseRequired(value)
    else if (key === 'name' && value !== undefined) {
      if (name !== '') throw new SyntaxProblem(`device name already set to ${name}`)
      name = value
    } else if (name === '') name = field
    else if (value === undefined) throw new SyntaxProblem(`invalid field '${field}' must be a key=value pair`)
    else throw new SyntaxProblem(`unexpected key '${key}' in '${field}'`)
  }
  return { name, required }
}

const fieldsOf = (text: string): readonly string[] => {
  try {
    return splitFields(text)
  } catch (error) {
    throw new SyntaxProblem(`failed to parse csv devices: ${messageOf(error)}`)
  }
}

const parseRequired = (value: string): boolean => {
  try {
    return parseGoBoolean(value)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw new SyntaxProblem(`invalid value for required: ${value}`)
  }
}
