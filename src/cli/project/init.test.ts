/** The project file that `slipway init` writes: it is read by what reads project files, whatever the folder is called or holds. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseProject } from '../../pipelines/spec/parse.ts'
import { UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { SILENT } from '../invocation/output.ts'
import { run } from './init.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-init-'))
after(() => rmSync(root, { recursive: true, force: true }))

async function init(folder: string): Promise<{ lines: string[]; data: unknown[] }> {
  const lines: string[] = []
  const data: unknown[] = []
  const out = { ...SILENT, line: (text: string) => lines.push(text), data: (value: unknown) => data.push(value) }
  const invocation: Invocation = { args: [folder], flags: {}, out }
  assert.equal(await run(invocation), 0)
  return { lines, data }
}

function holding(name: string, ...files: readonly string[]): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  for (const file of files) writeFileSync(join(folder, file), `# ${file}\n`)
  return folder
}

describe('slipway init', () => {
  for (const [name, project] of [
    ['my-model', 'my-model'],
    ['My Model (2)', 'My-Model-2-'],
    ['a.b_c', 'a.b_c'],
    ["it's", 'it-s'],
    ['a: b #c', 'a-b-c'],
    ['2024', '2024'],
    ['1e5', '1e5'],
    ['0x1F', '0x1F'],
    ['1.50', '1.50'],
    ['true', 'true'],
    ['null', 'null'],
    ['.hidden', 'hidden'],
    ['-_x', 'x'],
    ['日本', 'project'],
    ['m'.repeat(200), 'm'.repeat(128)],
  ] as const) {
    it(`names the project of the folder "${name}" ${project}`, async () => {
      const folder = holding(name)
      await init(folder)
      const text = readFileSync(join(folder, 'slipway.yaml'), 'utf8')
      const read = parseProject(text)
      assert.deepEqual([read.project, read.model?.name, read.endpoint?.name], [project, project, project])
    })
  }

  it('writes nothing beside a notebook or a script, and says how it becomes a project', async () => {
    const folder = holding('research', 'explore.ipynb', 'clean.py', 'test_clean.py', 'notes.md')
    const { lines, data } = await init(folder)
    assert.deepEqual(readdirSync(folder).toSorted(), ['clean.py', 'explore.ipynb', 'notes.md', 'test_clean.py'])
    assert.deepEqual(data, [{ written: null, research: ['explore.ipynb', 'clean.py'] }])
    assert.ok(
      lines.some((line) => line.endsWith(`slipway package ${join(folder, 'explore.ipynb')}`)),
      lines.join('\n'),
    )
    const own = holding('own', 'train.py', 'explore.ipynb')
    await init(own)
    assert.ok(existsSync(join(own, 'slipway.yaml')), 'a first step of its own is taken')
  })

  it('makes a folder that is not there, and a first step in it', async () => {
    const folder = join(root, 'deep/er/new')
    const { data, lines } = await init(folder)
    assert.deepEqual(readdirSync(folder).toSorted(), ['slipway.yaml', 'train.py'])
    const code = readFileSync(join(folder, 'train.py'), 'utf8')
    assert.match(code, /^def main\(model: pathlib\.Path\)/m)
    // its answers can be judged by its metrics: labels are 0 and 1, answers are probabilities
    assert.match(code, /pyfunc_predict_fn="predict_proba"/)
    assert.match(
      code,
      /y = \(y == 2\)\.astype\(int\)[\s\S]*infer_signature\(x_train, fitted\.predict_proba\(x_train\)\)[\s\S]*"roc_auc"/,
    )
    assert.deepEqual(data, [{ written: join(folder, 'slipway.yaml'), module: 'train.py' }])
    assert.deepEqual(lines, [`Wrote ${join(folder, 'slipway.yaml')}. Look at it, then: slipway ship ${folder}`])
  })

  for (const [files, module] of [
    [['main.py'], 'main'],
    [['train.py'], 'train'],
    [['main.py', 'train.py'], 'train'],
    [['README.md', 'main.pyc'], 'train'],
  ] as const) {
    it(`runs ${module}.py where there is ${files.join(', ')}`, async () => {
      const folder = holding(`with-${files.join('-').replaceAll('.', '-')}`, ...files)
      await init(folder)
      const { pipeline } = parseProject(readFileSync(join(folder, 'slipway.yaml'), 'utf8'))
      assert.deepEqual(pipeline.steps['train']?.run, `${module}:main`)
      for (const file of files) assert.equal(readFileSync(join(folder, file), 'utf8'), `# ${file}\n`)
      assert.ok(existsSync(join(folder, `${module}.py`)))
    })
  }

  it('leaves a project file that is there as it is', async () => {
    const folder = holding('there', 'slipway.yaml')
    await assert.rejects(init(folder), (error: unknown) => {
      assert.ok(error instanceof UsageError)
      assert.equal(error.message, `${join(folder, 'slipway.yaml')} exists already; it is left as it is`)
      return true
    })
    assert.deepEqual(readdirSync(folder), ['slipway.yaml'])
    assert.equal(readFileSync(join(folder, 'slipway.yaml'), 'utf8'), '# slipway.yaml\n')
  })

  it('makes no folder of a file', async () => {
    holding('plain', 'file')
    await assert.rejects(init(join(root, 'plain/file')), { code: 'EEXIST' })
    assert.equal(readFileSync(join(root, 'plain/file'), 'utf8'), '# file\n')
  })
})
