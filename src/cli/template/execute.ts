import { FUNCTIONS } from './functions.ts'
import { parseTemplate } from './parse.ts'
import { printValue, sortedKeys } from './print-value.ts'
import type { Command, Node, Operand, Pipeline, Template } from './tree.ts'
import { isMap, isTrue, Row, type Value } from './value.ts'

/** A template that could not be applied to its data, in Go's words: `template: :1:2: executing "" at <.Foo>: …`. */
export class TemplateExecutionError extends Error {}

export type CompileOptions = {
  /** What `{{.Missing}}` of a map means: Docker's inspect fails, its lists print `<no value>`. */
  readonly missingKey?: 'error' | 'novalue'
  /** Functions that stand in for the usual ones (table headers do). */
  readonly functions?: Readonly<Record<string, (...args: Value[]) => Value>>
}

const NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS))

/** Parses a template once, to be applied many times. Throws TemplateSyntaxError; the result throws TemplateExecutionError. */
export const compile = (source: string, options: CompileOptions = {}): ((data: Value) => string) => {
  const template = parseTemplate(source, NAMES)
  return data => new Execution(template, options, data).run()
}

class LoopSignal {
  readonly kind: 'break' | 'continue'
  constructor(kind: 'break' | 'continue') {
    this.kind = kind
  }
}
const NO_VALUE = Symbol('no value')

class Execution {
  readonly #template: Template
  readonly #options: CompileOptions
  readonly #data: Value
  #variables: { name: string; value: Value }[]
  #output = ''
  #depth = 0

  constructor(template: Template, options: CompileOptions, data: Value) {
    this.#template = template
    this.#options = options
    this.#data = data
    this.#variables = [{ name: '$', value: data }]
  }

  run(): string {
    this.#walk(this.#template.nodes, this.#data)
    return this.#output
  }

