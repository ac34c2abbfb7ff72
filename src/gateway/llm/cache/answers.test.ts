/** What a cache of answers gives again, and what leaves it: by age, by room, by use. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from './answers.fixture.ts'
import { AnswerCache } from './answers.ts'
import type { Form, Place } from './answers.ts'

const KB = 1024

function at(key: string, endpoint = 'a', project = 'p'): Place {
  return { project, endpoint, key }
}

function textIn(cache: AnswerCache, place: Place, form: Form = 'whole', now = 1500): string | undefined {
  return cache.get(place, form, now)?.body.toString()
}

test('an answer is given until its time has come, and its room is given back then', () => {
  const cache = new AnswerCache()
  cache.put(at('k'), answer('yes'))
  assert.equal(textIn(cache, at('k'), 'whole', 1999), 'yes')
  assert.ok(cache.bytes >= 3)
  assert.equal(textIn(cache, at('k'), 'whole', 2000), undefined)
  assert.deepEqual([cache.bytes, cache.size], [0, 0])
})

test('a clock that was set back does not keep an answer for longer', () => {
  const cache = new AnswerCache()
  cache.put(at('k'), answer('yes'))
  assert.equal(textIn(cache, at('k'), 'whole', 999), undefined)
  assert.equal(cache.size, 0)
})

test('both forms of an answer lie side by side, and a later one takes the place of its form', () => {
  const cache = new AnswerCache()
  cache.put(at('k'), answer('whole'))
  cache.put(at('k'), answer('events', { form: 'stream' }))
  assert.deepEqual([textIn(cache, at('k')), textIn(cache, at('k'), 'stream')], ['whole', 'events'])
  const { bytes } = cache
  cache.put(at('k'), answer('later'))
  assert.deepEqual([textIn(cache, at('k')), textIn(cache, at('k'), 'stream')], ['later', 'events'])
  assert.deepEqual([cache.size, cache.bytes], [2, bytes])
})

test('the least used leaves where there is no room', () => {
  // room for three
  const cache = new AnswerCache(40 * KB)
  const body = 'x'.repeat(9 * KB)
  cache.put(at('a'), answer(body))
  cache.put(at('b', 'b'), answer(body))
  cache.put(at('c', 'c'), answer(body))
  assert.equal(textIn(cache, at('a')), body)
  cache.put(at('d', 'd'), answer(body))
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].filter((key) => textIn(cache, at(key)) !== undefined),
    ['a', 'c', 'd'],
  )
  assert.ok(cache.bytes <= 40 * KB)
})

test('one endpoint drives out what it keeps itself, and not what others keep', () => {
  const cache = new AnswerCache(40 * KB)
  const body = 'x'.repeat(7 * KB)
  cache.put(at('quiet', 'quiet'), answer(body))
  cache.put(at('same name', 'loud', 'other'), answer(body))
  for (let i = 0; i < 20; i++) cache.put(at(`loud ${i}`, 'loud'), answer(body))
  assert.equal(textIn(cache, at('quiet', 'quiet')), body)
  assert.equal(textIn(cache, at('same name', 'loud', 'other')), body, 'an endpoint of another project is another')
  assert.deepEqual(
    Array.from({ length: 20 }, (_, i) => i).filter((i) => textIn(cache, at(`loud ${i}`, 'loud')) !== undefined),
    [18, 19],
  )
})

test('what is larger than an endpoint may hold is not kept, and nothing leaves for it', () => {
  const cache = new AnswerCache(20 * KB)
  cache.put(at('small'), answer('small'))
  cache.put(at('large'), answer('x'.repeat(11 * KB)))
  assert.deepEqual([textIn(cache, at('small')), textIn(cache, at('large'))], ['small', undefined])
})
