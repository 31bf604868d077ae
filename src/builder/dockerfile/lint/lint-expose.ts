import { SyntaxProblem } from '../dockerfile-error.ts'
import type { Instruction } from '../instruction.ts'
import type { LintCollector } from './lint.ts'

/** @throws SyntaxProblem for what is no port */
export const lintExposed = (instruction: Instruction, specs: readonly string[], collector: LintCollector): void => {
  for (const spec of specs) {
    const colon = spec.lastIndexOf(':')
    const [port = '', protocol = ''] = spec.slice(colon + 1).split('/', 2)
    if (port === '') throw new SyntaxProblem(`invalid port: ${JSON.stringify(spec)}: no port specified`)
    if (!/^(?:tcp|udp|sctp)?$/i.test(protocol))
      throw new SyntaxProblem(`invalid port: ${JSON.stringify(spec)}: invalid proto: ${protocol}`)
    if (protocol !== protocol.toLowerCase()) {
      const detail = `Defined protocol '${spec}' in EXPOSE instruction should be lowercase`
      collector.add('ExposeProtoCasing', instruction, detail)
    }
    if (colon > 0) {
      const detail = `EXPOSE instruction should not define an IP address or host-port mapping, found '${spec}'`
      collector.add('ExposeInvalidFormat', instruction, detail)
    }
  }
}
