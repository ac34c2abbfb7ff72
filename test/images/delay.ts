/** Versions of a model "delay" with an image of each, in a real registry, for tests of environments. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { runCommand } from '../../src/cli/run-command.fixture.ts'
import { registryApi } from '../../src/contract/registry.ts'
import { composeImage } from '../../src/images/build/compose.ts'
import { Entries } from '../../src/images/layers/entries.ts'
import { makeLayer } from '../../src/images/layers/layer.ts'
import { layoutBlobs, nameInLayout } from '../../src/images/oci/layout.ts'
import type { TestServer } from '../server.ts'

type Called = Record<string, never>

async function mlflow(server: TestServer, path: string, body: object | Buffer, method = 'POST'): Promise<Called> {
  const sent = Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body)
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
  const reply = await fetch(`${server.url}/api/2.0/${path}`, { method, headers, body: sent })
  const text = await reply.text()
  assert.equal(reply.status, 200, text)
  return JSON.parse(text === '' ? '{}' : text) as Called
}

/** A version with files of its own, as a client of MLflow makes it. */
async function registered(server: TestServer, version: string): Promise<void> {
  if (version === '1') await mlflow(server, 'mlflow/registered-models/create', { name: 'delay' })
  const { run } = (await mlflow(server, 'mlflow/runs/create', { experiment_id: '0' })) as unknown as {
    run: { info: { run_id: string; artifact_uri: string } }
  }
  const { run_id, artifact_uri } = run.info
  const owner = artifact_uri.replace('mlflow-artifacts:/', '')
  const bytes = Buffer.from(`flavors: {}\nextra: ${version}\n`)
  await mlflow(server, `mlflow-artifacts/artifacts/${owner}/model/MLmodel`, bytes, 'PUT')
  await mlflow(server, 'mlflow/model-versions/create', { name: 'delay', source: `${artifact_uri}/model`, run_id })
}

/** The next version, with files, and an image in the repository of dev, tagged `vVERSION`, that says that it is made of them. Returns its digest. */
export async function pushedVersion(
  server: TestServer,
  { folder, host, version }: { readonly folder: string; readonly host: string; readonly version: string },
): Promise<string> {
  await registered(server, version)
  const { tree } = await server.client.call(registryApi.getVersion, { params: { name: 'delay', version } })
  const dir = join(folder, `image-${version}`)
  const blobs = layoutBlobs(dir)
  const layer = await makeLayer({ blobs, compression: 'gzip' }, 'the model', new Entries().file('model', version))
  const base = { config: null, layers: [], name: '', digest: undefined }
  const labels = { 'dev.slipway.model': 'delay', 'dev.slipway.version': version, 'dev.slipway.files': tree ?? '' }
  const platform = { os: 'linux', architecture: 'amd64' }
  const run = { entrypoint: ['/bin/true'], env: {}, user: '10001', workingDir: '/' }
  const image = await composeImage(blobs, { base, layers: [layer], run, labels, epoch: 0, platform })
  await nameInLayout(dir, image, 'v1')
  await runCommand(server.data, 'image', 'push', `layout:${dir}:v1`, `${host}/dev/delay:v${version}`)
  return image.digest
}
