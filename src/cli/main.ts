import { runCli } from './cli.ts'

runCli(process.argv.slice(2)).then(code => {
  // The daemon lives on behind its sockets; everything else is over when its command is.
  if (code !== undefined) process.exit(code)
})
