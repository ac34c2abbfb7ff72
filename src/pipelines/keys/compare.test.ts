/** Why a step ran, in words: every component of the key, told as people name it, long values cut, many changes counted. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KeyChange } from '../context/rows.ts'
import type { KeyParts } from '../spec/key.ts'
import { compareKeys, comparePackages, sentence } from './compare.ts'
import { explainStep } from '../run/explanation.ts'
import { openIdle } from '../run/idle.fixture.ts'

const KEY: KeyParts = {
  entry: 'train:main',
  code: { 'train.py': 'd1', 'help.py': 'd2' },
  environment: 'env1',
  inputs: { table: 't1' },
  params: { lr: 0.5, name: 'x', deep: { a: [1] } },
  env: { MODE: 'fast' },
  secrets: ['A'],
  hardware: 'linux-x86_64',
  outputs: ['model'],
  seed: 0,
  policy: 'auto',
  salt: '',
}

/** What is said of a key that differs from `KEY` by these components. */
function said(change: Partial<KeyParts>): string {
  return sentence(compareKeys(KEY, { ...KEY, ...change }))
}

test('the same key says nothing, whatever the order of its entries', () => {
  assert.equal(
    said({ code: { 'help.py': 'd2', 'train.py': 'd1' }, params: { deep: { a: [1] }, name: 'x', lr: 0.5 } }),
    '',
  )
})

describe('each component is named', () => {
  const cases: [string, Partial<KeyParts>, string][] = [
    ['a file that changed', { code: { ...KEY.code, 'help.py': 'd9' } }, 'code help.py changed'],
    ['a file that came', { code: { ...KEY.code, 'new.py': 'd3' } }, 'code new.py is new'],
    ['a file that went', { code: { 'train.py': 'd1' } }, 'code help.py is gone'],
    ['an input', { inputs: { table: 't2' } }, 'input table changed'],
    ['an input that came', { inputs: { ...KEY.inputs, extra: 't3' } }, 'input extra is new'],
    ['a number', { params: { ...KEY.params, lr: 0.25 } }, 'params.lr 0.5 → 0.25'],
    ['a text', { params: { ...KEY.params, name: 'y' } }, 'params.name x → y'],
    ['something deep', { params: { ...KEY.params, deep: { a: [2] } } }, 'params.deep {"a":[1]} → {"a":[2]}'],
    ['a param that came', { params: { ...KEY.params, z: null } }, 'params.z absent → null'],
    ['a param that went', { params: { lr: 0.5, deep: { a: [1] } } }, 'params.name x → absent'],
    ['a variable', { env: { MODE: 'slow' } }, 'env.MODE fast → slow'],
    ['the entry', { entry: 'train:other' }, 'entry train:main → train:other'],
    ['the seed', { seed: 3 }, 'seed 0 → 3'],
    ['the processor', { hardware: 'linux-x86_64 cpus=2' }, 'hardware linux-x86_64 → linux-x86_64 cpus=2'],
    ['the environment, by no digest', { environment: 'env2' }, 'environment changed'],
    ['the policy', { policy: 'always' }, 'policy auto → always'],
    ['the salt', { salt: 'new' }, 'salt  → new'],
    ['a zero byte', { salt: 'a\0b' }, 'salt  → a\\0b'],
    ['outputs', { outputs: ['model', 'plot'] }, 'outputs model → model, plot'],
    ['names of secrets', { secrets: [] }, 'secrets A → '],
  ]
  for (const [name, change, text] of cases) test(name, () => assert.equal(said(change), text))
})

test('the values of a change are those before and after, by component', () => {
  const [change, ...more] = compareKeys(KEY, { ...KEY, params: { ...KEY.params, lr: 1 } })
  assert.deepEqual(change, { component: 'params', what: 'params.lr', before: '0.5', after: '1' })
  assert.deepEqual(more, [])
})

