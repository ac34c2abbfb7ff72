/** The generated workflow under act, which runs GitHub's workflows on this machine; the report is read back from a fake GitHub. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { TIDES, trainedTo } from '../fixtures/tides.ts'
import { runProgram } from '../../src/cli/program.fixture.ts'
import { NO_REGISTRY, startRegistry } from '../images/registry.ts'
import type { TestRegistry } from '../images/registry.ts'
import { ACT, findGoTool, missing } from '../programs/go-tools.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { hosted } from './act.ts'
import type { Hosted } from './act.ts'

const act = await findGoTool(ACT)

describe('the workflow of GitHub under act', { skip: act === undefined && missing(ACT) }, () => {
  let server: TestServer
  let repo: Hosted
  let registry: TestRegistry | undefined
  let base = ''

  before(async () => {
    server = await startTestServer()
    repo = await hosted(act ?? '', server)
    repo.commit({ ...TIDES, ...trainedTo('0.2') })
    registry = await startRegistry()
    await repo.init(...(registry === undefined ? [] : ['--image', `${registry.host}/octo/tides`]))
    base = repo.commit({})
  })
  after(async () => {
    registry?.stop()
    repo.close()
    await server.stop()
  })

  it('trains a push to main and tells its commit', async () => {
    const { hub } = repo
    const pushed = await repo.push(base)
    assert.equal(pushed.code, 0, pushed.said)
    assert.deepEqual([hub.statuses[0]?.sha, hub.statuses[0]?.['state']], [base, 'success'])
  })

  it('has brought the image of the steps of that push to its registry, with SBOM and provenance', async (t) => {
    if (registry === undefined) {
      t.skip(NO_REGISTRY)
      return
    }
    const image = `${registry.host}/octo/tides:${base}`
    const slipway = async (...words: string[]): Promise<Record<string, unknown>> => {
      const { code, out, said } = await runProgram(['image', ...words, '--json'], { cwd: repo.root, env: {} })
      assert.equal(code, 0, said)
      return JSON.parse(out) as Record<string, unknown>
    }
    const text = JSON.stringify(await slipway('inspect', image))
    // the folder was what the commit says
    assert.match(text, new RegExp(`"org.opencontainers.image.revision":"${base}"`))
    assert.match(text, /"dev.slipway.project":"tides"/)
    assert.equal((await slipway('sbom', image))['bomFormat'], 'CycloneDX')
    const { manifests } = (await (
      await fetch(`http://${registry.host}/v2/octo/tides/manifests/${await attachedTag(registry.host, base)}`, {
        headers: { accept: 'application/vnd.oci.image.index.v1+json' },
      })
    ).json()) as { manifests: { artifactType: string }[] }
    assert.equal(manifests.length, 2)
  })

  it('trains a pull request and comments on it against the merge base; one of a fork is checked alone', async () => {
    const { hub } = repo
    repo.git('checkout', '-qb', 'better')
    const head = repo.commit(trainedTo('0.4'))
    const asked = await repo.pull({ head, base })
    assert.equal(asked.code, 0, asked.said)
    assert.match(
      hub.comments[0]?.body ?? '',
      new RegExp(
        `commit=${head}[\\s\\S]*✅ passed[\\s\\S]*the merge base \\(version <code>1</code> of <code>${base.slice(0, 12)}`,
      ),
    )
    const { items } = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
    assert.deepEqual(
      items.map(({ outcome }) => outcome),
      ['succeeded', 'succeeded'],
    )

    const worse = repo.commit(trainedTo('0.0'))
    const refused = await repo.pull({ head: worse, base })
    assert.equal(refused.code, 1, refused.said)
    assert.match(hub.comments[0]?.body ?? '', /❌ failed/)

    const forked = await repo.pull({ head: worse, base, from: 'eve/models' })
    assert.equal(forked.code, 0, forked.said)
    const after = await server.client.call(pipelinesApi.listPipelineRuns, { query: { project: 'tides' } })
    assert.equal(after.items.length, 3, 'a change of a fork trains nothing')
  })
})

/** The tag under which documents are attached to an image where a registry lists no referrers. */
async function attachedTag(host: string, tag: string): Promise<string> {
  const reply = await fetch(`http://${host}/v2/octo/tides/manifests/${tag}`, {
    method: 'HEAD',
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  })
  return (reply.headers.get('docker-content-digest') ?? '').replace(':', '-')
}
