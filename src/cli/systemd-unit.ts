/** The unit that runs the daemon. `launcher`: absolute path of `tare`. */
export const systemdUnit = (launcher: string): string => `[Unit]
Description=Tare container engine
After=network-online.target nss-lookup.target time-set.target
Wants=network-online.target
StartLimitBurst=3
StartLimitIntervalSec=60

[Service]
Type=exec
ExecStart=${escaped(launcher)} daemon
ExecReload=/bin/kill -s HUP $MAINPID
Restart=always
RestartSec=2
# The daemon may go; the containers stay. Their monitors are children of init, in cgroups of their own.
KillMode=process
Delegate=yes
OOMScoreAdjust=-500
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
TimeoutStopSec=30

[Install]
WantedBy=multi-user.target
`

/** systemd splits at blanks and expands `%`. */
const escaped = (path: string): string => {
  const text = path.replaceAll('%', '%%')
  return /[\s"\\]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : text
}
