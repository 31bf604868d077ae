import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isKind } from '../errdefs.ts'
import {
  AddressAllocator,
  firstFreeSubnet,
  formatAddress,
  formatSubnet,
  overlaps,
  parseAddress,
  parseCidr,
} from './subnet.ts'

const subnet = (text: string) => parseCidr(text).subnet

test('addresses are numbers and back, the highest one too', () => {
  assert.equal(parseAddress('10.0.0.1'), 0x0a000001)
  for (const text of ['0.0.0.0', '10.1.2.3', '172.17.0.1', '255.255.255.255'])
    assert.equal(formatAddress(parseAddress(text)), text)
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '1.2.3.x', '-1.2.3.4', '1.2.3.4 ', '::1', '1..2.3']) {
    assert.throws(
      () => parseAddress(text),
      error => isKind(error, 'InvalidArgument'),
      text,
    )
  }
})

test('a CIDR is an address and the network it lies in', () => {
  const { address, subnet: network } = parseCidr('10.1.2.3/22')
  assert.equal(formatAddress(address), '10.1.2.3')
  assert.equal(formatSubnet(network), '10.1.0.0/22')
  assert.equal(formatSubnet(subnet('255.1.1.1/1')), '128.0.0.0/1')
  assert.equal(formatSubnet(subnet('1.2.3.4/0')), '0.0.0.0/0')
  for (const text of ['10.0.0.1', '10.0.0.1/', '10.0.0.1/33', '10.0.0.1/x', '10.0.0/8']) {
    assert.throws(
      () => parseCidr(text),
      error => isKind(error, 'InvalidArgument'),
      text,
    )
  }
})

test('networks overlap when one holds the other, not when they touch', () => {
  assert.ok(overlaps(subnet('10.0.0.0/8'), subnet('10.1.2.0/24')))
  assert.ok(overlaps(subnet('10.1.2.0/24'), subnet('10.0.0.0/8')))
  assert.ok(!overlaps(subnet('10.0.0.0/24'), subnet('10.0.1.0/24')))
  assert.ok(overlaps(subnet('0.0.0.0/0'), subnet('255.255.255.255/32')))
})

test('the first network of the pools that nobody has', () => {
  const pools = [
    { base: subnet('172.17.0.0/16'), size: 16 },
    { base: subnet('172.18.0.0/15'), size: 16 },
  ]
  const choose = (...taken: string[]) => firstFreeSubnet(pools, taken.map(subnet))
  assert.deepEqual(choose(), subnet('172.17.0.0/16'))
  assert.deepEqual(choose('172.17.3.0/24'), subnet('172.18.0.0/16'))
  assert.deepEqual(choose('172.17.0.0/16', '172.18.255.255/32'), subnet('172.19.0.0/16'))
  assert.equal(choose('172.16.0.0/12'), undefined)
})

const allocator = (cidr: string, range?: string) => {
  const { address, subnet: network } = parseCidr(cidr)
  return new AddressAllocator(network, [address], range === undefined ? undefined : subnet(range))
}
const next = (addresses: AddressAllocator): string | undefined => {
  const address = addresses.allocate()
  return address === undefined ? undefined : formatAddress(address)
}

test('addresses are given in order; network, gateway and broadcast never', () => {
  const addresses = allocator('10.0.0.1/29')
  assert.deepEqual(
    Array.from({ length: 6 }, () => next(addresses)),
    ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', undefined],
  )
})

test('one that is given back rests until the others were given', () => {
  const addresses = allocator('10.0.0.1/29')
  assert.equal(next(addresses), '10.0.0.2')
  addresses.release(parseAddress('10.0.0.2'))
  assert.deepEqual(
    Array.from({ length: 5 }, () => next(addresses)),
    ['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.2'],
  )
})

test('one that is claimed is given to nobody else', () => {
  const addresses = allocator('10.0.0.1/29')
  assert.ok(addresses.claim(parseAddress('10.0.0.3')))
  assert.ok(!addresses.claim(parseAddress('10.0.0.3')))
  assert.ok(!addresses.claim(parseAddress('10.0.0.1')), 'the gateway')
  assert.deepEqual([next(addresses), next(addresses)], ['10.0.0.2', '10.0.0.4'])
})

test('a part of the network may be all there is to give', () => {
  const addresses = allocator('10.0.0.1/24', '10.0.0.128/30')
  const given = Array.from({ length: 5 }, () => next(addresses))
  assert.deepEqual(new Set(given), new Set(['10.0.0.128', '10.0.0.129', '10.0.0.130', '10.0.0.131', undefined]))
})
