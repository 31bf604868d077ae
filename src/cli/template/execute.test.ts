import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from './execute.ts'
import { BigNumber, Row } from './value.ts'

const data = {
  Name: '/web',
  State: { Status: 'running', Pid: 7, Running: true },
  Env: ['A=1', 'B=2'],
  Labels: { b: 'two', a: 'one' },
  Empty: null,
  Time: new BigNumber('1795324523163369399'),
  Ports: { '80/tcp': [{ HostIp: '', HostPort: '8099' }], '90/udp': null },
}

const cases: [string, string][] = [
  ['{{.Name}}', '/web'],
  ['{{.State.Status}} {{.State.Pid}} {{.State.Running}}', 'running 7 true'],
  ['{{.Env}} {{.Labels}} {{.Empty}}', '[A=1 B=2] map[a:one b:two] <nil>'],
  ['{{json .Labels}} {{json .Name}}', '{"b":"two","a":"one"} "/web"'],
  ['{{.Time}} {{json .Time}}', '1795324523163369399 1795324523163369399'],
  ['{{range .Env}}<{{.}}>{{end}}', '<A=1><B=2>'],
  ['{{range $i, $e := .Env}}{{if $i}}, {{end}}{{$i}}={{$e}}{{end}}', '0=A=1, 1=B=2'],
  ['{{range $k, $v := .Labels}}{{$k}}:{{$v}};{{end}}', 'a:one;b:two;'],
  ['{{range .Empty}}x{{else}}none{{end}}', 'none'],
  ['{{range .Env}}{{if eq . "B=2"}}{{break}}{{end}}{{.}}{{end}}', 'A=1'],
  ['{{range .Env}}{{if eq . "A=1"}}{{continue}}{{end}}{{.}}{{end}}', 'B=2'],
  ['{{if .State.Running}}up{{else}}down{{end}}', 'up'],
  ['{{if not .State.Running}}a{{else if eq .State.Pid 7}}b{{else}}c{{end}}!', 'b!'],
  ['{{with .State}}{{.Status}} {{$.Name}}{{end}}', 'running /web'],
  ['{{upper .Name}} {{lower "ABC"}} {{title "ab cd"}} {{len .Env}}', '/WEB abc Ab Cd 2'],
  ['{{join .Env ", "}} {{index .Env 1}} {{index .Labels "b"}}', 'A=1, B=2 B=2 two'],
  ['{{index (index .Ports "80/tcp") 0}}', 'map[HostIp: HostPort:8099]'],
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8099'],
  ['{{range split "a,b" ","}}[{{.}}]{{end}}', '[a][b]'],
  ['{{printf "%-6s|%03d|%q|%v|%5.1f" .Name 7 "x" .Env 2.25}}', '/web  |007|"x"|[A=1 B=2]|  2.3'],
  ['{{println "a" 1}}', 'a 1\n'],
  ['{{truncate "abcdef" 3}}{{pad "x" 1 2}}|', 'abc x  |'],
  ['{{"quoted\\t\\""}} {{`raw\\t`}}', 'quoted\t" raw\\t'],
  ['{{.Name | printf "%s-%s" "x" | upper}}', 'X-/WEB'],
  ['a {{- " b " -}} c', 'a b c'],
  ['{{/* nothing */}}x{{- /* trimmed */ -}} y', 'xy'],
  ['{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}', '2'],
  ['{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}', '</web>'],
  ['{{and 1 0}} {{or 0 "x"}} {{and true "z"}}', '0 x z'],
  ['{{eq 1 1}} {{ne "a" "b"}} {{lt 1 2}} {{ge 2 2}} {{eq .Name "q" "/web"}}', 'true true true true true'],
  ['{{slice "abcdef" 1 3}} {{slice .Env 1}}', 'bc [B=2]'],
  ['{{.Missing}}', '<no value>'],
]
for (const [template, expected] of cases) {
  test(template, () => assert.equal(compile(template)(data), expected))
}

const failures: [string, string][] = [
  ['{{.Foo', 'template: :1: unclosed action'],
  ['{{foo}}', 'template: :1: function "foo" not defined'],
  ['{{if .Name}}', 'template: :1: unexpected EOF'],
  ['{{end}}', 'template: :1: unexpected {{end}}'],
  ['{{$x}}', 'template: :1: undefined variable "$x"'],
  ['{{}}', 'template: :1: missing value for command'],
  ['{{.State.Foo}}', 'template: :1:8: executing "" at <.State.Foo>: map has no entry for key "Foo"'],
  ['{{.Foo}}', 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'],
  ['{{.Name.Foo}}', 'template: :1:7: executing "" at <.Name.Foo>: can\'t evaluate field Foo in type interface {}'],
  ['{{index .Env 9}}', 'template: :1:2: executing "" at <index .Env 9>: error calling index: index out of range: 9'],
]
for (const [template, expected] of failures) {
  test(`fails: ${template}`, () => {
    let message = ''
    try {
      compile(template, { missingKey: 'error' })(data)
    } catch (error) {
      message = (error as Error).message
    }
    assert.equal(message, expected)
  })
}

test('a row computes its fields, takes arguments and refuses what it has not', () => {
  const row = new Row('*formatter.ContainerContext', { ID: () => 'x1', Label: (name: string) => `<${name}>` })
  assert.equal(compile('{{.ID}} {{.Label "a"}} {{json .}}')(row), 'x1 <a> {"ID":"x1"}')
  assert.throws(() => compile('{{.Foo}}')(row), /can't evaluate field Foo in type \*formatter\.ContainerContext/)
})
