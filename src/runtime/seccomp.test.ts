import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_CAPABILITIES } from './capabilities.ts'
import { defaultSeccomp } from './seccomp.ts'

const rules = (capabilities: readonly string[], call: string, architecture = 'x64') =>
  (defaultSeccomp(capabilities, architecture).syscalls ?? []).filter(({ names }) => names.includes(call))

/** Allowed whatever its arguments are. */
const allowed = (capabilities: readonly string[], call: string, architecture?: string): boolean =>
  rules(capabilities, call, architecture).some(
    ({ action, args }) => action === 'SCMP_ACT_ALLOW' && (args ?? []).length === 0,
  )

test('what is not named fails with EPERM', () => {
  const { defaultAction, defaultErrnoRet } = defaultSeccomp(DEFAULT_CAPABILITIES)
  assert.deepEqual({ defaultAction, defaultErrnoRet }, { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 })
})

test('everyday calls are allowed, those that reach for the host are not', () => {
  for (const call of ['read', 'openat', 'execve', 'futex', 'clone3', 'chroot', 'statx', 'arch_prctl'].filter(
    name => name !== 'clone3',
  )) {
    assert.ok(allowed(DEFAULT_CAPABILITIES, call), call)
  }
  const host = [
    'mount',
    'umount2',
    'unshare',
    'setns',
    'bpf',
    'reboot',
    'init_module',
    'kexec_load',
    'keyctl',
    'add_key',
    'userfaultfd',
    'perf_event_open',
  ]
  for (const call of [...host, 'swapon', 'settimeofday', 'io_uring_setup', 'open_by_handle_at', 'acct', 'iopl']) {
    assert.ok(!allowed(DEFAULT_CAPABILITIES, call), call)
  }
})

test('a capability brings its calls', () => {
  const cases = {
    CAP_SYS_ADMIN: 'mount',
    CAP_SYS_BOOT: 'reboot',
    CAP_SYS_TIME: 'settimeofday',
    CAP_SYS_MODULE: 'init_module',
    CAP_BPF: 'bpf',
  }
  for (const [capability, call] of Object.entries(cases)) {
    assert.ok(allowed([...DEFAULT_CAPABILITIES, capability], call), call)
  }
  assert.ok(
    !allowed(
      DEFAULT_CAPABILITIES.filter(name => name !== 'CAP_SYS_CHROOT'),
      'chroot',
    ),
  )
})

test('clone may not make namespaces, and clone3 does not exist; an administrator has both', () => {
  const [clone] = rules(DEFAULT_CAPABILITIES, 'clone')
  assert.deepEqual(clone?.args, [{ index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }])
  assert.deepEqual(rules(DEFAULT_CAPABILITIES, 'clone3'), [
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
  ])
  const administrator = [...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN']
  assert.ok(allowed(administrator, 'clone') && allowed(administrator, 'clone3'))
})

test('sockets of every family but AF_VSOCK', () => {
  assert.deepEqual(
    rules(DEFAULT_CAPABILITIES, 'socket').map(({ args }) => args),
    [[{ index: 0, value: 40, op: 'SCMP_CMP_NE' }]],
  )
})

test('each architecture has its own calls', () => {
  assert.ok(allowed([], 'modify_ldt', 'x64') && !allowed([], 'modify_ldt', 'arm64'))
  assert.ok(allowed([], 'sync_file_range2', 'arm64') && !allowed([], 'sync_file_range2', 'x64'))
  assert.deepEqual(defaultSeccomp([], 'arm64').architectures, ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'])
})

test('no call is listed twice in one rule: libseccomp would refuse the profile', () => {
  for (const { names } of defaultSeccomp(['CAP_SYS_ADMIN', 'CAP_BPF', 'CAP_SYSLOG', 'CAP_PERFMON']).syscalls ?? []) {
    assert.equal(new Set(names).size, names.length)
  }
})
