/** A step that is interrupted goes on from what it kept: in the same run and in a retry, as an item, and never from what other inputs made. */
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ANA, benchOnce, type Bench } from '../bench.fixture.ts'
import { cancelRun, requireRun, retryRun } from '../run/runs.ts'
import type { RunView } from '../run/view.ts'

let bench: Bench

const root = benchOnce('checkpoints', (opened) => void (bench = opened))

/** Where the loop begins each time is noted; it ends itself, its wrapper or with an error after `stop` rounds while a file asks for it. */
const PYTHON = `import os, pathlib, signal, sys, time
from slipway import checkpoint, resume
def main(out, how, word, notes, rounds=6, stop=3):
    last = resume()
    total, first = (last.state, last.step + 1) if last else ([], 0)
    ask = pathlib.Path(notes + ".ask")
    with open(notes, "a") as file: file.write(f"{word}:{first}\\n")
    for step in range(first, rounds):
        total.append(f"{word}{step}")
        checkpoint(total, step=step)
        if step + 1 == stop and ask.exists():
            ask.unlink()
            if how == "raise": raise ValueError("as asked")
            os.kill(os.getppid() if how == "wrapper" else os.getpid(), signal.SIGKILL)
            time.sleep(600)
    out.write_text(",".join(total))
`

interface Told {
  readonly name: string
  readonly how: string
  readonly word?: string
  readonly more?: string
  readonly python?: string
}

function files({ name, how, word = 'a', more = '', python = PYTHON }: Told): Record<string, string> {
  const params = `{how: ${how}, word: ${word}, notes: ${JSON.stringify(join(root, name))}}`
  return {
    'slipway.yaml': `project: ${name}\npipeline: {steps: {one: {run: "work:main", params: ${params}, outputs: [out]${more}}}}\n`,
    'work.py': python,
  }
}

/** Asks the loop to end once more before its end. */
function ask(name: string): void {
  writeFileSync(join(root, `${name}.ask`), '')
}

function begins(name: string): string[] {
  return readFileSync(join(root, name), 'utf8').trim().split('\n')
}

async function text(run: RunView, step = 0): Promise<string> {
  const { blobs } = bench.store
  const tree = JSON.parse((await blobs.bytes(run.steps[step]?.outputs['out']?.digest ?? '')).toString()) as {
    files: [string, number, string][]
  }
  return (await blobs.bytes(tree.files[0]?.[2] ?? '')).toString()
}

const rows = () =>
  bench.store.db.all<{ run_id: string; number: number }>('SELECT run_id, number FROM pipeline_checkpoints')

async function retry(run: RunView, fromStart = false): Promise<RunView> {
  const tree = await requireRun(bench.room.context, ANA, run.id)
  const id = await retryRun(bench.room.context, ANA, tree, { fromStart })
  bench.room.wake(id)
  return bench.end(id)
}

for (const [how, budget] of [
  ['wrapper', ''],
  ['child', ', retries: {out_of_memory: 1}'],
  ['raise', ', retries: {user: 1}'],
] as const) {
  test(`one that is ended (${how}) goes on in its next attempt, and nothing is left when it has succeeded`, async () => {
    ask(how)
    const run = await bench.end(await bench.begin(files({ name: how, how, more: budget })))
    assert.equal(run.outcome, 'succeeded', run.message)
    assert.deepEqual(begins(how), ['a:0', 'a:3'])
    assert.equal(await text(run), 'a0,a1,a2,a3,a4,a5')
    const kept = run.steps.flatMap(({ attempts }) => attempts.flatMap(({ checkpoints }) => checkpoints ?? []))
    assert.deepEqual(
      kept.map(({ last, resumed, made }) => [last?.number, last?.step, resumed?.step, made]),
      [
        [3, 2, undefined, 3],
        [6, 5, 2, 3],
      ],
    )
    assert.equal(run.steps[0]?.checkpoints?.resumed, 1)
    assert.deepEqual(await rows(), [])
  })
}

