import { runCli } from './cli.ts'

const code = await runCli(process.argv.slice(2))
// The daemon lives on behind its sockets; everything else is over when its command is.
if (code !== undefined) process.exit(code)
