/** Pipelines in TypeScript and JavaScript, loaded: what is sent, where faults stand, and that no file hangs, floods or learns a secret. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCommand, type Said } from '../../run-command.fixture.ts'
import { projectFiles } from '../files.ts'
import { readProjectFile } from './project-file.ts'
import { projectsOf, secondsForCode } from '../projects.fixture.ts'

const { root, project: written } = projectsOf('typescript')
const project = (files: Readonly<Record<string, string>>): string => written({ 'job.py': 'def go(): ...\n', ...files })

const validate = (text: string, file = 'flow.ts', more: Readonly<Record<string, string>> = {}): Promise<Said> =>
  runCommand(root, 'validate', join(project({ [file]: text, ...more }), file))
const HEAD = "import { pipeline } from 'slipway/pipeline'\n"
const GOOD = `${HEAD}type Kept = string
const run: Kept = 'job:go'
export default pipeline('p', { python: { packages: [] } }, (p) => {
  p.step('go', { run: run as 'job:go' })
})
`

describe('a pipeline in TypeScript', () => {
  it('is taken by its name, of JavaScript too, and where nothing else stands for it', async () => {
    const script = GOOD.replace('type Kept = string\n', '').replace(': Kept', '').replace(" as 'job:go'", '')
    for (const [file, text] of [
      ['flow.ts', GOOD],
      ['flow.mts', GOOD],
      ['flow.mjs', script],
    ] as const)
      assert.deepEqual((await validate(text, file)).lines, [`${file} can be run: 1 step`])
    const nested = await runCommand(root, 'validate', project({ 'flows/flow.ts': GOOD }), '--file', 'flows/flow.ts')
    assert.deepEqual(nested.lines, ['flows/flow.ts can be run: 1 step'])
    const folder = project({ 'slipway_pipeline.ts': GOOD })
    const { lines } = await runCommand(root, 'validate', folder)
    assert.deepEqual(lines, ['slipway_pipeline.ts can be run: 1 step'])
    const read = await readProjectFile(folder)
    // what no step runs is no part of a key
    const uploaded = read.uploaded(await projectFiles(folder))
    assert.deepEqual(
      uploaded.map(({ path }) => path),
      ['job.py', 'slipway.yaml'],
    )
  })

  it('is split over files, and gets the builder of this version whatever the folder has installed', async () => {
    const { lines } = await validate(
      `import { go } from './parts.ts'\n${HEAD}export default pipeline('p', { python: { packages: [] } }, go)\n`,
      'flow.ts',
      {
        'parts.ts':
          "import type { Builder } from 'slipway/pipeline'\nexport const go = (p: Builder): void => void p.step('go', { run: 'job:go' })\n",
        'node_modules/slipway/package.json': '{"exports": {"./pipeline": "./old.js"}}',
        'node_modules/slipway/old.js': 'throw new Error("old")',
      },
    )
    assert.deepEqual(lines, ['flow.ts can be run: 1 step'])
  })

  it('tells all faults at once, at the call that says what is wrong', async () => {
    const { code, lines } = await validate(`${HEAD}
export default pipeline('?', { python: { packages: [] } }, (p) => {
  p.param('rate', { type: 'float', default: 3, max: 1 })
  p.step('a', {
    run: 'job:went',
    timeout: 'soon',
  })
  p.step('b', { run: 'job:go', chache: 'never', params: { x: new Date(0) } } as never)
})
`)
    assert.equal(code, 1)
    assert.deepEqual(
      lines.map((line) => line.split(':').slice(0, 3).join(':')),
      [
        'flow.ts:3: project',
        'flow.ts:4: pipeline.params.rate.default',
        'flow.ts:5: pipeline.steps.a.run',
        'flow.ts:5: pipeline.steps.a.timeout',
        'flow.ts:9: pipeline.steps.b.params.x',
        'flow.ts:9: pipeline.steps.b.chache',
        '6 faults',
      ],
    )
  })

  const cases: readonly (readonly [what: string, text: string, told: RegExp])[] = [
    ['no TypeScript', `${HEAD}const = 1\n`, /^flow\.ts:2: .*(?:Syntax|Expression|expected)/],
    ['an error', `${HEAD}\nnull.x\n`.replace('null.x', '(undefined as any).x'), /^flow\.ts:3: TypeError: Cannot read/],
    [
      'a package that is not there',
      "import 'no-such-package'\n",
      /^flow\.ts:1: Error.*: Cannot find package 'no-such-package'/,
    ],
    ['no pipeline', `${HEAD}export default 1\n`, /^flow\.ts:1: got no pipeline, expected one/],
    [
      'two',
      `${HEAD}export const a = pipeline('a', {}, () => {})\nexport const b = pipeline('b', {}, () => {})\n`,
      /^flow\.ts:1: got 2 pipelines/,
    ],
    ['an end', 'process.exit(0)\n', /^flow\.ts:1: its process ended \(exit code 0\)/],
    ['a wait without an end', 'await new Promise(() => {})\n', /^flow\.ts:1: its process ended \(exit code 13\)/],
    ['a loop', 'for (;;) {}\n', /^flow\.ts:1: this ran for more than 1 s/],
    [
      'a flood',
      "for (;;) {\n  console.log('x'.repeat(1000))\n  await new Promise((go) => setImmediate(go))\n}\n",
      /^flow\.ts:1: it printed more than 256 KiB/,
    ],
  ]
  for (const [what, text, told] of cases) {
    it(`that is no pipeline: ${what}`, async (t) => {
      if (what === 'a loop') secondsForCode(t, 1)
      const { code, lines } = await validate(text)
      assert.equal(code, 1)
      assert.equal(lines.length, 2, lines.join('\n'))
      assert.match(lines[0] ?? '', told)
    })
  }

  it('gets no secret of the command', async (t) => {
    process.env['SLIPWAY_TOKEN'] = 'hush'
    t.after(() => delete process.env['SLIPWAY_TOKEN'])
    const check = "if (Object.values(process.env).includes('hush')) throw new Error('it is known')\n"
    assert.deepEqual((await validate(`${check}${GOOD}`)).lines, ['flow.ts can be run: 1 step'])
  })

  it('is not run in a job of a fork', async (t) => {
    process.env['CHANGE_FORK'] = 'eve'
    process.env['JENKINS_URL'] = 'http://ci'
    t.after(() => {
      delete process.env['CHANGE_FORK']
      delete process.env['JENKINS_URL']
    })
    const folder = project({ 'flow.ts': `import { writeFileSync } from 'node:fs'\nwriteFileSync('ran', '')\n${GOOD}` })
    await assert.rejects(runCommand(root, 'validate', join(folder, 'flow.ts')), /of a fork, and loads no flow\.ts/)
    assert.equal(existsSync(join(folder, 'ran')), false)
  })
})
