/** Commands against one server in this process: what each prints for people, what it gives as data, and what it changes. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startTestApp } from '../../test/app.ts'
import { createClient } from '../client/client.ts'
import { authApi } from '../contract/auth.ts'
import type { App } from '../options.ts'
import { runCommand, usage, withToken } from './run-command.fixture.ts'
import type { Said } from './run-command.fixture.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-commands-'))
const [data, second] = [join(root, 'first'), join(root, 'second')]
let app: App
let token = ''
let runs: string[] = []

/** Runs a command against the server of the first folder unless the arguments name another. */
const slipway = (...argv: string[]): Promise<Said> => runCommand(data, ...argv)

/** The rows of the only table that a command shows. */
async function rowsOf(...argv: string[]): Promise<readonly (readonly string[])[]> {
  const { tables, code } = await slipway(...argv)
  assert.deepEqual([code, tables.length], [0, 1])
  return tables[0]?.rows ?? []
}

async function mlflow(path: string, body: unknown): Promise<Record<string, never>> {
  const response = await fetch(`${app.url}/api/2.0/mlflow/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as Record<string, never>
}

async function trackedRun(name: string, loss: number): Promise<string> {
  const made: unknown = await mlflow('runs/create', {
    experiment_id: '0',
    run_name: name,
    start_time: 1_700_000_000_000,
  })
  const { run_id } = (made as { run: { info: { run_id: string } } }).run.info
  await mlflow('runs/log-batch', {
    run_id,
    metrics: [{ key: 'loss', value: loss, timestamp: 1, step: 0 }],
    params: [{ key: 'lr', value: String(loss / 10) }],
  })
  await mlflow('runs/update', { run_id, status: 'FINISHED', end_time: 1_700_000_001_000 })
  return run_id
}

async function otherToken(): Promise<string> {
  const client = createClient({ url: app.url, token })
  return (await client.call(authApi.createToken, { body: { name: 'reviewer', role: 'admin' } })).token
}

async function version(run: string): Promise<void> {
  const path = `0/${run}/artifacts/model`
  for (const [file, text] of [
    ['MLmodel', 'flavors: {}\n'],
    ['weights.bin', 'w'.repeat(100)],
  ] as const) {
    const put = await fetch(`${app.url}/api/2.0/mlflow-artifacts/artifacts/${path}/${file}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: text,
    })
    assert.ok(put.ok, await put.text())
  }
  await mlflow('registered-models/create', { name: 'delay' })
  await mlflow('model-versions/create', { name: 'delay', source: `mlflow-artifacts:/${path}`, run_id: run })
}

before(async () => {
  app = await startTestApp({ dataDir: data })
  token = readFileSync(app.tokenFile, 'utf8').trim()
  writeFileSync(
    join(data, 'server.json'),
    JSON.stringify({ url: app.url, gateway_url: app.gatewayUrl, pid: process.pid, token_file: app.tokenFile }),
  )
  runs = [await trackedRun('good', 1), await trackedRun('bad', 5), await trackedRun('middle', 3)]
  await version(runs[0] ?? '')
})
after(async () => {
  await app.stop()
  rmSync(root, { recursive: true, force: true })
})

