/** Parts of the pages of features, drawn without a browser: what they say of their data, and to whom they offer an act. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../src/client/client.ts'
import { pageMarkup, partText, textOf } from './components.ts'
import { jobs } from './recorded/feature-jobs.ts'
import { lookedUp, OTHER_TYPES, statistics } from './recorded/feature-past.ts'
import * as features from './recorded/features.ts'

const NOW = Date.now()
const QUERY = (kind: string) => new URLSearchParams({ kind })
const MATERIALISED = jobs(NOW, QUERY('materialise'))

async function listed(name: string, given: typeof MATERIALISED | undefined): Promise<string> {
  const { views, services } = features.all(NOW)
  return partText('features/view-list', 'ViewList', {
    project: undefined,
    views: views.filter((view) => view.name === name),
    services,
    jobs: given,
    matchesOf: () => [],
  })
}

test('when a view was materialised is told as it stands, of its newest version', async () => {
  assert.match(await listed('customer_support', MATERIALISED), /failed last done 8 h ago$/)
  assert.match(await listed('customer_trips', MATERIALISED), /running last done 2 h ago$/)
  assert.match(await listed('airport_weather', MATERIALISED), /no_show 1 h ago$/)
  assert.match(await listed('airport_weather', []), /never$/)
  assert.match(await listed('customer_loyalty', []), /by its pushes alone$/)
  const failed = MATERIALISED.filter(({ state }) => state === 'failed')
  assert.match(await listed('customer_support', failed), /failed never before$/)
  const older = MATERIALISED.filter(({ version, name }) => name === 'customer_trips' && version === 2)
  assert.match(await listed('customer_trips', older), /1 d ago version 2$/)
  assert.match(await listed('airport_weather', undefined), /no_show –$/, 'nothing is said while it is not known')
})

test('a view says at once that it is being read, that this failed, or that it never was', async () => {
  const standing = (name: string, given = MATERIALISED, version: string | null = null): Promise<string> =>
    partText('features/view-standing', 'ViewStanding', { view: features.view(NOW, name, version), jobs: given })
  assert.match(
    await standing('customer_trips'),
    /^running Version 3 is being materialised, .+ so far\. Its source was read up to 3 h ago/,
  )
  assert.match(
    await standing('customer_support'),
    /^failed The newest materialisation of version 2 failed \d+ min ago.*Its source was read up to 9 h ago/,
  )
  const failed = MATERIALISED.filter(({ state }) => state === 'failed')
  assert.match(await standing('customer_support', failed), /The online store has nothing of this version/)
  assert.equal(await standing('airport_weather'), '', 'it is done')
  assert.equal(await standing('customer_trips', MATERIALISED, '2'), '', 'of another version it is done')
  assert.match(await standing('airport_weather', []), /not materialised lately, and no_show reads it/)
  assert.equal(await standing('customer_trips', [], '1'), '', 'nobody reads it')
  assert.equal(await standing('customer_loyalty', []), '', 'its rows are pushed')
})

test('a service that reads an older version is told', async () => {
  const view = features.view(NOW, 'customer_trips', null)
  const text = await partText('features/read-by', 'ReadBy', { project: undefined, view, newest: 3 })
  assert.match(text, /no_show 2 customer_trips@2 the newest is 3 upsell 1 customer_trips@3 newest$/)
  const nobody = await partText('features/read-by', 'ReadBy', {
    project: undefined,
    view: { name: 'x', services: [] },
    newest: 1,
  })
  assert.match(nobody, /No service reads it yet/)
})

test('who may not write is offered neither a materialisation nor its end', async () => {
  const view = features.view(NOW, 'customer_trips', null)
  const shown = async (role: 'viewer' | 'contributor'): Promise<string> =>
    textOf(
      await pageMarkup('features/feature-view', 'FeatureViewPage', {
        role,
        at: '/features/views/customer_trips',
        route: '/features/views/$name',
        data: [
          [['features', 'view', '', 'customer_trips', ''], view],
          [['features', 'jobs', '', 'materialise', 'customer_trips', 20], { items: MATERIALISED.slice(0, 1) }],
        ],
      }),
    )
  const acts = /Materialise Materialise|Cancel the materialisation/
  assert.match(await shown('contributor'), acts)
  const text = await shown('viewer')
  assert.match(text, /running/)
  assert.doesNotMatch(text, acts)
})

/** Of the customer that the look-up is about. */
const AT = `/features/look-up?service=no_show&entity=${encodeURIComponent(JSON.stringify({ customer_id: '1001', origin: 'JFK' }))}`
const ASKED = '{"service":"no_show","entities":[{"customer_id":1001,"origin":"JFK","fare":null}]}'

test('who may not read the online store gets the call, and no answer is asked for', async () => {
  const html = await pageMarkup('features/look-up', 'LookUpPage', {
    role: 'viewer',
    at: AT,
    data: [[['features', 'list', ''], features.all(NOW)]],
  })
  const text = textOf(html)
  assert.match(text, /Your role may not read the online store/)
  assert.match(text, /curl .*"customer_id":1001,"origin":"JFK","fare":null.*\$SLIPWAY_URL\/v1\/features:read/)
  assert.doesNotMatch(text, /Loading|could not be loaded/)
})

test('a look-up that is refused says why, beside what was asked', async () => {
  const error = new CallError(503, {
    code: 'unavailable',
    message: 'The online store is being built.',
    help: 'Try again in a minute.',
    request_id: 'req_7',
  })
  const text = textOf(
    await pageMarkup('features/look-up', 'LookUpPage', {
      at: AT,
      data: [[['features', 'list', ''], features.all(NOW)]],
      failed: [[['feature-rows', ASKED], error]],
    }),
  )
  assert.match(text, /The features of the entity could not be loaded.*The online store is being built.*req_7/)
  assert.match(text, /curl/)
})

