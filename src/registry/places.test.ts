import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InsecureRegistries } from './insecure.ts'
import { homesOf, mirrorsOf } from './mirrors.ts'
import { type ProxyConfig, proxyAuthorization, proxyFor } from './proxy.ts'

test('Docker Hub is where its name is not', () => {
  const home = [{ url: 'https://registry-1.docker.io', isMirror: false }]
  assert.deepEqual(homesOf('docker.io', false), home)
  assert.deepEqual(homesOf('index.docker.io', true), home)
})

test('insecure registries are asked by HTTPS, then in clear', () => {
  const urls = (isInsecure: boolean) => homesOf('r:5000', isInsecure).map(({ url }) => url)
  assert.deepEqual(urls(false), ['https://r:5000'])
  assert.deepEqual(urls(true), ['https://r:5000', 'http://r:5000'])
})

test('mirrors belong to docker.io or to the registry that is named', () => {
  const mirrors = ['https://one/', 'ghcr.io=https://two/path/', 'docker.io=http://three', 'r:5000=https://four']
  const of = (domain: string) => mirrorsOf(domain, mirrors).map(({ url }) => url)
  assert.deepEqual(of('docker.io'), ['https://one', 'http://three'])
  assert.deepEqual(of('ghcr.io'), ['https://two/path'])
  assert.deepEqual(of('r:5000'), ['https://four'])
  assert.deepEqual(of('r'), [])
})

test('who is insecure: hosts, ranges, and loopback always', async () => {
  const insecure = new InsecureRegistries(['plain.example:5000', 'http://other.example', '10.1.0.0/16', 'fd00::/8'])
  const found = async (host: string) => insecure.has(host)
  for (const host of [
    ...['plain.example:5000', 'other.example', '10.1.2.3:5000', '10.1.2.3', '[fd00::1]:5000'],
    ...['127.0.0.1:80', '127.1.2.3', '[::1]:5000', 'localhost:5000'],
  ]) {
    assert.ok(await found(host), host)
  }
  for (const host of ['10.2.0.1:5000', '[fe80::1]', '192.0.2.1']) assert.ok(!(await found(host)), host)
})

test('proxies by the rules of Go', () => {
  const config: ProxyConfig = {
    httpProxy: 'http://plain:3128',
    httpsProxy: 'user:p%40ss@secure:8080',
    noProxy: 'direct.example, .sub.example,10.0.0.0/8,192.0.2.1,host:5000',
  }
  const of = (url: string) => proxyFor(new URL(url), config)?.host
  assert.equal(of('http://any.example/v2/'), 'plain:3128')
  assert.equal(of('https://any.example/v2/'), 'secure:8080')
  assert.equal(of('https://host:5001/'), 'secure:8080')
  assert.equal(of('https://sub.example/'), 'secure:8080')
  for (const url of [
    ...['https://direct.example/', 'https://a.direct.example/', 'https://a.sub.example/', 'http://10.9.8.7:5000/'],
    ...['https://192.0.2.1/', 'https://host:5000/', 'https://127.0.0.1:5000/', 'http://localhost/', 'http://[::1]:1/'],
  ]) {
    assert.equal(of(url), undefined, url)
  }
  assert.equal(proxyFor(new URL('https://any/'), { ...config, noProxy: '*' }), undefined)
  assert.throws(() => proxyFor(new URL('http://any/'), { httpProxy: 'socks5://s' }), /unsupported proxy scheme: socks5/)
  assert.equal(
    proxyAuthorization(new URL('http://user:p%40ss@secure')),
    `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
  )
})
