/** `slipway features import feast` with Feast itself: what of a repository is carried over, and what is told of one that cannot be read. */
// covers: python/slipway/features/command.py
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { testEnv } from '../../../test/python-env.ts'
import { importRepository } from '../../features/feast/import.ts'
import { FeastRepository } from '../../features/feast/repository.ts'
import type { Output } from '../invocation/output.ts'
import { importFeast } from './import.ts'

const RECORDED = join(import.meta.dirname, '../../features/feast/template.fixture.json')
const run = promisify(execFile)
const root = mkdtempSync(join(tmpdir(), 'slipway-feast-story-'))
after(() => rmSync(root, { recursive: true, force: true }))
const python = await testEnv(['feast[duckdb]==0.67.0'], 'once').catch(() => undefined)

const DEFINITIONS = `
from datetime import timedelta
from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Bytes, Float64, Int32, Int64
# a folder of the reader has files of this name too, which are not what is meant
import command
assert command.HERE == 1
print("it says something")
customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
bills = FileSource(name="bills", path="data/bills.parquet", timestamp_field="at")
push = PushSource(name="bills_push", batch_source=bills)
view = FeatureView(name="billed", entities=[customer], ttl=timedelta(hours=36), source=push,
    schema=[Field(name="amount", dtype=Float64), Field(name="count", dtype=Int32), Field(name="raw", dtype=Bytes)])
whole = FeatureView(name="totals", entities=[], source=bills, schema=[Field(name="all", dtype=Int64)])
churn = FeatureService(name="churn", features=[view[["amount"]], whole])
`

const REPOSITORY = {
  'feature_store.yaml':
    'project: shop\nprovider: local\nregistry: data/registry.db\nentity_key_serialization_version: 3\n',
  'command.py': 'HERE = 1\n',
}

function repository(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, name)
  for (const [path, content] of Object.entries({ ...REPOSITORY, ...files })) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

async function imported(folder: string, flags: Readonly<Record<string, string>> = {}, json = false) {
  const [lines, data]: [string[], unknown[]] = [[], []]
  const out: Output = {
    json,
    line: (text) => void lines.push(text),
    data: (value) => void data.push(value),
    progress: () => undefined,
    table: () => undefined,
  }
  const given = { python: python ?? '', ...flags }
  const code = await importFeast({ args: [], flags: given, out }, ['feast', folder])
  return { code, text: lines.join('\n'), data: data[0] }
}

const skip = python === undefined && 'Feast 0.67.0 is not in the cache and could not be installed'
describe('features import feast', { skip }, () => {
  test('the repository of `feast init` is read as it was when it was recorded', async () => {
    await run(join(dirname(python ?? ''), 'feast'), ['init', 'template'], { cwd: root })
    const folder = join(root, 'template/feature_repo')
    const { code, data } = await imported(folder, {}, true)
    assert.equal(code, 0)
    const recorded = readFileSync(RECORDED, 'utf8').replaceAll('/srv/template', folder)
    assert.deepEqual(data, { ...importRepository(FeastRepository.parse(JSON.parse(recorded))), written: null })
  })

  test('a repository is printed as YAML, with what it lacks', async () => {
    const folder = repository('shop', { 'definitions.py': DEFINITIONS })
    const { code, text } = await imported(folder)
    assert.equal(code, 0)
    assert.match(text, /#\s+feature billed:raw: its type is Bytes/)
    assert.doesNotMatch(text, /it says something|__dummy/)
    assert.equal(
      text.slice(text.indexOf('sources:')),
      `sources:
  bills:
    file: ${folder}/data/bills.parquet
    table: parquet
features:
  entities:
    customer:
      keys:
        customer_id: int
  views:
    billed:
      entities:
        - customer
      source: bills
      push: true
      event_time: at
      ttl: 36h
      features:
        amount: float
        count: int
    totals:
      entities: []
      source: bills
      event_time: at
      features:
        all: int
  services:
    churn:
      features:
        - billed:amount
        - totals`,
    )
  })

  test('--output writes a file, and never over one', async () => {
    const folder = repository('written', { 'definitions.py': DEFINITIONS })
    const output = join(root, 'features.yaml')
    const { text, data } = await imported(folder, { output })
    assert.match(text, /^wrote .*features\.yaml: 1 entity, 2 views, 1 service\n/)
    assert.match(readFileSync(output, 'utf8'), /^# Carried over from .*\n(#.*\n)+sources:\n/)
    assert.equal((data as { written: string }).written, output)
    await assert.rejects(imported(folder, { output }), /exists already/)
  })

  test('what is wrong with the repository, or with its Python, is told', async () => {
    const lacking = repository('lacking', { 'definitions.py': 'import boto33\n' })
    const faulty = repository('faulty', { 'definitions.py': 'raise ValueError("no such bucket")\n' })
    const leaving = repository('leaving', { 'definitions.py': 'raise SystemExit("enough")\n' })
    const dying = repository('dying', { 'definitions.py': 'import os\nprint("gone", flush=True)\nos._exit(3)\n' })
    await assert.rejects(imported(lacking), /has no module boto33\. Name the Python that has it with --python/)
    await assert.rejects(imported(faulty), /cannot be read: ValueError: no such bucket$/)
    await assert.rejects(imported(leaving), /cannot be read: SystemExit: enough$/)
    await assert.rejects(imported(dying), /ended with 3: [^]*gone$/)
    await assert.rejects(imported(faulty, { python: join(root, 'no-python') }), /there is no program .*no-python/)
    await assert.rejects(imported(join(root, 'nowhere')), /has no feature_store\.yaml/)
    assert.equal(existsSync(join(faulty, '__pycache__')), false)
  })
})
