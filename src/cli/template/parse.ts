import { lex, lineOf, TemplateSyntaxError, type Token } from './lex.ts'
import type { Command, Node, Operand, Pipeline, Template } from './tree.ts'
import { unquote } from './unquote.ts'

/** Parses a template; `functions` are the names it may call. Throws TemplateSyntaxError in Go's words. */
export const parseTemplate = (source: string, functions: ReadonlySet<string>): Template =>
  new Parser(source, functions).parse()

type Block = { nodes: Node[]; ended: 'end' | 'else' | 'eof'; elseKeyword?: 'if' | 'with' | undefined }

class Parser {
  readonly #source: string
  readonly #functions: ReadonlySet<string>
  readonly #tokens: readonly Token[]
  readonly #defined = new Map<string, readonly Node[]>()
  #at = 0
  #scopes: string[][] = [['$']]
  #loops = 0

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source
    this.#functions = functions
    this.#tokens = lex(source)
  }

  parse(): Template {
    const block = this.#block()
    if (block.ended !== 'eof') this.#fail(`unexpected {{${block.ended}}}`)
    return { source: this.#source, nodes: block.nodes, defined: this.#defined }
  }

  #fail(message: string, at = this.#peek().at): never {
    throw new TemplateSyntaxError(`template: :${lineOf(this.#source, at)}: ${message}`)
  }
  #peek(): Token {
    return this.#tokens[this.#at] as Token
  }
  #next(): Token {
    return this.#tokens[this.#at++] as Token
  }
  #skipSpace(): Token {
    while (this.#peek().kind === 'space') this.#at++
    return this.#peek()
  }
  #close(context: string): void {
    const token = this.#skipSpace()
    if (token.kind !== 'close') this.#unexpected(token, context)
    this.#at++
  }
  #unexpected(token: Token, context: string): never {
    return this.#fail(`unexpected ${token.kind === 'end' ? 'EOF' : `<${token.text}>`} in ${context}`)
  }

  /** Nodes up to `{{end}}`, `{{else}}` or the template's end. */
  #block(): Block {
    const nodes: Node[] = []
    this.#scopes.push([])
    for (;;) {
      const token = this.#next()
      if (token.kind === 'end' || token.kind === 'text') {
        if (token.kind === 'text') {
          nodes.push({ kind: 'text', text: token.text })
          continue
        }
        this.#at--
        this.#scopes.pop()
        return { nodes, ended: 'eof' }
      }
      const word = this.#skipSpace()
      if (word.kind === 'word' && (word.text === 'end' || word.text === 'else')) {
        this.#at++
        this.#scopes.pop()
        if (word.text === 'end') this.#close('end')
        const next = word.text === 'else' ? this.#skipSpace() : undefined
        if (next?.kind === 'word' && (next.text === 'if' || next.text === 'with'))
          return { nodes, ended: 'else', elseKeyword: next.text }
        if (next) this.#close('else')
        return { nodes, ended: word.text }
      }
      const node = this.#action(word)
      if (node) nodes.push(node)
    }
  }

  #action(word: Token): Node | undefined {
    if (word.kind === 'word') {
      switch (word.text) {
        case 'if':
        case 'with':
        case 'range':
          this.#at++
          return this.#control(word.text)
        case 'break':
        case 'continue':
          this.#at++
          if (this.#loops === 0) this.#fail(`{{${word.text}}} outside {{range}}`)
          this.#close(word.text)
          return { kind: word.text }
        case 'define':
          this.#at++
          this.#define(this.#name('define clause'))
          return undefined
        case 'template':
        case 'block': {
          this.#at++
          const name = this.#name(`${word.text} clause`)
          const pipeline = this.#skipSpace().kind === 'close' ? undefined : this.#pipeline(word.text)
          if (word.text === 'block') this.#define(name)
          else this.#close('template clause')
          return { kind: 'template', name, pipeline, at: word.at }
        }
      }
    }
    const pipeline = this.#pipeline('command')
    this.#close('command')
    return { kind: 'action', pipeline }
  }

  #name(context: string): string {
    const token = this.#skipSpace()
    if (token.kind !== 'string') this.#unexpected(token, context)
    this.#at++
    return unquote(token.text)
  }

  #define(name: string): void {
    this.#close('define clause')
    const body = this.#block()
    if (body.ended !== 'end')
      this.#fail(body.ended === 'eof' ? 'unexpected EOF' : 'unexpected {{else}} in define clause')
    this.#defined.set(name, body.nodes)
  }

  #control(kind: 'if' | 'with' | 'range'): Node {
    this.#scopes.push([])
    const pipeline = this.#pipeline(kind)
    this.#close(kind)
    if (kind === 'range') this.#loops++
    const body = this.#block()
    if (kind === 'range') this.#loops--
    let otherwise: readonly Node[] = []
    if (body.ended === 'eof') this.#fail('unexpected EOF')
    if (body.ended === 'else' && body.elseKeyword) {
      this.#at++ // the `if` of `else if`: one nested control, which takes the {{end}} of both
      otherwise = [this.#control(body.elseKeyword)]
    } else if (body.ended === 'else') {
      const rest = this.#block()
      if (rest.ended !== 'end') this.#fail(rest.ended === 'eof' ? 'unexpected EOF' : 'expected end; found {{else}}')
      otherwise = rest.nodes
    }
    this.#scopes.pop()
    return { kind, pipeline, body: body.nodes, otherwise }
  }

  #pipeline(context: string): Pipeline {
    const start = this.#skipSpace().at
    const { declare, assign } = this.#declarations(context)
    const commands: Command[] = []
    for (;;) {
      const token = this.#skipSpace()
      if (token.kind === 'close' || token.text === ')') {
        if (commands.length === 0) this.#fail(`missing value for ${context}`)
        break
      }
      commands.push(this.#command())
      if (this.#skipSpace().text === '|') this.#at++
    }
    if (!assign) this.#scopes.at(-1)?.push(...declare)
    const head = declare.length > 0 ? `${declare.join(', ')} ${assign ? '=' : ':='} ` : ''
    return { declare, assign, commands, at: start, text: head + commands.map(command => command.text).join(' | ') }
  }

  #declarations(context: string): { declare: string[]; assign: boolean } {
    const mark = this.#at
    const names: string[] = []
    for (;;) {
      const token = this.#skipSpace()
      if (token.kind !== 'variable') break
      names.push(token.text)
      this.#at++
      const after = this.#skipSpace()
      if (after.text === ':=' || after.text === '=') {
        this.#at++
        return { declare: names, assign: after.text === '=' }
      }
      if (after.text !== ',' || context !== 'range' || names.length > 1) break
      this.#at++
    }
    this.#at = mark
    return { declare: [], assign: false }
  }

  #command(): Command {
    const operands: Operand[] = []
    const start = this.#skipSpace().at
    for (;;) {
      const token = this.#skipSpace()
      if (token.kind === 'close' || token.text === ')' || token.text === '|') break
      operands.push(this.#operand())
      const after = this.#peek()
      if (after.kind === 'space' || after.kind === 'close' || after.text === ')' || after.text === '|') continue
      const character = after.text[0] ?? ''
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
      this.#fail(`bad character U+${code} '${character}'`)
    }
    if (operands.length === 0) this.#fail('empty command')
    return { operands, at: start, text: operands.map(operand => operand.text).join(' ') }
  }

  #operand(): Operand {
    const base = this.#term()
    const path: string[] = []
    const at = this.#peek().at
    while (this.#peek().kind === 'field') path.push(this.#next().text.slice(1))
    if (path.length === 0) return base
    const text = `${base.text}.${path.join('.')}`
    // Go points at the second field of a chain, and merges chains on fields and variables into one node.
    if (base.kind === 'field' || base.kind === 'variable') return { ...base, path: [...base.path, ...path], at, text }
    if (base.kind === 'literal' || base.kind === 'nil' || base.kind === 'dot')
      return this.#fail(`unexpected . after term ${JSON.stringify(base.text)}`)
    return { kind: 'chain', base, path, at, text }
  }

  #term(): Operand {
    const token = this.#next()
    const { at, text } = token
    switch (token.kind) {
      case 'field':
        return { kind: 'field', path: [text.slice(1)], at, text }
      case 'variable':
        if (!this.#scopes.some(scope => scope.includes(text))) this.#fail(`undefined variable "${text}"`, at)
        return { kind: 'variable', name: text, path: [], at, text }
      case 'string':
        return { kind: 'literal', value: unquote(text), at, text }
      case 'char':
        return { kind: 'literal', value: unquote(`"${text.slice(1, -1)}"`).codePointAt(0) as number, at, text }
      case 'number':
        return { kind: 'literal', value: Number(text.replaceAll('_', '')), at, text }
      case 'word':
        if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true', at, text }
        if (text === 'nil') return { kind: 'nil', at, text }
        if (!this.#functions.has(text)) this.#fail(`function ${JSON.stringify(text)} not defined`, at)
        return { kind: 'function', name: text, at, text }
      default:
        if (text === '.') return { kind: 'dot', at, text }
        if (text !== '(') {
          this.#at--
          return this.#unexpected(token, 'operand')
        }
    }
    const pipeline = this.#pipeline('parenthesized pipeline')
    this.#at++
    return { kind: 'pipeline', pipeline, at, text: `(${pipeline.text})` }
  }
}
