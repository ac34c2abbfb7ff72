/** `slipway features import feast`: the reader runs with a Feast that is made here of what it asks Feast for, and what it says is written. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Output } from '../invocation/output.ts'
import { importFeast } from './import.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-feast-import-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Objects with the attributes that those of Feast 0.67 have. */
const FEAST = `
import importlib, sys
from datetime import timedelta
from types import SimpleNamespace as Thing
__version__ = "0.67.0"
class Named(Thing):
    description, owner, tags = "", "", None
class Field(Thing):
    description, tags = "", {}
class FileSource(Named):
    created_timestamp_column, field_mapping, file_format = "", {}, None
class PushSource(Named):
    timestamp_field, created_timestamp_column, field_mapping = "", "", {}
class FeatureView(Named):
    entity_columns, stream_source, aggregations, online, ttl = [], None, None, True, timedelta(0)
def projected(view, names=None, **more):
    features = [one for one in view.features if names is None or one.name in names]
    return Thing(**{"name": view.name, "name_alias": None, "features": features, "join_key_map": {}, "version_tag": None, **more})
`
const OPERATIONS = `
import importlib, sys
from types import SimpleNamespace
def parse_repo(root):
    print("it says something")
    return SimpleNamespace(**{kind: [] for kind in ("entities data_sources feature_views stream_feature_views on_demand_feature_views feature_services").split()}
        | importlib.import_module("definitions").ALL)
`
const DEFINITIONS = `
from feast import *
# a folder of the reader has files of this name too, which are not what is meant
import command
assert command.HERE == 1
customer = Named(name="customer", join_key="customer_id", value_type=Thing(name="INT64"))
bills = FileSource(name="bills", timestamp_field="at", file_options=Thing(uri="data/bills.csv", s3_endpoint_override=None))
bills.file_format = type("ParquetFormat", (), {})()
push = PushSource(name="bills_push", batch_source=bills)
view = FeatureView(name="billed", entities=["customer"], ttl=timedelta(hours=36), batch_source=bills, stream_source=push,
    features=[Field(name="amount", dtype="Float64"), Field(name="count", dtype="Int32"), Field(name="raw", dtype="Bytes")])
whole = FeatureView(name="totals", entities=["__dummy"], batch_source=bills, features=[Field(name="all", dtype="Int64")])
model = Named(name="churn", logging_config=None, feature_view_projections=[projected(view, ["amount"]), projected(whole)])
ALL = {"entities": [customer, Named(name="__dummy", join_key="__dummy_id", value_type=Thing(name="STRING"))],
    "data_sources": [bills, push], "feature_views": [view, whole], "feature_services": [model]}
`

function repository(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(root, name)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

const site = repository('site', {
  'feast/__init__.py': FEAST,
  'feast/repo_operations.py': OPERATIONS,
  'pyarrow/__init__.py': '',
  'pyarrow/parquet.py': 'def ParquetDataset(path):\n    raise FileNotFoundError(path)\n',
})

const STUB = {
  'feature_store.yaml': 'project: shop\n',
  'command.py': 'HERE = 1\n',
}

process.env['PYTHONPATH'] = site

async function imported(folder: string, flags: Readonly<Record<string, string>> = {}) {
  const [lines, data]: [string[], unknown[]] = [[], []]
  const out: Output = {
    json: false,
    line: (text) => void lines.push(text),
    data: (value) => void data.push(value),
    progress: () => undefined,
    table: () => undefined,
  }
  const code = await importFeast({ args: [], flags, out }, ['feast', folder])
  return { code, text: lines.join('\n'), data: data[0] }
}

test('a repository is printed as YAML, with what it lacks', async () => {
  const folder = repository('shop', { ...STUB, 'definitions.py': DEFINITIONS })
  const { code, text } = await imported(folder)
  assert.equal(code, 0)
  assert.match(text, /#\s+feature billed:raw: its type is Bytes/)
  assert.doesNotMatch(text, /it says something|__dummy/)
  const body = text.slice(text.indexOf('sources:'))
  assert.equal(
    body,
    `sources:
  bills:
    file: ${folder}/data/bills.csv
    table: csv
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
  const folder = repository('written', { ...STUB, 'definitions.py': DEFINITIONS })
  const output = join(root, 'features.yaml')
  const { text, data } = await imported(folder, { output })
  assert.match(text, /^wrote .*features\.yaml: 1 entity, 2 views, 1 service\n/)
  assert.match(readFileSync(output, 'utf8'), /^# Carried over from .*\n(#.*\n)+sources:\n/)
  assert.equal((data as { written: string }).written, output)
  await assert.rejects(imported(folder, { output }), /exists already/)
})

test('what is wrong with the repository, or with its Python, is told', async () => {
  const lacking = repository('lacking', { ...STUB, 'definitions.py': 'import boto33\n' })
  const faulty = repository('faulty', { ...STUB, 'definitions.py': 'raise ValueError("no such bucket")\n' })
  const leaving = repository('leaving', { ...STUB, 'definitions.py': 'raise SystemExit("enough")\n' })
  const dying = repository('dying', {
    ...STUB,
    'definitions.py': 'import os\nprint("gone", flush=True)\nos._exit(3)\n',
  })
  await assert.rejects(imported(lacking), /has no module boto33\. Name the Python that has it with --python/)
  await assert.rejects(imported(faulty), /cannot be read: ValueError: no such bucket$/)
  await assert.rejects(imported(leaving), /cannot be read: SystemExit: enough$/)
  await assert.rejects(imported(dying), /python3 ended with 3: [^]*gone$/)
  await assert.rejects(imported(faulty, { python: join(root, 'no-python') }), /there is no program .*no-python/)
  await assert.rejects(imported(join(root, 'nowhere')), /has no feature_store\.yaml/)
  assert.equal(existsSync(join(faulty, '__pycache__')), false)
})
