/** Results of steps of which a file is damaged or gone: no later run takes them once a step has found that, and no retry. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { submitProject } from '../../src/cli/project/files.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { storageApi } from '../../src/contract/system.ts'
import type { RunView } from '../../src/pipelines/run/view.ts'
import { namesBelow } from '../fixtures/folder.ts'
import { projectServer, writeFiles } from '../fixtures/project-server.ts'
import { endedRun } from '../fixtures/runs-of.ts'

const house = projectServer('results', {})

const PIPELINE = (name: string): Readonly<Record<string, string>> => ({
  'slipway.yaml': `project: ${name}
python: {packages: []}
pipeline:
  steps:
    make: {run: "steps:make", outputs: [table], params: {text: ${name}}}
    use: {run: "steps:use", inputs: {table: make.table}, params: {n: 1}, retries: {infrastructure: 0}}
`,
  'steps.py': `def make(table, text):
    table.mkdir()
    for name in ("kept", "hurt"):
        (table / name).write_text(f"{name} of {text}")
def use(table, n):
    print(n, (table / "hurt").read_text())
`,
})

/** A run of a project from its folder, to its end. */
async function run(name: string, files: Readonly<Record<string, string>>, n: number): Promise<RunView> {
  const { client } = house.server
  const { id } = await submitProject(client, writeFiles(join(house.folder, name), files))
  const body = { pipeline_version: id, params: { use: { n } } }
  const started = await client.call(pipelinesApi.createPipelineRun, { body })
  return endedRun(house.server, started.id)
}

const stateOf = ({ state, steps }: RunView): string =>
  [state, ...steps.map(({ name, state }) => `${name} ${state}`)].join(', ')

/** The file in which the bytes of a text are kept. */
function blobOf(text: string): string {
  const digits = createHash('sha256').update(text).digest('hex')
  const found = namesBelow(join(house.data, 'blobs'))
  return join(house.data, 'blobs', found.find((path) => path.endsWith(digits.slice(4))) ?? assert.fail('not kept'))
}

const HURTS: Readonly<Record<string, (path: string) => void>> = {
  damaged(path) {
    chmodSync(path, 0o644)
    writeFileSync(path, 'spoilt')
  },
  gone: (path) => rmSync(path),
}

const listed = async (): Promise<number> => (await house.server.client.call(storageApi.state)).blobs.corrupt_count

/** A retry of a run, to its end. */
async function retry({ id }: RunView): Promise<RunView> {
  const started = await house.server.client.call(pipelinesApi.retryPipelineRun, { params: { id } })
  return endedRun(house.server, started.id)
}

test('a retry makes anew what its run found hurt, and all of it at once', async () => {
  const files = PIPELINE('retried')
  await run('retried', files, 1)
  HURTS['gone']?.(blobOf('kept of retried'))
  HURTS['damaged']?.(blobOf('hurt of retried'))
  const finds = await run('retried', files, 2)
  assert.equal(stateOf(finds), 'failed, make cached, use failed')
  assert.equal(await listed(), 2)
  assert.equal(stateOf(await retry(finds)), 'succeeded, make succeeded, use succeeded')
  assert.equal(await listed(), 0)
})

for (const [how, hurt] of Object.entries(HURTS)) {
  test(`a result of which a file is ${how} is made anew by the run after the one that finds it`, async () => {
    const files = PIPELINE(how)
    assert.equal(stateOf(await run(how, files, 1)), 'succeeded, make succeeded, use succeeded')
    hurt(blobOf(`hurt of ${how}`))
    const finds = await run(how, files, 2)
    assert.equal(stateOf(finds), 'failed, make cached, use failed')
    assert.equal(finds.steps[1]?.failure?.class, 'infrastructure')
    assert.equal(await listed(), 1)
    const anew = await run(how, files, 2)
    assert.equal(stateOf(anew), 'succeeded, make succeeded, use succeeded')
    assert.equal(
      anew.steps[0]?.cache?.reason,
      'nothing changed, but files of the result that is kept are damaged or gone',
    )
    assert.equal(await listed(), 0, 'it is mended by being made')
    assert.equal(stateOf(await run(how, files, 3)), 'succeeded, make cached, use succeeded')
  })
}
