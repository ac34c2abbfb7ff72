/** Reads that a key does not hold, by real steps: warnings, failures where they are strict, and what a proof says of them. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ANA, openBench, type Bench } from '../bench.fixture.ts'
import { explainStep } from '../run/explanation.ts'
import { reproduceRun, requireRun, retryRun } from '../run/runs.ts'
import type { RunView, StepView } from '../run/view.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-reads-'))
const data = join(root, 'outside', 'rows.csv')
let bench: Bench

before(async () => {
  mkdirSync(join(root, 'outside'))
  bench = await openBench(join(root, 'data'))
})
after(async () => {
  await bench.close()
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
})

/** A project of one step that runs these lines, and has a file of Python that nothing names. */
let projects = 0
const project = (code: string, more = '', pipeline = ''): Record<string, string> => ({
  'slipway.yaml': `project: reads-${projects++}\npython: {packages: []}\npipeline: {${pipeline}steps: {one: {run: one:main, outputs: [o]${more}}}}\n`,
  'one.py': `import os, pathlib\ndef main(o):\n    ${code}\n`,
  'unnamed.py': 'V = 1\n',
  'rows.csv': '1\n',
})
const OUTSIDE = `o.write_text(pathlib.Path(${JSON.stringify(data)}).read_text())`
const digest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

async function ran(files: Record<string, string>, strict = false): Promise<{ run: RunView; step: StepView }> {
  const id = await bench.begin(files, { strict })
  const run = await bench.end(id)
  const [step] = run.steps
  assert.ok(step)
  return { run, step }
}

function write(text: string): void {
  writeFileSync(data, text)
}

describe('a read that the key does not hold', { concurrency: false }, () => {
  test('is told with the step, its explanation, and the runs that take its result', async () => {
    write('a')
    const files = project(OUTSIDE)
    const reads = [{ kind: 'file', name: data, digest: digest('a') }]
    const { run, step } = await ran(files)
    assert.deepEqual([run.outcome, step.reads], ['succeeded', reads])
    const tree = await requireRun(bench.room.context, ANA, run.id)
    assert.deepEqual((await explainStep(bench.room.context, tree.run, 'one')).reads, reads)
    const second = await ran(files)
    assert.deepEqual([second.step.state, second.step.reads], ['cached', reads])
  })

  test('is a failure where reads are strict, by the project file or for one run, and what it left is not taken', async () => {
    write('a')
    const said = `it read file ${data}, which its cache key does not hold, and reads are strict`
    const inFile = await ran(project(OUTSIDE, '', 'reads: strict, '))
    assert.deepEqual(
      [inFile.run.outcome, inFile.step.failure?.class, inFile.step.failure?.message],
      ['failed', 'user', said],
    )
    const files = project(OUTSIDE)
    assert.equal((await ran(files)).run.outcome, 'succeeded')
    const strict = await ran(files, true)
    assert.deepEqual([strict.run.outcome, strict.step.failure?.message], ['failed', said])
    assert.match(strict.step.cache?.reason ?? '', /the result that is kept may come from what its key does not hold/)
    assert.equal((await ran(files)).step.state, 'cached', 'without it the result is taken as before')
  })

  const clean: readonly (readonly [string, string])[] = [
    ['a file of the project', 'o.write_text(open("rows.csv").read())'],
    ['what the step has made', 'open("made.py", "w").write("1"); o.write_text(open("made.py").read())'],
    ['its own module', 'o.write_text(open(__file__).read())'],
  ]
  for (const [what, code] of clean) {
    test(`${what} is none`, async () => {
      const files = project(code)
      const { run, step } = await ran(files, true)
      assert.deepEqual([run.outcome, step.reads], ['succeeded', []], run.message)
      assert.equal((await ran(files, true)).step.state, 'cached', 'a strict run takes it')
    })
  }

  test('is a file of Python that no reader of the code could find', async () => {
    const { step } = await ran(project('o.write_text(open("unnamed." + "py").read())'))
    assert.deepEqual(step.reads, [{ kind: 'project', name: 'unnamed.py', digest: null }])
    const all = await ran(project('o.write_text(open("unnamed.py").read())'))
    assert.deepEqual(all.step.reads, [], 'one that is named is part of the key')
  })

  test('is the project file', async () => {
    const { step } = await ran(project('o.write_text(open("slipway" + ".yaml").read())'))
    assert.deepEqual(
      step.reads?.map(({ kind, name }) => [kind, name]),
      [['project', 'slipway.yaml']],
    )
  })

  test('is nothing where no result is kept, or code is not to count', async () => {
    const never = await ran(project(OUTSIDE, ', cache: never'), true)
    assert.deepEqual([never.run.outcome, never.step.reads], ['succeeded', []])
    const always = await ran(project('o.write_text(open("unnamed." + "py").read())', ', cache: always'), true)
    assert.deepEqual([always.run.outcome, always.step.reads], ['succeeded', []])
  })

  test('of a command is seen where it is Python, and else it is said that nobody watched', async () => {
    write('a')
    const command = (run: string): Record<string, string> => ({
      ...project(''),
      'slipway.yaml': `project: reads-${projects++}\npython: {packages: []}\npipeline: {steps: {one: {run: ${run}, outputs: [o]}}}\n`,
      'copy.py': 'import shutil, sys\nshutil.copy(*sys.argv[1:])\n',
    })
    const python = await ran(command(`[python, copy.py, ${data}, "{outputs.o}"]`))
    assert.deepEqual(
      python.step.reads?.map(({ name }) => name),
      [data],
      python.run.message,
    )
    const files = command(`[cp, ${data}, "{outputs.o}"]`)
    assert.equal((await ran(files)).step.reads, null)
    assert.equal((await ran(files, true)).step.state, 'cached', 'a strict run takes what nobody can watch')
  })

  test('a result of before reads were watched is not taken where they are strict', async () => {
    const files = project('o.write_text("x")')
    const { run } = await ran(files)
    await bench.store.db.tx((t) => t.run('UPDATE pipeline_cache SET reads = NULL WHERE run_id = ?', [run.id]))
    assert.equal((await ran(files)).step.state, 'cached')
    const strict = await ran(files, true)
    assert.deepEqual([strict.step.state, strict.step.reads], ['succeeded', []])
  })
})