test('a retry of the run goes on too, and one from the start does not', async () => {
  const told = { name: 'again', how: 'raise' }
  ask('again')
  const failed = await bench.end(await bench.begin(files(told)))
  assert.equal(failed.outcome, 'failed')
  assert.equal((await rows()).length, 2, 'the last and the one before it are kept')
  const anew = await retry(failed, true)
  assert.equal(anew.outcome, 'succeeded', anew.message)
  ask('again')
  const other = await bench.end(await bench.begin(files({ ...told, word: 'b' })))
  const on = await retry(other)
  assert.equal(on.outcome, 'succeeded', on.message)
  assert.deepEqual(begins('again'), ['a:0', 'a:0', 'b:0', 'b:3'])
  assert.equal(await text(on), 'b0,b1,b2,b3,b4,b5')
})

test('a retry that ends before it kept anything hands on what it was given', async () => {
  const name = 'chain'
  const told = {
    name,
    how: 'raise',
    python: PYTHON.replace(
      '    total, first',
      '    if last and pathlib.Path(notes + ".bad").exists(): raise ValueError("bad")\n    total, first',
    ),
  }
  ask(name)
  writeFileSync(join(root, `${name}.bad`), '')
  const first = await bench.end(await bench.begin(files(told)))
  const second = await retry(first)
  assert.equal(second.outcome, 'failed')
  rmSync(join(root, `${name}.bad`))
  const third = await retry(second)
  assert.equal(third.outcome, 'succeeded', third.message)
  assert.deepEqual(begins(name), ['a:0', 'a:3'])
})

test('a retry that is ended before the step began hands on what it was to go on from', async () => {
  const told = { name: 'unbegun', how: 'raise' }
  ask('unbegun')
  const first = await bench.end(await bench.begin(files(told)))
  const { context } = bench.room
  const before = context.deps.capacity
  Object.assign(context.deps, { capacity: { cpus: 0, memory_bytes: 0 } })
  const id = await retryRun(context, ANA, await requireRun(context, ANA, first.id))
  await cancelRun(context, ANA, id)
  bench.room.wake(id)
  const second = await bench.end(id)
  Object.assign(context.deps, { capacity: before })
  assert.deepEqual([second.outcome, second.steps[0]?.attempts], ['cancelled', []])
  const third = await retry(second)
  assert.equal(third.outcome, 'succeeded', third.message)
  assert.deepEqual(begins('unbegun'), ['a:0', 'a:3'])
})

test('a retry whose first attempt is lost before it began goes on all the same', async () => {
  const told = { name: 'lost-start', how: 'raise' }
  ask('lost-start')
  const first = await bench.end(await bench.begin(files(told)))
  const { context } = bench.room
  const { envs } = context.deps
  let asked = 0
  const python: typeof envs.python = (...given) =>
    asked++ === 0 ? Promise.reject(new Error('the disk is away')) : envs.python(...given)
  Object.assign(context.deps, { envs: { ...envs, python } })
  const id = await retryRun(context, ANA, await requireRun(context, ANA, first.id))
  bench.room.wake(id)
  const run = await bench.end(id)
  Object.assign(context.deps, { envs })
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.equal(run.steps[0]?.attempts[0]?.failure?.class, 'infrastructure')
  assert.deepEqual(begins('lost-start'), ['a:0', 'a:3'])
})

test('with resume: false its own failure begins anew, and an interruption does not', async () => {
  const more = ', checkpoints: {resume: false}, retries: {user: 1}'
  ask('own')
  const own = await bench.end(await bench.begin(files({ name: 'own', how: 'raise', more })))
  ask('taken')
  const taken = await bench.end(await bench.begin(files({ name: 'taken', how: 'wrapper', more })))
  assert.deepEqual([own.outcome, taken.outcome], ['succeeded', 'succeeded'])
  assert.deepEqual(
    [begins('own'), begins('taken')],
    [
      ['a:0', 'a:0'],
      ['a:0', 'a:3'],
    ],
  )
})