describe('runs', () => {
  it('are found by a filter, in order, with the columns that are asked for', async () => {
    const found = await rowsOf(
      'runs',
      '--filter',
      'metrics.loss < 4',
      '--order-by',
      'metrics.loss ASC',
      '--column',
      'metrics.loss',
      '--column',
      'params.lr',
      '--column',
      'tags.team',
    )
    assert.deepEqual(
      found.map(([id, name, status, , ...rest]) => [id, name, status, ...rest]),
      [
        [runs[0], 'good', 'FINISHED', '1', '0.1', ''],
        [runs[2], 'middle', 'FINISHED', '3', '0.3', ''],
      ],
    )
  })

  it('are cut at the limit', async () => {
    assert.equal((await rowsOf('runs', '--filter', '', '--limit', '2')).length, 2)
    await assert.rejects(slipway('runs', '--filter', '', '--limit', '0'), usage(/--limit is "0".*1 to 1000/))
  })

  it('are kept as a search, found by its name, listed and forgotten', async () => {
    await slipway('runs', '--save', 'best', '--filter', 'metrics.loss < 2', '--column', 'metrics.loss')
    assert.deepEqual(
      (await rowsOf('runs', '--search', 'best')).map((row) => [row[1], row[4]]),
      [['good', '1']],
    )
    assert.deepEqual(
      (await rowsOf('runs', '--searches')).map((row) => [row[0], row[4]]),
      [['best', 'metrics.loss < 2']],
    )
    assert.deepEqual((await slipway('runs', '--forget', 'best')).data, [{ forgotten: 'best' }])
    assert.deepEqual(await rowsOf('runs', '--searches'), [])
    await assert.rejects(slipway('runs', '--search', 'best'), { code: 'not_found' })
  })

  it('refuse a column of no kind, a filter that is none, and a RUN beside a search', async () => {
    await assert.rejects(slipway('runs', '--column', 'loss'), usage(/--column is "loss"/))
    await assert.rejects(slipway('runs', '--filter', '', runs[0] ?? ''), usage(/a search takes no RUN/))
    await assert.rejects(slipway('runs', '--filter', 'metrics.loss <'), { status: 400 })
  })

  it('of pipelines are none here, and one that is not there is named', async () => {
    assert.deepEqual(await rowsOf('runs'), [])
    await assert.rejects(slipway('runs', 'run_none'), { code: 'not_found', message: /run_none/ })
  })

  it('differ in what was logged', async () => {
    const { tables, lines } = await slipway('diff', runs[0] ?? '', runs[1] ?? '')
    const rows = tables[0]?.rows ?? []
    assert.deepEqual(rows.find((row) => row[1] === 'lr')?.slice(1), ['lr', '0.1', '0.5'])
    assert.ok(rows.some((row) => row.includes('loss')))
    assert.ok(lines.length > 0)
    await assert.rejects(slipway('diff', runs[0] ?? ''), usage(/diff needs two runs/))
    await assert.rejects(slipway('diff', runs[0] ?? '', 'f'.repeat(32)), { code: 'not_found' })
  })
})

describe('models', () => {
  it('are listed with their versions, and shown', async () => {
    assert.deepEqual(await rowsOf('models'), [['delay', '1', '']])
    assert.equal((await rowsOf('models', 'delay'))[0]?.[0], '1')
    assert.match((await slipway('models', 'delay', '1')).lines[0] ?? '', /^delay version 1, aliases: none$/)
    await assert.rejects(slipway('models', 'other', '1'), { code: 'not_found' })
  })

  it('name their aliases at a time, before and after', async () => {
    const earlier = new Date(Date.now() - 60_000).toISOString()
    await mlflow('registered-models/alias', { name: 'delay', alias: 'blue', version: '1' })
    const later = new Date(Date.now() + 60_000).toISOString()
    assert.deepEqual(await rowsOf('models', 'at', earlier), [])
    assert.deepEqual(
      (await rowsOf('models', 'at', later)).map((row) => row.slice(0, 3)),
      [['delay', 'blue', '1']],
    )
    await assert.rejects(slipway('models', 'at'), usage(/models at needs a time/))
    await assert.rejects(slipway('models', 'at', 'noon'), usage(/"noon" is not a time/))
  })

  it('are approved with a reason that is kept', async () => {
    const approve = ['models', 'approve', 'delay/1', '--reason', 'looks right'] as const
    await assert.rejects(slipway(...approve), { code: 'conflict', message: /somebody else must approve it/ })
    const { lines } = await withToken(await otherToken(), () => slipway(...approve))
    assert.match(lines[0] ?? '', /^delay\/1 is approved by /)
    const shown = (await slipway('models', 'delay', '1')).lines
    assert.ok(shown.some((line) => line.startsWith('approved by ') && line.endsWith(' looks right')))
    for (const given of [[], ['delay'], ['delay/x'], ['/1']])
      await assert.rejects(slipway('models', 'approve', ...given), usage(/models approve needs a version/))
  })

  it('get a policy from a file, which is shown after', async () => {
    const file = join(root, 'policy.yaml')
    writeFileSync(file, 'gates:\n  - {metric: loss, at_most: 2}\nrequire_signature: false\n')
    const set = await slipway('models', 'policy', 'delay', '--set', file)
    const shown = await slipway('models', 'policy', 'delay')
    assert.deepEqual(shown.lines, set.lines)
    assert.match(shown.lines.join('\n'), /metric: loss/)
    assert.match(shown.lines.join('\n'), /at_most: 2/)
    await assert.rejects(slipway('models', 'policy'), usage(/models policy needs a model/))
    await assert.rejects(slipway('models', 'policy', 'delay', '--set', join(root, 'none')), { code: 'ENOENT' })
  })

  it('are signed with a key and verified with its public half alone', async () => {
    const [key, pub, other, signature] = ['key', 'pub', 'other', 'sig'].map((name) => join(root, name)) as [
      string,
      string,
      string,
      string,
    ]
    const pairs = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
    const spki = (i: number): string => String(pairs[i]?.publicKey.export({ type: 'spki', format: 'pem' }))
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'open' }
    writeFileSync(key, String(pairs[0]?.privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher })))
    writeFileSync(pub, spki(0))
    writeFileSync(other, spki(1))
    await assert.rejects(slipway('models', 'verify', 'delay/1', '--key', pub), { status: 404 })
    await assert.rejects(slipway('models', 'sign', 'delay/1'), usage(/models sign needs a key/))
    await assert.rejects(slipway('models', 'sign', 'delay/1', '--key', key), usage(/no PEM file of a private key/))
    writeFileSync(join(root, 'pass'), 'open\n')
    const signed = await slipway(
      'models',
      'sign',
      'delay/1',
      '--key',
      key,
      '--passphrase-file',
      join(root, 'pass'),
      '--out',
      signature,
    )
    assert.match(signed.lines[0] ?? '', /^delay\/1 is signed: 2 files, key [0-9a-f]{16}…$/)
    assert.match(signed.lines[1] ?? '', /does not name this key/)
    assert.ok(existsSync(signature))
    const good = await slipway('models', 'verify', 'delay/1', '--key', pub)
    assert.deepEqual([good.code, good.data], [0, [{ ok: true, faults: [] }]])
    const bad = await slipway('models', 'verify', 'delay/1', '--key', other)
    assert.equal(bad.code, 1)
    assert.match(bad.lines[0] ?? '', /^refused: /)
    await assert.rejects(
      slipway('models', 'verify', 'delay/1', '--key', signature),
      usage(/no PEM file of a public key/),
    )
  })
})

