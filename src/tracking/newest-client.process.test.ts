/** What only the newest MLflow clients (3.18) ask for over HTTP, beside what older ones go on sending. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { quietServerOnce } from '../../test/server.ts'
import type { TestServer } from '../../test/server.ts'

describe('what the newest MLflow clients ask for', () => {
  const began = Date.now()
  let server: TestServer
  quietServerOnce((started) => {
    server = started
  })

  interface Answer {
    readonly status: number
    readonly text: string
    readonly json: Readonly<Record<string, unknown>>
  }
  async function send(method: string, path: string, body?: string | object): Promise<Answer> {
    const json = typeof body === 'object'
    const reply = await fetch(server.url + path, {
      method,
      headers: { authorization: `Bearer ${server.token}`, ...(json && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: json ? JSON.stringify(body) : body }),
    })
    const text = await reply.text()
    const isJson = /^[[{]/.test(text)
    return { status: reply.status, text, json: (isJson ? JSON.parse(text) : {}) as Record<string, unknown> }
  }
  const V2 = '/api/2.0/mlflow'
  const V3 = '/api/3.0/mlflow'
  const PROXY = '/api/2.0/mlflow-artifacts'
  const newRun = async (): Promise<string> => {
    const { json } = await send('POST', `${V2}/runs/create`, { experiment_id: '0' })
    return (json['run'] as { info: { run_id: string } }).info.run_id
  }
  const refusal = ({ status, json }: Answer) => [status, json['error_code']]

  it('says what it can do', async () => {
    const { store_type, features_enabled, tracking_auth, ...abilities } = (await send('GET', `${V3}/server-info`)).json
    assert.deepEqual([store_type, tracking_auth], ['SqlStore', ''])
    assert.deepEqual(features_enabled, { gateway: false, scheduled_issue_detection: false })
    const yes = ['artifact_serving', 'model_artifact_presigned_downloads', 'multipart_uploads', 'workspaces']
    const no = [
      'artifacts_presigned_only',
      'multipart_downloads',
      'presigned_upload_model_id',
      'presigned_upload_run_id',
      'trace_archival',
    ]
    const of = (value: boolean) =>
      Object.keys(abilities)
        .filter((name) => abilities[name] === value)
        .map((name) => name.replace(/_(?:enabled|supported)$/, ''))
        .sort()
    assert.deepEqual([of(true), of(false)], [yes, no])
    assert.equal(Object.keys(abilities).length, yes.length + no.length)
  })

  it('answers for what is not there as an older server does', async () => {
    for (const path of ['/skills', '/skills/a/versions/1', '/issues/schedule/state']) {
      assert.deepEqual(refusal(await send('POST', V3 + path, {})), [404, 'ENDPOINT_NOT_FOUND'], path)
    }
  })

  it('a file is uploaded to a run by either name of its id', async () => {
    const run = await newRun()
    for (const name of ['run_id', 'run_uuid']) {
      const reply = await send('POST', `${V2}/upload-artifact?${name}=${run}&path=${name}.txt`, 'bytes')
      assert.equal(reply.status, 200, reply.text)
      assert.equal((await send('GET', `${PROXY}/artifacts/0/${run}/artifacts/${name}.txt`)).text, 'bytes')
    }
    const none = await send('POST', `${V2}/upload-artifact?path=x`, 'bytes')
    assert.match(none.text, /Request must specify run_uuid\. Its newer name run_id/)
  })

  it('an upload in parts is of the last part of the name, whatever the system of its client', async () => {
    const folder = `0/${await newRun()}/artifacts/parts`
    const upload = async (path: string) => {
      const begun = await send('POST', `${PROXY}/mpu/create/${folder}`, { path, num_parts: 1 })
      if (begun.status !== 200) return begun
      const { upload_id, credentials } = begun.json as unknown as { upload_id: string; credentials: { url: string }[] }
      const put = await fetch(credentials[0]?.url ?? '', {
        method: 'PUT',
        headers: { authorization: `Bearer ${server.token}` },
        body: path,
      })
      const parts = [{ part_number: 1, etag: put.headers.get('etag') }]
      return send('POST', `${PROXY}/mpu/complete/${folder}`, { path, upload_id, parts })
    }
    for (const path of ['w.bin', '/tmp/x y/a.bin', 'C:\\x\\b.bin', 'C:c.bin', '\\\\share\\d ü.bin']) {
      const reply = await upload(path)
      assert.equal(reply.status, 200, `${path}: ${reply.text}`)
    }
    const listed = (await send('GET', `${PROXY}/artifacts?path=${folder}`)).json['files'] as { path: string }[]
    assert.deepEqual(
      listed.map((file) => file.path),
      ['a.bin', 'b.bin', 'c.bin', 'd ü.bin', 'w.bin'],
    )
    for (const path of ['/', 'a/', 'a/.', 'a/..', 'C:..', 'C:', 'src%5C..', '%2e%2e', '..%2fx', 'a%2f..']) {
      assert.deepEqual(refusal(await upload(path)), [400, 'INVALID_PARAMETER_VALUE'], path)
    }
  })

  it('a file of a logged model is read by a link', async () => {
    const { model } = (await send('POST', `${V2}/logged-models`, { experiment_id: '0', name: 'm' }))
      .json as unknown as {
      model: { info: { model_id: string; artifact_uri: string } }
    }
    const { model_id, artifact_uri } = model.info
    const place = artifact_uri.replace(/^mlflow-artifacts:\//, '')
    await send('PUT', `${PROXY}/artifacts/${place}/dir/w.bin`, '0123456789')
    const files = `${V2}/logged-models/${model_id}/artifacts/files?artifact_file_path=`
    assert.equal((await send('GET', `${files}dir/w.bin`)).text, '0123456789')
    const asked = await send('GET', `${files}dir/w.bin&presigned=true`)
    const link = asked.json as unknown as { url: string; headers: object; file_size: number }
    assert.deepEqual([link.headers, link.file_size], [{}, 10])
    const part = await fetch(link.url, { headers: { range: 'bytes=2-4' } })
    assert.deepEqual([part.status, await part.text()], [206, '234'])
    assert.equal((await send('GET', `${files}none&presigned=true`)).status, 404)
    assert.equal((await send('GET', `${files}..%2fx&presigned=true`)).status, 400)
  })

  it('a search of logged models in no experiment finds none, one that names no list is refused', async () => {
    const found = await send('POST', `${V2}/logged-models/search`, { experiment_ids: [] })
    assert.deepEqual([found.status, found.json['models']], [200, []])
    assert.deepEqual(refusal(await send('POST', `${V2}/logged-models/search`, {})), [400, 'INVALID_PARAMETER_VALUE'])
  })

  const trace = (trace_id: string, more: object = {}) =>
    send('POST', `${V3}/traces`, {
      trace: {
        trace_info: {
          trace_id,
          trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
          request_time: '2026-01-01T00:00:00Z',
          state: 'OK',
          ...more,
        },
      },
    })

  it('a trace has an id that is one part of a path', async () => {
    assert.equal((await trace(`tr-${'0a'.repeat(16)}`)).status, 200)
    for (const id of ['', '.', '..', 'a/b', '../x', 'a\\b', 'a%2fb', 'a?b', 'a#b', 'a\nb', 'a.', 'a '.repeat(2)]) {
      assert.deepEqual(refusal(await trace(id)), [400, 'INVALID_PARAMETER_VALUE'], JSON.stringify(id))
    }
  })

  it('a record of a trace that comes twice adds no assessment', async () => {
    const id = `tr-${'0b'.repeat(16)}`
    const assessment = {
      assessment_id: `a-${'0c'.repeat(16)}`,
      assessment_name: 'good',
      source: { source_type: 'HUMAN', source_id: 'ann' },
      feedback: { value: true },
    }
    for (let turn = 0; turn < 2; turn++) {
      const { json } = await trace(id, { assessments: [assessment] })
      const { assessments } = (json['trace'] as { trace_info: { assessments: { assessment_id: string }[] } }).trace_info
      assert.deepEqual(
        assessments.map((one) => one.assessment_id),
        [assessment.assessment_id],
      )
    }
  })

  it('an issue is made with an id of its own, changed by what is sent, and found by its fields', async () => {
    const given = { experiment_id: '0', name: 'Late', description: 'd', severity: 'high', categories: ['Latency'] }
    const made = await send('POST', `${V3}/issues`, {
      ...given,
      issue_id: 'iss-late',
      last_seen_timestamp: '1700000000000',
      metadata: { a: '1' },
    })
    const issue = made.json['issue'] as Record<string, unknown>
    assert.deepEqual([issue['last_seen_timestamp'], issue['metadata']], [1_700_000_000_000, { a: '1' }])
    const again = await send('POST', `${V3}/issues`, { ...given, issue_id: 'iss-late' })
    assert.deepEqual(refusal(again), [400, 'RESOURCE_ALREADY_EXISTS'])
    const patch = async (change: object) => {
      const { text, json } = await send('PATCH', `${V3}/issues/iss-late`, change)
      assert.ok(json['issue'] !== undefined, text)
      const { categories, metadata, description } = json['issue'] as Record<string, unknown>
      return [categories, metadata, description]
    }
    assert.deepEqual(await patch({ metadata: { b: '2' } }), [['Latency'], { a: '1', b: '2' }, 'd'])
    assert.deepEqual(await patch({ categories: null, description: '' }), [['Latency'], { a: '1', b: '2' }, ''])
    assert.deepEqual(await patch({ categories: [], delete_metadata_keys: ['a'] }), [[], { b: '2' }, ''])
    await send('POST', `${V3}/issues`, { ...given, name: 'later' })
    const found = await send('POST', `${V3}/issues/search`, {
      experiment_id: '0',
      name: 'LATE',
      severities: ['high'],
      order_by: ['name DESC'],
      max_results: 1,
      include_total_count: true,
      view: 'basic',
    })
    const { issues, total_count } = found.json as unknown as { issues: Record<string, unknown>[]; total_count: number }
    assert.deepEqual(
      issues.map((one) => [one['name'], one['description'], one['metadata']]),
      [['later', '', {}]],
    )
    assert.equal(total_count, 2)
    for (const bad of [
      { metadata: { a: 1 } },
      { metadata: ['a'] },
      { last_seen_timestamp: -1 },
      { last_seen_timestamp: true },
      { categories: 'x' },
      { issue_id: 'mine' },
    ]) {
      const reply = await send('POST', `${V3}/issues`, { ...given, ...bad })
      assert.deepEqual(refusal(reply), [400, 'INVALID_PARAMETER_VALUE'], JSON.stringify(bad))
    }
    for (const bad of [{ view: 'all' }, { order_by: ['color'] }, { statuses: ['open'] }, { statuses: 'open' }]) {
      const reply = await send('POST', `${V3}/issues/search`, bad)
      assert.deepEqual(refusal(reply), [400, 'INVALID_PARAMETER_VALUE'], JSON.stringify(bad))
    }
  })

  it('the experiment that is always there is dated', async () => {
    const { json } = await send('GET', `${V2}/experiments/get?experiment_id=0`)
    const { creation_time, last_update_time } = json['experiment'] as Record<string, number>
    assert.ok((creation_time ?? 0) >= began && (last_update_time ?? 0) >= began, JSON.stringify(json))
  })

  it('HEAD answers as GET without a body, a file is told from a folder', async () => {
    const run = await newRun()
    const file = `${PROXY}/artifacts/0/${run}/artifacts/d/a.txt`
    assert.equal((await send('PUT', file, 'hello')).status, 200)
    const head = async (path: string) => {
      const headers = { authorization: `Bearer ${server.token}` }
      const reply = await fetch(server.url + path, { method: 'HEAD', headers })
      return [reply.status, reply.headers.get('content-length'), await reply.text()]
    }
    assert.deepEqual(await head('/health'), [200, '2', ''])
    assert.deepEqual(await head(file), [200, '5', ''])
    assert.equal((await head(`${V2}/runs/get?run_id=${run}`))[0], 200)
    assert.equal((await head(`${V2}/runs/get?run_id=none`))[0], 404)
    assert.equal((await head(`${V2}/runs/create`))[0], 405)
    const folder = await send('GET', file.slice(0, -'/a.txt'.length))
    assert.deepEqual(refusal(folder), [400, 'INVALID_PARAMETER_VALUE'])
    assert.match(folder.text, /Artifact path refers to a directory, not a file/)
  })
})