test('changed code and changed params never go on from what others made, also where the key leaves code out', async () => {
  for (const cache of ['auto', 'always', 'never']) {
    const name = `other-${cache}`
    const told = { name, how: 'raise', more: `, cache: ${cache}` }
    ask(name)
    const failed = await bench.end(await bench.begin(files(told)))
    assert.equal(failed.outcome, 'failed')
    const { db } = bench.store
    const resumes = failed.id
    for (const change of [{ word: 'b' }, { python: `${PYTHON}\nCHANGED = 1\n` }]) {
      // as a retry would ask for, if one could change what it runs
      const id = await bench.begin(files({ ...told, ...change }), { resumes })
      const run = await bench.end(id)
      assert.equal(run.outcome, 'succeeded', run.message)
    }
    assert.deepEqual(begins(name), ['a:0', 'b:0', 'a:0'], cache)
    await db.tx((t) => t.run('DELETE FROM pipeline_checkpoints'))
  }
})

test('an item goes on from its own, and not from that of another', async () => {
  const name = 'items'
  const notes = join(root, name)
  ask(name)
  const yaml = `project: ${name}
pipeline:
  steps:
    one: {run: "work:main", params: {how: wrapper, word: "{item}", notes: ${JSON.stringify(notes)}}, outputs: [out], for_each: {item: [x, y], at_once: 1}}
`
  const run = await bench.end(await bench.begin({ 'slipway.yaml': yaml, 'work.py': PYTHON }))
  assert.equal(run.outcome, 'succeeded', run.message)
  assert.deepEqual(begins(name), ['x:0', 'x:3', 'y:0'])
})

for (const [name, harm] of [
  ['damaged', (path: string) => writeFileSync(path, 'damaged')],
  ['gone', (path: string) => rmSync(path)],
] as const) {
  test(`a blob that is ${name} falls back to the one before`, async () => {
    ask(name)
    const failed = await bench.end(await bench.begin(files({ name, how: 'raise' })))
    const [newest] = await bench.store.db.all<{ tree: string }>(
      'SELECT tree FROM pipeline_checkpoints WHERE run_id = ? ORDER BY number DESC',
      [failed.id],
    )
    const { files: kept } = JSON.parse((await bench.store.blobs.bytes(newest?.tree ?? '')).toString()) as {
      files: [string, number, string][]
    }
    const path = bench.store.blobs.path(kept.find(([at]) => at === 'state')?.[2] ?? '')
    chmodSync(path ?? '', 0o600)
    harm(path ?? '')
    const on = await retry(failed)
    assert.equal(on.outcome, 'succeeded', on.message)
    assert.deepEqual(begins(name), ['a:0', 'a:2'])
    assert.equal(on.steps[0]?.attempts[0]?.checkpoints?.damaged, 1)
  })
}

test('the example of the guide comes to the same when it is killed, and when it is not', async () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/pipelines.md'), 'utf8')
  const [, code = ''] = /### Checkpoints[\s\S]*?```python\n([\s\S]*?)```/.exec(guide) ?? []
  const killed = `${code.replace('checkpoint.due()', 'True')}
import os, pathlib, signal
def main_killed(model, rounds, ask):
    if pathlib.Path(ask).exists():
        pathlib.Path(ask).unlink()
        main(pathlib.Path("unfinished"), rounds // 2)
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()
    main(model, rounds)
`
  const path = join(root, 'guide.ask')
  writeFileSync(path, '')
  const yaml = `project: guide
pipeline:
  steps:
    whole: {run: "guide:main", params: {rounds: 50}, outputs: [model]}
    killed: {run: "killed:main_killed", params: {rounds: 50, ask: ${JSON.stringify(path)}}, outputs: [model]}
`
  const run = await bench.end(await bench.begin({ 'slipway.yaml': yaml, 'guide.py': code, 'killed.py': killed }))
  assert.equal(run.outcome, 'succeeded', run.message)
  const [whole, other] = run.steps
  assert.deepEqual([other?.attempts.length, other?.checkpoints?.resumed], [2, 1])
  assert.equal(other?.outputs['model']?.digest, whole?.outputs['model']?.digest)
})
