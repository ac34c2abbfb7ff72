/** An unmodified SDK of Feast against a server: it writes, pushes, materialises and reads, with a token, and tells a mistake. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { readFileSync } from 'node:fs'
import { testEnv } from '../../../test/python-env.ts'
import { apply, openBench } from '../jobs/jobs.fixture.ts'

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      ttl: '3650d',
      features: { trips: 'int', rate: 'float' },
    },
    live: {
      entities: ['driver'],
      push: true,
      event_time: 'at',
      created_time: 'known',
      ttl: '1d',
      features: { speed: 'float', city: 'text', moving: 'bool' },
    },
  },
  on_demand: {
    pace: { inputs: { speed: 'live:speed', limit: 'request:limit' }, sql: 'speed / "limit"', type: 'float' },
  },
  services: { eta: { features: ['stats', 'live:speed', 'on_demand:pace'] } },
}

/** Its definitions are the client's own registry; their names are those of the server. */
const CODE = `
import json, sys
from datetime import datetime, timedelta, timezone
import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, RequestSource, ValueType
from feast.types import Bool, Float64, Int64, String
folder = sys.argv[1]
store = FeatureStore(repo_path=folder)
driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
batch = FileSource(name="batch", path=folder + "/none.parquet", timestamp_field="at", created_timestamp_column="known")
stats = FeatureView(name="stats", entities=[driver], ttl=timedelta(days=3650), source=batch,
    schema=[Field(name="trips", dtype=Int64), Field(name="rate", dtype=Float64)])
live = FeatureView(name="live", entities=[driver], ttl=timedelta(days=1), source=PushSource(name="live_push", batch_source=batch),
    schema=[Field(name="speed", dtype=Float64), Field(name="city", dtype=String), Field(name="moving", dtype=Bool)])
store.apply([driver, stats, live, FeatureService(name="eta", features=[stats, live[["speed"]]])])
now = datetime.now(timezone.utc)
told = {}
store.materialize_incremental(end_date=now, feature_views=["stats"])
rows = pd.DataFrame({"driver_id": [1, 2], "at": [now - timedelta(hours=1)] * 2, "known": [now - timedelta(hours=1)] * 2,
    "speed": [50.0, None], "city": ["Oslo", None], "moving": [True, False]})
store.push("live_push", rows)
older = rows.assign(speed=[1.0, 1.0], at=[now - timedelta(hours=5)] * 2)
store.write_to_online_store("live", older)
read = lambda features, rows, full=False: store.get_online_features(features=features, entity_rows=rows, full_feature_names=full)
told["named"] = read(["live:speed", "stats:trips", "stats:rate", "live:city", "live:moving"], [{"driver_id": 1}, {"driver_id": 2}, {"driver_id": 9}]).to_dict()
told["full"] = read(["stats:trips"], [{"driver_id": 1}], True).to_dict()
told["service"] = store.get_online_features(features=store.get_feature_service("eta"), entity_rows=[{"driver_id": 1, "limit": 100.0}]).to_dict()
try:
    read(["live:speed"], [{"driver_id": "x"}])
except Exception as error:
    told["mistake"] = str(error)
print(json.dumps(told))
`

test('a Feast SDK with a remote online store works unmodified', async (t) => {
  const python = await testEnv(['feast[duckdb]==0.67.0'], 'once')
  const { app, client, folder, write } = await openBench(t)
  const file = write('stats.csv', 'driver_id,at,trips,rate\n1,2024-01-01,5,0.5\n1,2024-01-03,9,1\n2,2024-01-02,7,\n')
  await apply(client, SECTION, { stats: { file, table: 'csv' } })
  const config = {
    project: 'demo',
    provider: 'local',
    registry: join(folder, 'registry.db'),
    online_store: { type: 'remote', path: `${app.url}/feast/default` },
    offline_store: { type: 'file' },
    auth: { type: 'oidc', token: readFileSync(app.tokenFile, 'utf8').trim() },
    entity_key_serialization_version: 3,
  }
  writeFileSync(join(folder, 'feature_store.yaml'), JSON.stringify(config))
  const env = { ...process.env, FEAST_USAGE: 'False' }
  const { stdout } = await promisify(execFile)(python, ['-c', CODE, folder], { env, timeout: 120_000 })
  const told = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>
  assert.deepEqual(told['named'], {
    driver_id: [1, 2, 9],
    speed: [50, null, null],
    trips: [9, 7, null],
    rate: [1, null, null],
    city: ['Oslo', null, null],
    moving: [true, false, null],
  })
  assert.deepEqual(told['full'], { driver_id: [1], stats__trips: [9] })
  assert.deepEqual(told['service'], { driver_id: [1], trips: [9], rate: [1], speed: [50], pace: [0.5] })
  assert.match(String(told['mistake']), /entities\[0\]\.driver_id.*a whole number of 64 bits/)
})