test('a service that the address names wrongly is told, and another shown', async () => {
  const text = textOf(
    await pageMarkup('features/look-up', 'LookUpPage', {
      at: '/features/look-up?service=gone',
      data: [[['features', 'list', ''], features.all(NOW)]],
    }),
  )
  assert.match(text, /There is no service “gone” in project default; no_show is shown\./)
})

test('a catalogue whose materialisations cannot be read says so and shows the views', async () => {
  const text = textOf(
    await pageMarkup('features/features', 'FeaturesPage', {
      at: '/features',
      data: [[['features', 'list', ''], features.all(NOW)]],
      failed: [[['features', 'jobs', '', 'materialise', '', 1000], new Error('the disk is full')]],
    }),
  )
  assert.match(text, /when they were materialised could not be loaded: the disk is full/)
  assert.match(text, /customer_trips/)
})

const THEN = `${AT}&at=2024-05-03`
const PAST_KEY = ['feature-rows', 'past', `${ASKED.slice(0, -1)},"at":"2024-05-03"}`]

async function past(around: Parameters<typeof pageMarkup>[2]): Promise<string> {
  const data = [[['features', 'list', ''], features.all(NOW)] as const, ...(around?.data ?? [])]
  return textOf(await pageMarkup('features/look-up', 'LookUpPage', { at: THEN, ...around, data }))
}

test('who may not read the online store may look into the past, and is told that now is left out', async () => {
  const text = await past({ role: 'viewer', data: [[PAST_KEY, lookedUp(NOW)]] })
  assert.match(text, /no_show saw 6 of 9 values of customer_id 1001, origin JFK at 2024-05-03 10:00 UTC/)
  assert.match(text, /Your role may not read the online store, so that “now” is left out/)
  assert.match(text, /wind_kt not read late suppressed Not known then\./)
  assert.match(text, /tier not read no history No history\. Its rows are pushed, and none of the past is kept\./)
  assert.match(text, /curl .*"at":"2024-05-03".*\/v1\/features:look-up/)
})

test('a moment that is being read says how long that may take, and one that failed says why and what to do', async () => {
  assert.match(await past({ role: 'contributor' }), /two minutes at most/)
  const error = new CallError(422, {
    code: 'unprocessable',
    message: 'the look-up took more than 120 s and was stopped while it read the sources; a join has an hour',
    help: 'Correct what the message names.',
    request_id: 'req_8',
  })
  const text = await past({ failed: [[PAST_KEY, error]] })
  assert.match(text, /The features at the moment could not be loaded.*took more than 120 s.*a join has an hour.*req_8/)
})

test('an online store that cannot be read leaves the past as it is', async () => {
  const text = await past({
    data: [[PAST_KEY, lookedUp(NOW)]],
    failed: [[['feature-rows', ASKED], new Error('no disk')]],
  })
  assert.match(text, /saw 6 of 9.*The online store could not be read: no disk/)
})

test('statistics are told by type, with what is not computed and how fresh they are', async () => {
  const told = async (name: string, more: object = {}): Promise<string> =>
    partText('features/view-statistics', 'ViewStatistics', { view: { ...features.view(NOW, name, null), ...more } })
  const trips = await told('customer_trips')
  assert.match(trips, /of the newest rows of 1,204,118 entities, as of .+, computed 2 h ago/)
  assert.match(trips, /home_airport text 0\.5 % ~412 – – EWR 33\.4 % JFK 32\.3 % LGA 10 % an airport .+… below 0\.1 %/)
  assert.match(trips, /None are computed of windows: trips_30d, amount_7d, fare_p95_90d\.$/)
  const made = statistics(NOW, 'airport_weather')
  const other = await told('customer_support', { statistics: { ...made, live: 5, expired: 0, features: OTHER_TYPES } })
  assert.match(other, /of the newest rows of 5 entities, as of/)
  assert.match(other, /is_staff bool 20 % ~2 – – 25 % true/)
  assert.match(other, /since time 0 % ~4 – – 2020-01-01 00:00 UTC to 2021-01-01 12:30 UTC/)
  assert.match(other, /note text 0 % ~180,000 – – too many different values to count each/)
  assert.match(other, /gone float 100 % ~0 – – no value/)
  assert.match(other, /odd float 0 % ~1 – – 5 NaN or infinite, and nothing else/)
  assert.match(other, /Rows that are pushed are not counted/)
  assert.match(await told('customer_support'), /They come with its next materialisation/)
  assert.match(await told('customer_loyalty'), /Its rows are pushed/)
})

test('the choice of projects has those that have features, and the one that is shown', async () => {
  const items = ['default', 'rides', 'trees'].map((project) => ({ project, views: 1, services: 0 }))
  const shown = async (at: string, key: string): Promise<string> =>
    textOf(
      await pageMarkup('features/features', 'FeaturesPage', {
        at,
        route: '/features',
        data: [
          [['features', 'projects'], { items }],
          [['features', 'list', key], { entities: [], views: [], on_demand: [], services: [] }],
        ],
      }),
    )
  assert.match(await shown('/features', ''), /Project ?default rides trees Look up/)
  const other = await shown('/features?project=new', 'new')
  assert.match(other, /Project ?default new rides trees Look up/)
  assert.match(other, /These have some: default , rides , trees \./)
})
