/** Members of JSON bytes against JSON.parse, and pieces that change nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { added, membersOf, spliced } from './members.ts'

const TEXTS = [
  '{}',
  ' { } ',
  '{"model":"a"}',
  '\n{ "model" : "a" ,\t"n":-1.5e3, "x":null,"y":[1,[2,{"a":"]}"}]],"z":{"model":"b\\"}"},"t":true }\n',
  '{"a\\u0062":"\\\\","\\"":"\\\\\\"","é🙂":{"漢":["\\n"]},"":{}}',
]

for (const text of TEXTS) {
  test(`the members of ${JSON.stringify(text)}`, () => {
    const bytes = Buffer.from(text)
    const found = membersOf(bytes).map(({ name, from, to }) => [name, JSON.parse(bytes.toString('utf8', from, to))])
    assert.deepEqual(found, Object.entries(JSON.parse(text) as object))
  })

  test(`a member behind those of ${JSON.stringify(text)}`, () => {
    const bytes = Buffer.from(text)
    const more = spliced(bytes, [added(bytes, membersOf(bytes), 'new', { x: 1 })])
    assert.deepEqual(JSON.parse(more.toString()), { ...(JSON.parse(text) as object), new: { x: 1 } })
  })
}

test('a repeated name is told each time', () => {
  assert.deepEqual(
    membersOf(Buffer.from('{"model":"a","m\\u006fdel":"b"}')).map(({ name }) => name),
    ['model', 'model'],
  )
})

test('a piece that is replaced leaves every other byte', () => {
  const bytes = Buffer.from('{ "x":1.0, "model" : "old" , "y" : "\\u00e9" }')
  const [, model] = membersOf(bytes)
  assert.ok(model !== undefined)
  const out = spliced(bytes, [{ from: model.from, to: model.to, text: '"new"' }])
  assert.equal(out.toString(), '{ "x":1.0, "model" : "new" , "y" : "\\u00e9" }')
  assert.equal(spliced(bytes, []), bytes)
})
