import { describe, Failure } from '../failure.ts'
import type { Output } from '../output.ts'
import { compile, TemplateExecutionError } from '../template/execute.ts'
import { TemplateSyntaxError } from '../template/lex.ts'
import { isMap, type Value } from '../template/value.ts'
import { indentJson } from './indent-json.ts'
import { parseJson } from './parse-json.ts'

/**
 * Prints what each reference names: all of them as one indented array, or one line each by a template. What is not found
 * is told at the end; what was found is printed all the same. `fetch` gives the daemon's JSON text.
 */
export const inspectObjects = async (
  references: readonly string[],
  format: string,
  fetch: (reference: string) => Promise<string>,
  { stdout, stderr }: { stdout: Output; stderr: Output },
): Promise<number> => {
  const render = format === 'json' ? undefined : renderer(format)
  const failures: string[] = []
  const texts: string[] = []
  for (const reference of references) {
    try {
      const text = await fetch(reference)
      texts.push(render?.(text) ?? text)
    } catch (error) {
      failures.push(
        error instanceof TemplateExecutionError ? `template parsing error: ${error.message}` : describe(error),
      )
    }
  }
  if (render === undefined)
    stdout.line(
      format === 'json' ? `[${texts.map(text => text.trim()).join(',')}]` : indentJson(`[${texts.join(',')}]`),
    )
  else stdout.write(texts.length === 0 ? '\n' : texts.map(text => `${text}\n`).join(''))
  if (failures.length === 0) return 0
  for (const failure of failures) stderr.line(failure)
  return 1
}

const renderer = (format: string): ((text: string) => string) | undefined => {
  if (format === '') return undefined
  try {
    const template = compile(format, { missingKey: 'error' })
    return text => template(withOmitted(parseJson(text)))
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error
    throw new Failure(64, `template parsing error: ${error.message}`, { cause: error })
  }
}

/** Fields that the daemon leaves out when they are empty, and that templates ask for all the same. */
const OMITTED: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  '': { SizeRw: null, SizeRootFs: null, Variant: '', OsVersion: '', Descriptor: null, Manifests: null },
  State: { Health: null },
  Config: {
    Healthcheck: null,
    Shell: [],
    StopSignal: '',
    StopTimeout: null,
    MacAddress: '',
    NetworkDisabled: false,
    ExposedPorts: {},
    ArgsEscaped: false,
  },
  HostConfig: { Tmpfs: {}, Sysctls: {}, StorageOpt: {}, Annotations: {}, Mounts: [], Init: null, Runtime: '' },
}

/** Adds those fields so that templates find them and `json` does not print them. */
const withOmitted = (object: Value): Value => {
  if (!isMap(object)) return object
  for (const [path, fields] of Object.entries(OMITTED)) {
    const target = path === '' ? object : object[path]
    if (!isMap(target)) continue
    for (const [name, value] of Object.entries(fields))
      if (!Object.hasOwn(target, name)) Object.defineProperty(target, name, { value, enumerable: false })
  }
  return object
}
