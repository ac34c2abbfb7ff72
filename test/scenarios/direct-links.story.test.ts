/** Links that lead straight to a real S3 server: read whole and in ranges without a credential, for one file and not changed. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../python-env.ts'
import { NO_S3, startS3 } from '../s3.ts'
import { refusedStart, startTestServer } from '../server.ts'

const s3 = await startS3()

/** Reads the file by the links of the server, in ranges, and says what it asked the links' host for. */
const DOWNLOAD = `
import sys
import mlflow.store.artifact.http_artifact_repo as repo
asked = []
given = repo.HttpArtifactRepository._get_presigned_download_url
def noted(self, path):
    reply = given(self, path)
    asked.append(reply.url)
    return reply
repo.HttpArtifactRepository._get_presigned_download_url = noted
import mlflow
mlflow.artifacts.download_artifacts(artifact_uri="mlflow-artifacts:/0/a/artifacts/weights ä.bin", dst_path=sys.argv[1])
assert any("X-Amz-Signature=" in url for url in asked), asked
`

test('a link leads to the S3 server itself', { skip: s3 === undefined ? NO_S3 : false }, async (t) => {
  if (s3 === undefined) return
  t.after(() => s3.stop())
  const server = await startTestServer({ env: { ...s3.env, SLIPWAY_BLOBS: `${s3.url}?links=direct` } })
  t.after(() => server.stop())
  const authorization = `Bearer ${server.token}`
  const base = `${server.url}/api/2.0/mlflow-artifacts`
  const place = '0/a/artifacts/weights%20%C3%A4.bin'
  const bytes = randomBytes(300_000)
  const put = await fetch(`${base}/artifacts/${place}`, { method: 'PUT', headers: { authorization }, body: bytes })
  assert.equal(put.status, 200)
  const asked = await fetch(`${base}/presigned/${place}`, { headers: { authorization } })
  const { url, headers, file_size } = (await asked.json()) as { url: string; headers: object; file_size: number }
  assert.deepEqual([headers, file_size], [{}, bytes.length])
  assert.equal(new URL(url).origin, s3.env['AWS_ENDPOINT_URL_S3'])
  assert.equal(new URL(url).searchParams.get('X-Amz-Expires'), '300')
  const whole = await fetch(url)
  assert.equal(whole.status, 200)
  assert.match(whole.headers.get('content-disposition') ?? '', /^attachment; filename\*=UTF-8''weights%20%C3%A4\.bin$/)
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes))
  const part = await fetch(url, { headers: { range: 'bytes=1000-1999' } })
  assert.equal(part.status, 206)
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1000, 2000)))
  assert.equal((await fetch(url.replace('X-Amz-Expires=300', 'X-Amz-Expires=900'))).status, 403)
  assert.equal((await fetch(url.replace(/([0-9a-f])([0-9a-f])\?/, '$2$1x?'))).status, 403)
  assert.equal((await fetch(`${base}/presigned/0/a/artifacts/none`, { headers: { authorization } })).status, 404)
  assert.equal((await fetch(`${base}/presigned/${place}`)).status, 401)
  // clients then read by links without being told to
  const info = await fetch(`${server.url}/api/3.0/mlflow/server-info`, { headers: { authorization } })
  assert.equal(((await info.json()) as Record<string, unknown>)['multipart_downloads_enabled'], true)

  const python = process.env['SLIPWAY_MLFLOW_PYTHON'] ?? (await testEnv(['mlflow==3.17.2']))
  const folder = mkdtempSync(join(tmpdir(), 'slipway-direct-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await promisify(execFile)(python, ['-c', DOWNLOAD, folder], {
    env: {
      ...process.env,
      MLFLOW_TRACKING_URI: server.url,
      MLFLOW_TRACKING_TOKEN: server.token,
      MLFLOW_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE: '100000',
      MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE: '70000',
    },
  })
  assert.ok(readFileSync(join(folder, 'weights ä.bin')).equals(bytes))

  const odd = await refusedStart({
    data: `${server.data}-odd`,
    env: { ...s3.env, SLIPWAY_BLOBS: `${s3.url}?links=all` },
  })
  assert.match(odd.errors, /links=direct/)
})
