/** What `slipway image diff` says of images that were really built: the layer, the packages and the files, and nothing else. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { answerModel, TEST_CACHE, writeBase, writeModel } from '../../src/cli/image/image.fixture.ts'
import { startRecorded } from '../../src/cli/recorded-server.fixture.ts'
import type { RecordedServer } from '../../src/cli/recorded-server.fixture.ts'
import type { Difference } from '../../src/images/compare/difference.ts'

const root = join(tmpdir(), `slipway-diffs-${process.pid}`)
mkdirSync(root)
let server: RecordedServer
before(async () => {
  process.env['SLIPWAY_CACHE'] = TEST_CACHE
  server = await startRecorded()
})
after(() => {
  server.close()
  rmSync(root, { recursive: true, force: true })
})

const slipway = (...argv: string[]) => server.slipway('image', ...argv)

/** The image of a project with these packages from the index. */
async function steps(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(root, name)
  mkdirSync(folder)
  const list = JSON.stringify(packages)
  writeFileSync(
    join(folder, 'slipway.yaml'),
    `project: tiny\npython: {packages: ${list}}\npipeline:\n  steps:\n    one: {run: [python, one.py]}\n`,
  )
  writeFileSync(join(folder, 'one.py'), 'print(1)\n')
  const image = `layout:${join(root, `${name}-image`)}:v1`
  await slipway('build', folder, '--for', 'step', '--platform', 'linux/amd64', '--out', image)
  return image
}

describe('two images of steps whose locks differ', () => {
  it('differ in the layer of packages: one came, one went, one has another version', async () => {
    const one = await steps('one', ['packaging==24.1', 'iniconfig==2.0.0'])
    const other = await steps('other', ['packaging==24.2', 'idna==3.10'])
    const { code, data, lines } = await slipway('diff', one, other, '--platform', 'linux/amd64')
    assert.equal(code, 1)
    const [found] = data as [Difference]
    const changed = found.layers.filter(({ packages }) => packages.length > 0)
    assert.deepEqual(
      changed.map(({ layer, packages }) => [layer.replace('slipway image build: ', ''), packages]),
      [
        [
          'Python packages',
          [
            { name: 'python idna', before: null, after: '3.10' },
            { name: 'python iniconfig', before: '2.0.0', after: null },
            { name: 'python packaging', before: '24.1', after: '24.2' },
          ],
        ],
      ],
    )
    // the project file names the packages
    assert.deepEqual(
      found.layers.filter(({ packages }) => packages.length === 0).map((one) => one.changed),
      [['opt/project/slipway.yaml']],
    )
    assert.deepEqual(
      found.settings.map(({ name }) => name),
      ['Labels.dev.slipway.lock'],
    )
    for (const line of [
      'python idna came: 3.10',
      'python iniconfig went: it was 2.0.0',
      'python packaging: 24.1 -> 24.2',
    ])
      assert.ok(lines.includes(`  package ${line}`), lines.join('\n'))
    assert.equal((await slipway('diff', one, one, '--platform', 'linux/amd64')).code, 0)
  })
})

describe('two images of versions of a model', () => {
  it('differ in the layer of the model alone', async () => {
    const base = await writeBase(join(root, 'base'))
    const images: string[] = []
    for (const leaf of [1, 7]) {
      answerModel(server, writeModel(join(root, `model-${leaf}`), leaf))
      images.push(`layout:${join(root, `served-${leaf}`)}:v1`)
      await slipway('build', 'delay', '--base', base, '--out', images.at(-1) ?? '')
    }
    const { data } = await slipway('diff', ...images)
    const [{ layers, same_layers, settings }] = data as [Difference]
    assert.deepEqual([same_layers, settings], [3, []])
    assert.deepEqual(
      layers.map(({ packages, added, removed, changed }) => [packages, added, removed, changed]),
      [[[], [], [], ['opt/slipway/model/native/model.bin']]],
    )
  })
})