describe('operation', () => {
  it('keeps a rule of retention, previews it, and forgets it', async () => {
    await slipway('retention', 'add', 'old', '--older-than-days', '0', '--keep-best', '1', '--by', 'metrics.loss ASC')
    const [rule] = await rowsOf('retention')
    assert.deepEqual(rule, ['old', 'default', 'all', 'to the bin', '0', '', '1 by metrics.loss ASC'])
    const preview = await slipway('retention', 'preview', 'old')
    assert.match(preview.lines[0] ?? '', /^\d runs would go to the bin; /)
    const going = preview.tables[0]?.rows.map((row) => row[1]).toSorted() ?? []
    assert.ok(!going.includes('good'), 'the best of the experiment stays')
    assert.deepEqual(going, ['bad', 'middle'])
    assert.equal((await rowsOf('runs', '--filter', '')).length, 3, 'a preview removes nothing')
    await slipway('retention', 'remove', 'old')
    assert.deepEqual(await rowsOf('retention'), [])
    await assert.rejects(slipway('retention', 'preview', 'old'), { code: 'not_found' })
    await assert.rejects(slipway('retention', 'add'), usage(/retention add needs the name of a rule/))
    await assert.rejects(slipway('retention', 'burn', 'old'), usage(/"burn" is not known/))
  })

  it('says what would go and deletes nothing in a dry run', async () => {
    const rows = await rowsOf('gc', '--dry-run')
    assert.deepEqual(
      rows.map((row) => row[0]),
      ['stored', 'would go', 'unreachable, waits'],
    )
    assert.ok(Number(rows[0]?.[1]) >= 2)
    assert.equal(rows[1]?.[1], '0')
    assert.equal((await rowsOf('gc', '--dry-run'))[0]?.[1], rows[0]?.[1])
  })

  it('tells costs and prices, and takes a new price', async () => {
    assert.match((await slipway('cost')).lines.at(-1) ?? '', /^total \$\d+\.\d{6}$/)
    const [before] = await rowsOf('cost', 'rates')
    const resource = before?.[0] ?? ''
    assert.notEqual(resource, '')
    const dear = await rowsOf('cost', 'set', resource, '0.25', '--note', 'new card')
    assert.deepEqual(
      dear.filter((row) => row[0] === resource && row[1] === '0.250000').map((row) => row[4]),
      ['new card'],
    )
    await assert.rejects(slipway('cost', 'weather'), usage(/"weather" is not one of .*rates, set/))
    await assert.rejects(slipway('cost', 'rates', 'more'), usage(/"more" is one argument too many/))
    await assert.rejects(slipway('cost', 'set', 'gold', '1'), usage(/cost set needs one of/))
    for (const price of ['', 'free'])
      await assert.rejects(slipway('cost', 'set', resource, price), usage(/needs a price/))
    await assert.rejects(slipway('cost', 'run', '--from', 'noon'), usage(/--from is "noon", not a time/))
  })

  it('audits what was done here, and its chain holds', async () => {
    const rows = await rowsOf('audit')
    assert.ok(rows.some((row) => /delay/.test(row[3] ?? '')))
    const { code, lines } = await slipway('audit', 'verify')
    assert.equal(code, 0)
    assert.match(
      lines[0] ?? '',
      /^The audit chain is whole: \d+ rows, head [0-9a-f]{16}…(?:; [1-9]\d* checkpoints? holds?, the newest of \S+Z)?$/,
    )
    await assert.rejects(slipway('audit', 'check'), usage(/"check" is not known/))
  })

  it('names the variables of MLflow, and a link', async () => {
    const { lines, data: told } = await slipway('env')
    assert.ok(lines.includes(`export MLFLOW_TRACKING_URI=${app.url}`))
    assert.ok(lines.includes(`export MLFLOW_TRACKING_TOKEN=${token}`))
    assert.deepEqual(told, [
      { MLFLOW_TRACKING_URI: app.url, MLFLOW_TRACKING_TOKEN: token, SLIPWAY_URL: app.url, SLIPWAY_TOKEN: token },
    ])
    const link = (await slipway('env', '--link')).lines[0] ?? ''
    assert.ok(link.startsWith(app.url))
    assert.ok(!link.includes(token))
  })

  it('makes, lists, changes and removes pools, and has an empty queue', async () => {
    assert.deepEqual((await slipway('pools')).lines, ['no pools; an admin makes one: slipway pools set gpu 2'])
    const made = await slipway('pools', 'set', 'gpu', '2', '--per-project', '1', '--note', 'both cards')
    assert.deepEqual(made.lines, ['pool gpu has 2 places, 1 a project'])
    const [pools] = (await slipway('pools')).data as [unknown[]]
    assert.partialDeepStrictEqual(pools[0], {
      name: 'gpu',
      places: 2,
      per_project: 1,
      held: 0,
      waiting: 0,
      holders: [],
    })
    assert.deepEqual((await slipway('pools', 'set', 'gpu', '0')).lines, ['pool gpu has 0 places'])
    assert.deepEqual((await slipway('pools', 'remove', 'gpu')).lines, ['pool gpu is gone'])
    await assert.rejects(slipway('pools', 'remove', 'gpu'), { code: 'not_found' })
    await assert.rejects(slipway('pools', 'set', 'gpu', 'two'), usage(/PLACES is "two"; expected a whole number/))
    await assert.rejects(slipway('pools', 'set', 'gpu', '1', '--per-project', '0'), { code: 'invalid_field' })
    await assert.rejects(slipway('pools', 'set'), usage(/pools set needs a name/))
    await assert.rejects(slipway('pools', 'drain', 'gpu'), usage(/pools knows no "drain"/))
    const { lines, data } = await slipway('queue')
    assert.match(lines[0] ?? '', /^0 running, 0 waiting; 0 of \d+ cores taken$/)
    assert.deepEqual(data, [{ items: [], left_out: 0 }])
    await assert.rejects(slipway('queue', 'pr_0', '--priority', '1'), { code: 'not_found' })
    await assert.rejects(slipway('queue', 'pr_0'), usage(/moved by its id and a priority/))
    await assert.rejects(
      slipway('queue', 'pr_0', '--priority', '11'),
      usage(/--priority is "11"; expected .* -10 to 10/),
    )
  })

  it('has no endpoints, incidents or freezes to show, and names one that is not there', async () => {
    assert.deepEqual(await rowsOf('endpoints'), [])
    assert.deepEqual(await rowsOf('incidents'), [])
    const { lines } = await slipway('freeze')
    assert.deepEqual(lines, ['no endpoint is frozen'])
    await assert.rejects(slipway('endpoints', 'nowhere'), { code: 'not_found' })
    await assert.rejects(slipway('incidents', 'inc_0'), { code: 'not_found' })
    await assert.rejects(slipway('freeze', 'add', 'nowhere', '--reason', 'x'), { code: 'not_found' })
    await assert.rejects(slipway('freeze', 'add', 'nowhere'), usage(/freeze add needs a reason/))
    await assert.rejects(slipway('freeze', 'add', 'a', '--reason', 'x', '--until', 'soon'), usage(/--until is "soon"/))
    await assert.rejects(slipway('freeze', 'remove'), usage(/freeze remove needs an endpoint/))
    await assert.rejects(slipway('freeze', 'melt'), usage(/freeze knows no "melt"/))
  })

  it('refuses a wrong token', async () => {
    await withToken('wrong', () => assert.rejects(slipway('models'), { name: 'CallError', status: 401 }))
  })
})

