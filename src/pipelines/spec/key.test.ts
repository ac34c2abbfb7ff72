/** The cache key: each component of it changes it, the order in which things are written does not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Lock } from '../../envs/lock.ts'
import { compareKeys, sentence } from '../keys/compare.ts'
import { keyOf, keyParts } from './key.ts'
import type { KeyParts } from './key.ts'
import type { StepSpec } from './spec.ts'

const LOCK: Lock = { digest: 'sha256:e1', python_version: '3.12.1', platform: 'linux-x86_64', text: '', packages: [] }
const STEP: StepSpec = {
  name: 'train',
  entry: 'flights.train:main',
  inputs: { table: { step: 'make', output: 'table' }, holdout: { step: 'split', output: 'holdout' } },
  params: { lr: 0.5, depth: 3 },
  outputs: ['model', 'report'],
  needs: ['make', 'split'],
  env: { A: '1', B: '2' },
  secrets: ['KEY', 'TOKEN'],
  cache: 'auto',
  seed: 7,
  timeout_ms: null,
  silent_timeout_ms: null,
  retries: {},
  cpus: null,
  memory_bytes: null,
  code: { files: { 'a.py': 'sha256:a', 'b.py': 'sha256:b' }, warnings: [] },
}
const GIVEN = {
  inputs: { table: 'sha256:t', holdout: 'sha256:h' },
  params: { lr: 0.5, depth: 3 },
  environment: LOCK,
  salt: 'salt',
}

interface Change {
  readonly step?: Partial<StepSpec>
  readonly given?: Partial<typeof GIVEN>
}

function partsOf({ step, given }: Change = {}): KeyParts {
  return keyParts({ ...STEP, ...step }, { ...GIVEN, ...given })
}

/** What changes the key, by component. */
const CHANGES: readonly (readonly [component: keyof KeyParts, Change])[] = [
  ['entry', { step: { entry: 'flights.train:other' } }],
  ['entry', { step: { entry: ['python', 'train.py'] } }],
  ['code', { step: { code: { files: { ...STEP.code.files, 'b.py': 'sha256:c' }, warnings: [] } } }],
  ['code', { step: { code: { files: { 'a.py': 'sha256:a' }, warnings: [] } } }],
  ['environment', { given: { environment: { ...LOCK, digest: 'sha256:e2' } } }],
  ['inputs', { given: { inputs: { table: 'sha256:h', holdout: 'sha256:t' } } }],
  ['params', { given: { params: { lr: 0.25, depth: 3 } } }],
  ['env', { step: { env: { A: '2', B: '1' } } }],
  ['secrets', { step: { secrets: ['KEY'] } }],
  ['hardware', { given: { environment: { ...LOCK, platform: 'linux-aarch64' } } }],
  ['hardware', { step: { cpus: 2 } }],
  ['outputs', { step: { outputs: ['model'] } }],
  ['seed', { step: { seed: 8 } }],
  ['salt', { given: { salt: 'other' } }],
]

describe('each component', () => {
  for (const [component, change] of CHANGES) {
    test(`${component} changes the key and is named: ${JSON.stringify(change)}`, () => {
      const [before, after] = [partsOf(), partsOf(change)]
      assert.notEqual(keyOf(after), keyOf(before))
      assert.deepEqual([...new Set(compareKeys(before, after).map((one) => one.component))], [component])
      const [always, moved] = [before, after].map((parts) => keyOf({ ...parts, policy: 'always' }))
      const free = ['code', 'environment', 'hardware'].includes(component)
      assert.equal(always === moved, free, 'with the policy always, code and environment are left out')
    })
  }
})

test('all of these keys differ from one another', () => {
  const keys = [partsOf(), ...CHANGES.map(([, change]) => partsOf(change))].map(keyOf)
  assert.equal(new Set(keys).size, keys.length)
})

test('the order in which a project file says things changes nothing', () => {
  const turned = (record: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(record).toReversed())
  const step = {
    env: turned(STEP.env),
    outputs: STEP.outputs.toReversed(),
    secrets: STEP.secrets.toReversed(),
    code: { files: turned(STEP.code.files), warnings: ['a warning'] },
  }
  const given = { inputs: { holdout: 'sha256:h', table: 'sha256:t' }, params: { depth: 3, lr: 0.5 } }
  assert.equal(keyOf(partsOf({ step, given })), keyOf(partsOf()))
  assert.deepEqual(compareKeys(partsOf(), partsOf({ step, given })), [])
})

test('what does not change a result is not in the key: limits, retries, needs, and the name', () => {
  const step: Partial<StepSpec> = {
    name: 'other',
    needs: [],
    timeout_ms: 5,
    silent_timeout_ms: 5,
    queued_timeout_ms: 6,
    starting_timeout_ms: 7,
    pool: 'licences',
    retries: { user: 3 },
    memory_bytes: 5,
  }
  assert.equal(keyOf(partsOf({ step })), keyOf(partsOf()))
  const never = keyOf(partsOf({ step: { cache: 'never' } }))
  assert.notEqual(never, keyOf(partsOf()), 'nobody is to wait for a result that is not kept')
})

test('changes are told in words, four of them and the number of the rest', () => {
  const change = (component: string, what: string, before: string | null, after: string | null) => ({
    component,
    what,
    before,
    after,
  })
  const all = [
    change('code', 'code a.py', 'x', 'y'),
    change('inputs', 'input table', null, 'y'),
    change('code', 'code b.py', 'x', null),
    change('params', 'params.lr', '0.5', '0.25'),
    change('environment', 'environment', 'x', 'y'),
    change('environment', 'package numpy', null, '2.0'),
  ]
  const first = 'code a.py changed; input table is new; code b.py is gone; params.lr 0.5 → 0.25'
  assert.equal(sentence(all.slice(0, 4)), first)
  assert.equal(sentence(all.slice(0, 5)), `${first}; and 1 more`)
  assert.equal(sentence(all), `${first}; and 2 more`)
  assert.equal(sentence(all.slice(4)), 'environment changed; package numpy absent → 2.0')
})

test('a change repeats at most 200 characters of a value', () => {
  const long = 'x'.repeat(201)
  const [one] = compareKeys(partsOf(), partsOf({ given: { params: { lr: 0.5, depth: long as never } } }))
  assert.deepEqual(one, { component: 'params', what: 'params.depth', before: '3', after: `${'x'.repeat(200)}…` })
  const [exact] = compareKeys(partsOf(), partsOf({ given: { params: { lr: 0.5, depth: long.slice(1) as never } } }))
  assert.equal(exact?.after, long.slice(1))
})