test('a value is cut after 200 characters; two that differ behind the cut are still a change', () => {
  const long = (end: string): KeyParts => ({ ...KEY, params: { text: 'a'.repeat(200) + end } })
  const [change] = compareKeys(long(''), long('b'))
  assert.deepEqual([change?.before, change?.after], ['a'.repeat(200), `${'a'.repeat(200)}…`])
  assert.equal(compareKeys(long('b'), long('c')).length, 1)
})

test('names come in order, and four are told before the rest is counted', () => {
  const files = (digest: string): KeyParts => ({
    ...KEY,
    code: { e: digest, d: digest, c: digest, b: digest, a: digest },
  })
  const changes = compareKeys(files('1'), files('2'))
  assert.equal(sentence(changes.slice(0, 4)), 'code a changed; code b changed; code c changed; code d changed')
  assert.equal(sentence(changes), 'code a changed; code b changed; code c changed; code d changed; and 1 more')
  const more = [...changes, ...changes] as readonly KeyChange[]
  assert.match(sentence(more), /code d changed; and 6 more$/)
})

test('packages are told by their versions', () => {
  const before = [
    { name: 'numpy', version: '2.0' },
    { name: 'gone', version: '1' },
    { name: 'same', version: '3' },
  ]
  const after = [
    { name: 'same', version: '3' },
    { name: 'numpy', version: '2.1' },
    { name: 'came', version: '5' },
  ]
  const changes = comparePackages(before, after)
  assert.ok(changes.every((change) => change.component === 'environment'))
  assert.equal(sentence(changes), 'package came absent → 5; package gone 1 → absent; package numpy 2.0 → 2.1')
})

describe('the whole answer', () => {
  const FILES = {
    'slipway.yaml':
      'project: why\npipeline: {steps: {train: {run: train:main}, use: {run: train:main, after: [train]}}}\n',
    'train.py': 'import importlib\nimport help\nx = importlib.import_module(input())\ndef main(): pass\n',
    'help.py': '',
  }
  test('has the components, the files, what it was compared with and the warnings of the code', async (t) => {
    const idle = await openIdle(t)
    const id = await idle.begin(FILES)
    const changes = [{ component: 'seed', what: 'seed', before: '0', after: '1' }]
    await idle.setStep(id, 'train', {
      state: 'cached',
      cache_key: 'k1:abc',
      key_parts: JSON.stringify(KEY),
      reason: 'seed 0 → 1',
      changes: JSON.stringify(changes),
      compared_with: 'pr_before',
      from_run: 'pr_source',
    })
    const { run } = await idle.read(id)
    const answer = await explainStep(idle.context, run, 'train')
    assert.deepEqual(
      [answer.key, answer.hit, answer.reason, answer.from_run],
      ['k1:abc', true, 'seed 0 → 1', 'pr_source'],
    )
    assert.deepEqual([answer.step, answer.changes, answer.compared_with], ['train', changes, 'pr_before'])
    assert.deepEqual(answer.files, ['train.py', 'help.py'])
    const { code, params, seed, secrets, entry } = answer.components
    assert.deepEqual([code, params, seed, entry], ['2 files', JSON.stringify(KEY.params), '0', 'train:main'])
    assert.equal(secrets, '["A"]')
    const { steps } = await idle.context.spec(run.version_id)
    assert.deepEqual(answer.warnings, steps[0]?.code.warnings)
    assert.ok(answer.warnings.length > 0, 'an import that cannot be followed is warned of')
  })
  test('is refused while there is no key, with the reason', async (t) => {
    const idle = await openIdle(t)
    const id = await idle.begin(FILES)
    const { run } = await idle.read(id)
    const asked = (step: string) => explainStep(idle.context, run, step)
    await assert.rejects(asked('gone'), { code: 'not_found' })
    await assert.rejects(asked('use'), /step "use" of run pr_\w+ has no key: its inputs are not there yet/)
    await idle.setStep(id, 'use', { state: 'skipped', reason: 'a step that it needs did not succeed' })
    await assert.rejects(asked('use'), /has no key: a step that it needs did not succeed/)
    await idle.setStep(id, 'use', { state: 'cancelled', reason: '' })
    await assert.rejects(asked('use'), /has no key: it did not come to be decided/)
  })
})