describe('a proof', () => {
  /** Runs the project, does something, and proves the run. */
  async function proved(code: string, edit: () => void): Promise<NonNullable<RunView['reproduction']>> {
    const { run } = await ran(project(code))
    edit()
    const tree = await requireRun(bench.room.context, ANA, run.id)
    const { id } = await reproduceRun(bench.room.context, ANA, tree, { tolerance: 0, dry_run: false })
    const { reproduction } = await bench.end(id ?? '')
    assert.ok(reproduction)
    return reproduction
  }

  test('names the source that was edited', async () => {
    write('1')
    const proof = await proved(OUTSIDE, () => write('2'))
    assert.deepEqual([proof.grade, proof.sources], ['C', [{ step: 'one', source: `file ${data} was edited since` }]])
    assert.match(proof.detail, /step "one" read what its key does not hold: file .*rows\.csv was edited since$/)
  })
  test('names one that came, and says nothing of one that is as it was', async () => {
    write('1')
    const more = `${data}.more`
    const code = `o.write_text(open(${JSON.stringify(data)}).read() + "".join(open(p).read() for p in [${JSON.stringify(more)}] if os.path.exists(p)))`
    const proof = await proved(code, () => writeFileSync(more, '2'))
    assert.deepEqual([proof.grade, proof.sources], ['C', [{ step: 'one', source: `file ${more} was not read then` }]])
    assert.deepEqual(
      [(await proved(code, () => undefined)).sources, (await proved(code, () => undefined)).grade],
      [[], 'A'],
    )
  })
})

test('a proof that differs without a source that can be compared says where to look', async () => {
  const proof = async (code: string): Promise<RunView['reproduction']> => {
    const { run } = await ran(project(code))
    const tree = await requireRun(bench.room.context, ANA, run.id)
    const { id } = await reproduceRun(bench.room.context, ANA, tree, { tolerance: 0, dry_run: false })
    return (await bench.end(id ?? '')).reproduction
  }
  const random = 'o.write_text(os.urandom(4).hex())'
  const plain = await proof(random)
  assert.match(plain?.sources?.[0]?.source ?? '', /as they were: it reads from outside unseen, or differs each time$/)
  const folder = await proof(`os.listdir(${JSON.stringify(join(root, 'outside'))}); ${random}`)
  assert.deepEqual(folder?.sources, [
    { step: 'one', source: `folder ${join(root, 'outside')} may hold something else now, which nobody can compare` },
  ])
})

test('a retry is as strict as the run was', async () => {
  const { run } = await ran(project('o.write_text("x")'), true)
  const { context } = bench.room
  const again = async (id: string): Promise<boolean | undefined> => {
    const next = await retryRun(context, ANA, await requireRun(context, ANA, id))
    await bench.end(next)
    return (await requireRun(context, ANA, next)).run.options.strict
  }
  assert.equal(await again(run.id), true)
  assert.equal(await again((await ran(project('o.write_text("x")'))).run.id), false)
})
