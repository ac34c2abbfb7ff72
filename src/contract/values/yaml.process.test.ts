/** YAML of models' files: read in time proportional to its length, as Python reads it where a key is there twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineCounter } from 'yaml'
import { composeYaml, modelYaml } from './yaml.ts'

test('a model’s file is read; of a key that is there twice the last counts, as in Python', () => {
  assert.deepEqual(modelYaml('a: 1\nb: {c: [x, "y"]}\na: 2\n'), { a: 2, b: { c: ['x', 'y'] } })
  assert.equal(modelYaml(''), null)
})

test('many keys of one place are read without a comparison of each with all others', () => {
  const text = Array.from({ length: 60_000 }, (_, i) => `k${i}: ${i}`).join('\n')
  const began = process.cpuUsage()
  assert.deepEqual(composeYaml(text, new LineCounter()).faults, [])
  const { user, system } = process.cpuUsage(began)
  assert.ok(user + system < 10_000_000, `${user + system} µs`)
  assert.equal(Object.keys(modelYaml(text.slice(0, text.indexOf('k4000:'))) as object).length, 4000)
})

test('a model’s file of signs alone is refused as soon as that is seen, and one of long texts is read', () => {
  const most = 1024 * 1024
  const signs = [',', '{},', '- \n', '#\n', '\n', 'a?,', '? ', '*a,', "'',", '|\n']
  const began = process.threadCpuUsage()
  for (const sign of signs)
    assert.throws(() => modelYaml(`x: [${sign.repeat(Math.floor((most - 10) / sign.length))}`), {
      message: 'it has more than 40000 words, marks and line ends',
    })
  const { user, system } = process.threadCpuUsage(began)
  assert.ok((user + system) / signs.length < 250_000, `${(user + system) / signs.length} µs each`)
  const columns = JSON.stringify(Array.from({ length: 15_000 }, (_, i) => ({ name: `column ${i}`, type: 'double' })))
  const read = modelYaml(`signature:\n  inputs: '${columns}'\n`) as { signature: { inputs: string } }
  assert.equal(read.signature.inputs, columns)
})

test('what is no YAML, too long, too deep or a bomb of aliases is refused', () => {
  assert.throws(() => modelYaml('a: ['), /Flow sequence/)
  assert.throws(() => modelYaml(' '.repeat(1024 * 1024 + 1)), /more than 1048576 characters/)
  for (const deep of ['['.repeat(30_000), '- '.repeat(5000), '{a: '.repeat(101)])
    assert.throws(() => modelYaml(deep), { message: 'it nests more than 100 deep' })
  const bomb = Array.from({ length: 9 }, (_, i) => `l${i}: &l${i} [${`*l${i - 1},`.repeat(9)}]`).join('\n')
  assert.throws(() => modelYaml(bomb.replaceAll('*l-1', 'x')), /alias/)
})

test('faults say at which character they are', () => {
  const { faults } = composeYaml('a: !odd 1\nb: 1\nb: 2\n__proto__: 3\n', new LineCounter())
  assert.deepEqual(
    faults.map(({ code, at }) => [code, at]),
    [
      ['TAG', 3],
      ['DUPLICATE_KEY', 15],
      ['NAME', 20],
    ],
  )
})
