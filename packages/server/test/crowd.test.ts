import { describe, expect, it } from 'vitest'
import { Crowd } from '../src/crowd.ts'

describe('sockets of one address that nobody knows', () => {
  it('may be so many, and not one more', () => {
    const crowd = new Crowd(2)
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
    const crowd = new Crowd(1)
    for (let n = 0; n < 5; n++) crowd.enter('proxy')
    expect(crowd.mayEnter('proxy')).toBe(true)
    const other = crowd.enter('elsewhere')
    expect(crowd.mayEnter('proxy')).toBe(false)
    crowd.leave(other)
    expect(crowd.mayEnter('proxy')).toBe(true)
  })

  it('are forgotten when they leave', () => {
    const crowd = new Crowd(1)
    const guests = [crowd.enter('a'), crowd.enter('a'), crowd.enter('b'), crowd.enter(undefined)]
    expect(crowd.size).toBe(2)
    for (const guest of guests.splice(0, 1)) crowd.know(guest)
    for (const guest of guests) crowd.leave(guest)
    expect(crowd.size).toBe(1)
    crowd.leave(crowd.enter('a'))
    expect(crowd.size).toBe(1)
  })
})