describe('what is moved', () => {
  it('is the same rows after backup and restore, and after export and import', async () => {
    const list = [
      'runs',
      '--filter',
      '',
      '--order-by',
      'metrics.loss',
      '--column',
      'metrics.loss',
      '--column',
      'params.lr',
    ]
    const here = await rowsOf(...list)
    const [backup, bundle, third] = [join(root, 'all.backup'), join(root, 'all.tar'), join(root, 'third')]
    assert.match((await slipway('backup', backup)).lines[0] ?? '', /verified by hash$/)
    await assert.rejects(slipway('backup'), usage(/backup needs a file/))
    const exported = await slipway('export', bundle)
    await assert.rejects(slipway('export', bundle), { code: 'already_exists' })
    await assert.rejects(
      slipway('export', join(root, 'x'), '--run', 'a', '--model', 'b'),
      usage(/name one of --project/),
    )
    await assert.rejects(slipway('export', join(root, 'x'), '--model', 'nothing'), { code: 'not_found' })
    assert.equal(existsSync(join(root, 'x')), false)
    await assert.rejects(slipway('restore', backup), usage(/a server runs in .*; stop it or choose another folder/))
    await slipway('restore', backup, '--data', second)

    for (const [folder, brings] of [
      [second, false],
      [third, true],
    ] as const) {
      const other = await startTestApp({ dataDir: folder })
      try {
        writeFileSync(join(folder, 'server.json'), JSON.stringify({ url: other.url, token_file: other.tokenFile }))
        if (brings) {
          const tried = await slipway('import', bundle, '--dry-run', '--data', folder)
          assert.match(tried.lines.at(-1) ?? '', /^Checked: /)
          assert.deepEqual(await rowsOf('models', '--data', folder), [], 'a dry run brings nothing')
          assert.match((await slipway('import', bundle, '--data', folder)).lines.at(-1) ?? '', /^Brought in: /)
          const again = await slipway('import', bundle, '--data', folder)
          const { tables } = again.data[0] as { tables: Record<string, { added: number }> }
          assert.ok(
            Object.values(tables).every(({ added }) => added === 0),
            'the second import adds nothing',
          )
        }
        assert.deepEqual(await rowsOf(...list, '--data', folder), here)
        assert.deepEqual(await rowsOf('models', '--data', folder), await rowsOf('models'))
      } finally {
        await other.stop()
      }
    }
    assert.match(exported.lines[1] ?? '', /^Chain [0-9a-f]{64}$/)
  })

  it('needs a source that can be read', async () => {
    await assert.rejects(slipway('import'), usage(/import needs a source/))
    await assert.rejects(slipway('import', 'mlflow'), usage(/import mlflow needs the address/))
    await assert.rejects(slipway('import', 'mlflow', 'mysql://x'), usage(/import mlflow needs the address/))
    await assert.rejects(slipway('import', 'wandb'), usage(/import wandb needs a folder/))
    await assert.rejects(slipway('import', join(root, 'none.tar')), { code: 'not_found' })
  })
})
