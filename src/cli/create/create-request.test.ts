import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFlagTable } from '../flags/flag-table.ts'
import { parseFlags } from '../flags/parse-flags.ts'
import { CREATE_CHECKS } from './checks.ts'
import { CREATE_ALIASES, runFlags } from './create-flags.ts'
import { createRequest } from './create-request.ts'

const table = parseFlagTable(runFlags())
const request = (...argv: string[]) => {
  const { flags, args } = parseFlags([...argv, 'busybox', 'sh', '-c', 'x'], {
    table,
    aliases: CREATE_ALIASES,
    check: CREATE_CHECKS,
    interspersed: false,
  })
  return createRequest(flags, args[0] as string, args.slice(1), {})
}
const host = (...argv: string[]) => request(...argv).HostConfig

test('what is attached follows -d, -i and -a', () => {
  const streams = (...argv: string[]) => {
    const { AttachStdin, AttachStdout, AttachStderr, OpenStdin, StdinOnce } = request(...argv)
    return [AttachStdin, AttachStdout, AttachStderr, OpenStdin, StdinOnce]
  }
  assert.deepEqual(streams(), [false, true, true, false, false])
  assert.deepEqual(streams('-i'), [true, true, true, true, true])
  assert.deepEqual(streams('-di'), [false, false, false, true, false])
  assert.deepEqual(streams('-a', 'STDERR'), [false, false, true, false, false])
})

test('ports: ranges, addresses, protocols', () => {
  assert.deepEqual(host('-p', '80-81:90-91/udp')?.PortBindings, {
    '90/udp': [{ HostIp: '', HostPort: '80' }],
    '91/udp': [{ HostIp: '', HostPort: '81' }],
  })
  assert.deepEqual(host('-p', '[::1]::80', '-p', '8000-8010:80')?.PortBindings, {
    '80/tcp': [
      { HostIp: '::1', HostPort: '' },
      { HostIp: '', HostPort: '8000-8010' },
    ],
  })
  assert.throws(() => host('-p', '80-81:90-95'), {
    message: 'invalid ranges specified for container and host Ports: 90-95 and 80-81',
  })
  assert.throws(() => host('-p', '99999:1'), { message: 'invalid hostPort: 99999' })
})

test('volumes: binds, relative sources, anonymous ones', () => {
  const body = request('-v', '/a:/b:ro', '-v', './q:/x', '-v', '/anon')
  assert.deepEqual(body.HostConfig?.Binds, ['/a:/b:ro', `${process.cwd()}/q:/x`])
  assert.deepEqual(body.Volumes, { '/anon': {} })
})

test('mounts', () => {
  assert.deepEqual(host('--mount', 'type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=700')?.Mounts, [
    {
      Type: 'tmpfs',
      Target: '/b',
      BindOptions: undefined,
      VolumeOptions: undefined,
      ImageOptions: undefined,
      TmpfsOptions: { SizeBytes: 1048576, Mode: 448 },
    },
  ])
  assert.throws(() => host('--mount', 'type=bind,src=/a'), {
    message: 'invalid argument "type=bind,src=/a" for "--mount" flag: target is required',
  })
  assert.throws(
    () => host('--mount', 'type=volume,dst=/b,bind-propagation=x'),
    /cannot mix 'bind-\*' options with mount type 'volume'/,
  )
})

test('networks: one mode, an endpoint each', () => {
  const body = request('--network', 'name=a,alias=b,ip=1.2.3.4', '--network', 'c')
  assert.equal(body.HostConfig?.NetworkMode, 'a')
  assert.deepEqual(body.NetworkingConfig?.EndpointsConfig, {
    a: { IPAMConfig: { IPv4Address: '1.2.3.4' }, Aliases: ['b'] },
    c: {},
  })
  assert.deepEqual(request('--net', 'host').NetworkingConfig?.EndpointsConfig, {})
  assert.throws(() => request('--network-alias', 'x'), {
    message: 'network-scoped aliases are only supported for user-defined networks',
  })
})

test('limits', () => {
  const config = host(
    '-m',
    '512m',
    '--cpus',
    '1.5',
    '--ulimit',
    'nofile=1:2',
    '--memory-swap',
    '-1',
    '--pids-limit',
    '5',
  )
  assert.equal(config?.Memory, 512 * 1024 * 1024)
  assert.equal(config?.NanoCpus, 1_500_000_000)
  assert.deepEqual(config?.Ulimits, [{ Name: 'nofile', Hard: 2, Soft: 1 }])
  assert.equal(config?.MemorySwap, -1)
  assert.equal(config?.PidsLimit, 5)
})

test('the environment: the last value counts, a bare name takes ours', () => {
  process.env.TARE_TEST_VALUE = 'here'
  assert.deepEqual(request('-e', 'A=1', '-e', 'TARE_TEST_VALUE', '-e', 'A=2', '-e', 'UNSET_VALUE').Env, [
    'A=2',
    'TARE_TEST_VALUE=here',
    'UNSET_VALUE',
  ])
})

test('health checks, restart policies and their contradictions', () => {
  assert.deepEqual(request('--no-healthcheck').Healthcheck, { Test: ['NONE'] })
  assert.deepEqual(request('--health-cmd', 'x', '--health-interval', '3s').Healthcheck?.Interval, 3e9)
  assert.deepEqual(host('--restart', 'on-failure:3')?.RestartPolicy, { Name: 'on-failure', MaximumRetryCount: 3 })
  assert.throws(() => host('--rm', '--restart', 'always'), {
    message: 'conflicting options: cannot specify both --restart and --rm',
  })
  assert.throws(() => request('--no-healthcheck', '--health-cmd', 'x'), {
    message: '--no-healthcheck conflicts with --health-* options',
  })
})
