export const GLOBAL_FLAGS = `
      --config string   Location of client config files (default "~/.docker")
  -D, --debug           Enable debug mode
  -H, --host list       Daemon socket to connect to
  -v, --version         Print version information and quit
`