  #fail(node: { at: number; text: string }, message: string): never {
    const before = this.#template.source.slice(0, node.at)
    const newline = before.lastIndexOf('\n')
    const column = Buffer.byteLength(newline < 0 ? before : before.slice(newline))
    const line = before.split('\n').length
    throw new TemplateExecutionError(`template: :${line}:${column}: executing "" at <${node.text}>: ${message}`)
  }

  #walk(nodes: readonly Node[], dot: Value): void {
    const mark = this.#variables.length
    for (const node of nodes) this.#node(node, dot)
    this.#variables.length = mark
  }

  #node(node: Node, dot: Value): void {
    switch (node.kind) {
      case 'text':
        this.#output += node.text
        return
      case 'action': {
        const value = this.#pipeline(node.pipeline, dot)
        if (node.pipeline.declare.length === 0) this.#output += value === NO_VALUE ? '<no value>' : printValue(value)
        return
      }
      case 'if':
      case 'with': {
        const mark = this.#variables.length
        const value = this.#pipeline(node.pipeline, dot)
        const yes = value !== NO_VALUE && isTrue(value)
        this.#walk(yes ? node.body : node.otherwise, yes && node.kind === 'with' ? value : dot)
        this.#variables.length = mark
        return
      }
      case 'range':
        return this.#range(node, dot)
      case 'template': {
        const body = this.#template.defined.get(node.name)
        if (!body)
          this.#fail({ at: node.at, text: `{{template "${node.name}"}}` }, `template "${node.name}" not defined`)
        if (++this.#depth > 1000) this.#fail({ at: node.at, text: node.name }, 'exceeded maximum template depth (1000)')
        const value = node.pipeline ? this.#pipeline(node.pipeline, dot) : null
        const outer = this.#variables
        this.#variables = [{ name: '$', value }]
        this.#walk(body, value)
        this.#variables = outer
        this.#depth--
        return
      }
      default:
        throw new LoopSignal(node.kind)
    }
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: Value): void {
    const mark = this.#variables.length
    const { declare, assign } = node.pipeline
    const value = this.#pipeline({ ...node.pipeline, declare: [] }, dot)
    const items = this.#items(node.pipeline, value)
    try {
      for (const [key, item] of items) {
        const bindings = declare.length === 2 ? [key, item] : [item]
        declare.forEach((name, i) => this.#set(name, bindings[i], assign))
        try {
          this.#walk(node.body, item)
        } catch (error) {
          if (!(error instanceof LoopSignal)) throw error
          if (error.kind === 'break') return
        } finally {
          if (!assign) this.#variables.length = mark
        }
      }
      if (items.length === 0) this.#walk(node.otherwise, dot)
    } finally {
      this.#variables.length = mark
    }
  }

  #items(at: Pipeline, value: Value): (readonly [Value, Value])[] {
    if (value === null || value === undefined || value === NO_VALUE) return []
    if (Array.isArray(value)) return value.map((item, i) => [i, item] as const)
    if (isMap(value)) return sortedKeys(value).map(key => [key, value[key]] as const)
    if (typeof value === 'number') return Array.from({ length: value }, (_, i) => [i, i] as const)
    return this.#fail(at, `range can't iterate over ${printValue(value)}`)
  }

  #set(name: string, value: Value, assign: boolean): void {
    const found = assign ? this.#variables.findLast(variable => variable.name === name) : undefined
    if (found) found.value = value
    else this.#variables.push({ name, value })
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    let value: Value = NO_VALUE
    let first = true
    for (const command of pipeline.commands) {
      value = this.#command(command, dot, first ? [] : [value === NO_VALUE ? null : value])
      first = false
    }
    for (const name of pipeline.declare) this.#set(name, value, pipeline.assign)
    return value
  }

  #command(command: Command, dot: Value, piped: readonly Value[]): Value {
    const [head, ...rest] = command.operands as [Operand, ...Operand[]]
    if (head.kind === 'function') return this.#call(head, rest, dot, piped, command)
    const args = (): Value[] => [...rest.map(operand => this.#evaluate(operand, dot)), ...piped]
    if (head.kind === 'field') return this.#path(head, dot, head.path, args)
    if (head.kind === 'variable') {
      const value = this.#variable(head.name)
      if (head.path.length > 0) return this.#path(head, value, head.path, args)
    }
    if (head.kind === 'chain') return this.#path(head, this.#evaluate(head.base, dot), head.path, args)
    if (rest.length + piped.length > 0) this.#fail(head, `can't give argument to non-function ${head.text}`)
    if (head.kind === 'nil') this.#fail(head, 'nil is not a command')
    return this.#evaluate(head, dot)
  }

  #call(
    head: Extract<Operand, { kind: 'function' }>,
    rest: readonly Operand[],
    dot: Value,
    piped: readonly Value[],
    whole: { at: number; text: string },
  ): Value {
    const definition = FUNCTIONS[head.name]
    const count = rest.length + piped.length
    if (!definition || count < definition.min || count > definition.max) {
      const want = definition?.max === definition?.min ? `${definition?.min}` : `at least ${definition?.min}`
      this.#fail(head, `wrong number of args for ${head.name}: want ${want} got ${count}`)
    }
    if (head.name === 'and' || head.name === 'or') {
      // Like Go, stop at the operand that decides.
      let value: Value = null
      for (const operand of rest) {
        value = this.#evaluate(operand, dot)
        if (isTrue(value) === (head.name === 'or')) return value
      }
      return piped.length > 0 ? piped[0] : value
    }
    const args = [...rest.map(operand => this.#evaluate(operand, dot)), ...piped]
    try {
      return (this.#options.functions?.[head.name] ?? definition.call)(...args)
    } catch (error) {
      if (error instanceof TemplateExecutionError) throw error
      return this.#fail(whole, `error calling ${head.name}: ${(error as Error).message}`)
    }
  }

  #evaluate(operand: Operand, dot: Value): Value {
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'nil':
        return null
      case 'literal':
        return operand.value
      case 'function':
        return this.#call(operand, [], dot, [], operand)
      case 'pipeline': {
        const value = this.#pipeline(operand.pipeline, dot)
        return value === NO_VALUE ? null : value
      }
      default: {
        if (operand.kind === 'variable' && operand.path.length === 0) return this.#variable(operand.name)
        const value = this.#command({ operands: [operand], at: operand.at, text: operand.text }, dot, [])
        return value === NO_VALUE ? null : value
      }
    }
  }

  #variable(name: string): Value {
    return this.#variables.findLast(variable => variable.name === name)?.value
  }

  /** Walks fields; the last one gets the arguments, which only a row's field can take. */
  #path(node: Operand, start: Value, path: readonly string[], args: () => Value[]): Value {
    let value = start
    path.forEach((name, i) => {
      const given = i === path.length - 1 ? args() : []
      value = this.#field(node, value, name, given)
    })
    return value
  }

  #field(node: Operand, from: Value, name: string, args: readonly Value[]): Value {
    if (from instanceof Row) {
      const field = from.fields[name]
      if (!field) this.#fail(node, `can't evaluate field ${name} in type ${from.typeName}`)
      if (args.length !== field.length)
        this.#fail(node, `wrong number of args for ${name}: want ${field.length} got ${args.length}`)
      return (field as (...args: Value[]) => Value)(...args)
    }
    if (args.length > 0) this.#fail(node, `${name} is not a method but has arguments`)
    if (from === null || from === undefined || from === NO_VALUE)
      this.#fail(node, `nil pointer evaluating interface {}.${name}`)
    if (!isMap(from)) this.#fail(node, `can't evaluate field ${name} in type interface {}`)
    if (Object.hasOwn(from, name)) return from[name]
    if (this.#options.missingKey === 'error') this.#fail(node, `map has no entry for key ${JSON.stringify(name)}`)
    return NO_VALUE
  }
}
