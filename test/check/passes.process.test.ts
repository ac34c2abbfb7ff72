/** What passed before on equal inputs is not run again; what an input of it changed is. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { treeOf } from './files.fixture.ts'
import { inputsOf } from './inputs.ts'
import { readPasses } from './passes.ts'
import type { Passes } from './passes.ts'
import type { Tally } from './tally.ts'

const TREE = {
  'package-lock.json': '{}',
  'docs/guide.md': 'how to',
  'docs/other.md': 'what else',
  'python/slipway/step.py': 'pass',
  'src/store/migrations/0001_a.sql': 'create table a',
  'src/a.ts': "import { b } from './b.ts'\nimport type { C } from './c.ts'\n",
  'src/b.ts': "export const b = join(import.meta.dirname, './started.ts')\n",
  'src/c.ts': 'export interface C {}\n',
  'src/started.ts': "import '../web/drawn.ts'\n",
  'src/other.ts': '',
  'web/drawn.ts': '',
  'web/page.tsx': '',
  'test/story.test.ts': "/** A story.\n *\n * covers: docs/guide.md, web/\n */\nimport { a } from '../src/a.ts'\n",
  'test/alone.test.ts': '',
}
const STORY = 'test/story.test.ts'

test('a test file depends on what it loads, names or says that it covers, and on what any may read', (t) => {
  const root = treeOf(t, TREE)
  const before = inputsOf(root, 'node 24')
  for (const file of [STORY, 'test/alone.test.ts']) before.digestOf(file)
  const changes = (path: string): [story: boolean, alone: boolean] => {
    writeFileSync(join(root, path), 'changed')
    const after = inputsOf(root, 'node 24')
    const changed = (file: string): boolean => after.digestOf(file) !== before.digestOf(file)
    const found: [boolean, boolean] = [changed(STORY), changed('test/alone.test.ts')]
    writeFileSync(join(root, path), TREE[path as keyof typeof TREE])
    return found
  }
  for (const path of ['src/a.ts', 'src/b.ts', 'src/started.ts', 'web/drawn.ts', 'docs/guide.md', 'web/page.tsx', STORY])
    assert.deepEqual([path, ...changes(path)], [path, true, false])
  for (const path of ['package-lock.json', 'python/slipway/step.py', 'src/store/migrations/0001_a.sql'])
    assert.deepEqual([path, ...changes(path)], [path, true, true])
  for (const path of ['src/c.ts', 'src/other.ts', 'docs/other.md'])
    assert.deepEqual([path, ...changes(path)], [path, false, false])
  assert.notEqual(inputsOf(root, 'node 25').digestOf(STORY), before.digestOf(STORY), 'and on what it is run with')
})

test('of what lies beside the checkout a test file depends on the part that it names, or that its helpers name', (t) => {
  const beside = treeOf(t, {
    'tree/test/story.test.ts': "import { ORACLES } from './clients/oracles.ts'\n",
    'tree/test/clients/oracles.ts': "export const ORACLES = join(ROOT, '../shared/oracles')\n",
    'tree/test/plane.story.test.ts': "const SCRIPT = resolve(import.meta.dirname, '../../shared/plane/start.sh')\n",
    'tree/test/none.story.test.ts': "// covers: ../shared/plane/other.sh\nconst NONE = resolve('../shared/none/')\n",
    'shared/oracles/deep/answers.json': '[1]',
    'shared/plane/start.sh': 'true',
    'shared/plane/other.sh': 'true',
  })
  const root = join(beside, 'tree')
  const tests = ['test/story.test.ts', 'test/plane.story.test.ts', 'test/none.story.test.ts']
  const digests = (): string[] => tests.map(inputsOf(root, 'node 24').digestOf)
  const before = digests()
  const changes = (path: string, text: string): boolean[] => {
    writeFileSync(join(beside, path), text)
    return digests().map((digest, at) => digest !== before[at])
  }
  assert.deepEqual(changes('shared/plane/other.sh', 'false'), [false, false, true])
  assert.deepEqual(changes('shared/plane/start.sh', 'false'), [false, true, true])
  assert.deepEqual(changes('shared/oracles/deep/answers.json', '[2]'), [true, true, true])
})

interface Kept {
  passes: () => Passes
  end: (file: string, tally?: Partial<Tally>) => void
  clock: { at: number }
  change: () => void
}

function kept(t: TestContext): Kept {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-passes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const clock = { at: 1 }
  let tree = 'one'
  const inputs = { digestOf: (file: string) => `${tree} ${file}`, reached: () => [] }
  const passes = (): Passes => readPasses(join(folder, 'passes'), inputs, () => clock.at)
  return {
    passes,
    clock,
    change: () => (tree = 'two'),
    end: (file, tally = {}) =>
      passes().keep({ file, seconds: 2, cpu: 1, tally: { passed: 3, failed: 0, skipped: 0, skips: [], ...tally } }),
  }
}

test('a file that passed whole on these inputs is taken with its counts, for a week', (t) => {
  const { passes, end, clock, change } = kept(t)
  assert.equal(passes().taken('a'), undefined)
  end('a')
  end('failed', { failed: 1 })
  end('skipped', { skipped: 1 })
  assert.deepEqual(passes().taken('a'), { passed: 3, failed: 0, skipped: 0, skips: [] })
  assert.deepEqual(
    [passes().taken('failed'), passes().taken('skipped'), passes().taken('b')],
    [undefined, undefined, undefined],
  )
  assert.deepEqual([passes().expectedMs('a'), passes().expectedMs('b')], [2000, 0])
  clock.at += 8 * 24 * 3600 * 1000
  assert.equal(passes().taken('a'), undefined)
  end('a')
  change()
  assert.equal(passes().taken('a'), undefined)
})

test('what has not run for longest is the first to run', (t) => {
  const { passes, end, clock } = kept(t)
  for (const file of ['b', 'a', 'c']) {
    clock.at += 1
    end(file)
  }
  assert.deepEqual(passes().inOrder(['a', 'b', 'c', 'new', 'newer']), ['new', 'newer', 'b', 'a', 'c'])
})

test('what failed the last time is among the first to run, however long it took', (t) => {
  const { passes, end, clock } = kept(t)
  for (const file of ['a', 'b', 'c']) {
    clock.at += 1
    end(file, file === 'b' ? { failed: 1 } : {})
  }
  assert.deepEqual(passes().inOrder(['a', 'b', 'c']), ['b', 'a', 'c'])
  assert.deepEqual([passes().expectedMs('a'), passes().expectedMs('b')], [2000, 0])
  clock.at += 1
  end('b')
  assert.deepEqual(passes().inOrder(['a', 'b', 'c']), ['a', 'c', 'b'])
})
