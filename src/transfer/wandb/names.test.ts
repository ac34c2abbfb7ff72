/** Names of wandb as MLflow takes them: allowed, short enough, each its own. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkKey, LIMITS } from '../../mlflow/limits.ts'
import { Names } from './names.ts'

const ODD = [
  'loss',
  'train/loss',
  'a:b c-d_e.f',
  'größe',
  '损失',
  'a@b',
  'a#b',
  'x'.repeat(400),
  `${'y'.repeat(249)}/z`,
  `${'y'.repeat(249)}//z`,
  '/abs',
  'end/',
  'a//b',
  './a',
  'a/./b',
  '../up',
  'a/../b',
  'a/...',
  '..',
  '.',
  '',
  '/',
  '\0',
  'a\nb',
  '😀',
  'a\\b',
  '..a',
]

describe('a name', () => {
  for (const name of ODD)
    it(`is allowed when it was ${JSON.stringify(name.slice(0, 20))}`, () => {
      const own = new Names().of(name)
      checkKey(own, 'key', 'metric')
      assert.ok(own.length <= LIMITS.key && own !== '')
    })

  for (const name of ['loss', 'train/loss', 'a:b c-d_e.f', 'größe', 'v1.2', '.hidden'])
    it(`stays ${name} where it is allowed`, () => {
      const names = new Names()
      assert.equal(names.of(name), name)
      assert.deepEqual(names.changed(), [])
    })

  it('is the same each time', () => {
    const names = new Names()
    const first = ODD.map((name) => names.of(name))
    assert.deepEqual(
      ODD.map((name) => names.of(name)),
      first,
    )
    assert.equal(new Set(first).size, ODD.length, 'no two become one')
    for (const name of first) checkKey(name, 'key', 'metric')
  })

  it('that would be one with another gets a number, and the change is told', () => {
    const names = new Names()
    assert.deepEqual(
      ['a@b', 'a#b', 'a_b', 'a_b_2'].map((name) => names.of(name)),
      ['a_b', 'a_b_2', 'a_b_3', 'a_b_2_2'],
    )
    assert.deepEqual(names.changed(), [
      ['a@b', 'a_b'],
      ['a#b', 'a_b_2'],
      ['a_b', 'a_b_3'],
      ['a_b_2', 'a_b_2_2'],
    ])
  })

  it('that is long stays its own among a hundred that begin alike', () => {
    const names = new Names()
    const own = Array.from({ length: 100 }, (_, i) => names.of(`${'m'.repeat(300)}${i}`))
    assert.equal(new Set(own).size, 100)
    for (const name of own) assert.ok(name.length <= LIMITS.key)
  })
})
