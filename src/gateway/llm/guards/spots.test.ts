/** Places of values in JSON text against JSON.parse. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changed, eachSpot, textAt } from './spots.ts'
import type { Change } from './spots.ts'

const NONE: ReadonlySet<string> = new Set()
const SOURCE =
  ' {"a":"x\\"}","b":[1,-2.5e3,["y",{"c\\n":"\\u00e9🙂"}],true,null],"":{"logprobs":{"t":"]}"},"d":[]},"e":"z\\\\"} '

/** Value at a path. */
function at(path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((of, key) => (of as Record<string | number, unknown>)[key], JSON.parse(SOURCE))
}

test('each text and number is told with its path', () => {
  const seen: unknown[] = []
  eachSpot(SOURCE, NONE, (path, { from, to, kind }) => {
    const value = kind === 'text' ? textAt(SOURCE, from, to) : Number(SOURCE.slice(from, to))
    assert.equal(value, at(path))
    seen.push(value)
  })
  assert.deepEqual(seen, ['x"}', 1, -2500, 'y', 'é🙂', ']}', 'z\\'])
})

test('what is named is told whole', () => {
  const nested: string[] = []
  eachSpot(SOURCE, new Set(['logprobs']), (_path, { from, to, kind }) => {
    if (kind === 'nested') nested.push(SOURCE.slice(from, to))
  })
  assert.deepEqual(nested, ['{"t":"]}"}'])
})

test('both values of a name that comes twice are told, and changes leave the rest as it is', () => {
  const source = '{"a":"1" , "a":"2"}'
  const changes: Change[] = []
  eachSpot(source, NONE, (_path, { from, to }) => changes.push({ from, to, text: '"3"' }))
  assert.equal(changed(source, changes), '{"a":"3" , "a":"3"}')
  assert.equal(changed(source, []), source)
})
