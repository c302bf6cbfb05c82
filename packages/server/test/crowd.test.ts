import { describe, expect, it } from 'vitest'
import { Crowd } from '../src/crowd.ts'
import { networkOf } from '../src/network.ts'

describe('sockets of one address that nobody knows', () => {
  it('may be so many, and not one more', () => {
    const crowd = new Crowd(2, 1_000)
    crowd.enter('elsewhere')
    const first = crowd.enter('here')
    expect(crowd.mayEnter('here')).toBe(true)
    crowd.enter('here')
    expect(crowd.mayEnter('here')).toBe(false)
    expect(crowd.mayEnter('elsewhere')).toBe(true)
    crowd.know(first)
    crowd.know(first)
    expect(crowd.mayEnter('here')).toBe(true)
    crowd.enter('here')
    expect(crowd.mayEnter('here')).toBe(false)
  })

  it('may be any number while there is but one address: a proxy that was not mentioned', () => {
    const crowd = new Crowd(1, 1_000)
    for (let n = 0; n < 5; n++) crowd.enter('proxy')
    expect(crowd.mayEnter('proxy')).toBe(true)
    const other = crowd.enter('elsewhere')
    expect(crowd.mayEnter('proxy')).toBe(false)
    crowd.leave(other)
    expect(crowd.mayEnter('proxy')).toBe(true)
  })

  it('leave one place in sixteen to others, also while there is but one address', () => {
    const crowd = new Crowd(4, 32)
    for (let n = 0; n < 29; n++) crowd.enter('here')
    expect(crowd.mayEnter('here')).toBe(true)
    const last = crowd.enter('here')
    expect(crowd.mayEnter('here')).toBe(false)
    expect(crowd.mayEnter('elsewhere')).toBe(true)
    crowd.know(last)
    expect(crowd.mayEnter('here')).toBe(true)
  })

  it('count together when they have the same /64 of IPv6', () => {
    const crowd = new Crowd(1, 1_000)
    crowd.enter('10.0.0.1')
    const guest = crowd.enter('2001:db8:1:2::1')
    expect(crowd.mayEnter('2001:db8:1:2:ffff::2')).toBe(false)
    expect(crowd.mayEnter('2001:db8:1:3::1')).toBe(true)
    crowd.leave(guest)
    expect(crowd.mayEnter('2001:db8:1:2:ffff::2')).toBe(true)
    expect(crowd.size).toBe(1)
  })

  it('are forgotten when they leave', () => {
    const crowd = new Crowd(1, 1_000)
    const guests = [crowd.enter('a'), crowd.enter('a'), crowd.enter('b'), crowd.enter(undefined)]
    expect(crowd.size).toBe(2)
    for (const guest of guests.splice(0, 1)) crowd.know(guest)
    for (const guest of guests) crowd.leave(guest)
    expect(crowd.size).toBe(1)
    crowd.leave(crowd.enter('a'))
    expect(crowd.size).toBe(1)
  })
})

describe('an address', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['::FFFF:a00:1', '::FFFF:a00:1'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:DB8:0::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0::/64'],
    ['1:2::4:5:6:7:8', '1:2:0:4::/64'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})
