/** The table of runs: its columns, cells and order, groups of seeds, settings of charts, views and files of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import type { RunsSearch } from '../address.ts'
import type { RunRow } from '../queries.ts'
import { searchOfSettings, settingsOf } from './chart-settings.ts'
import { cellOf, cellText, columnsOffered, defaultColumns, NEWEST, nextOrder, titleOf } from './columns.ts'
import { csvOf } from './csv.ts'
import { fieldsOf, searchOf } from './saved-searches.ts'
import { seedGroups, seedParam } from './seeds.ts'

test('every key of the runs is offered as one column of its kind', () => {
  property(200, (random) => {
    const keys = (): string[] => [
      ...new Set(
        random.list(6, () => random.pick(['auc', 'loss', 'system/cpu', 'mlflow.user', 'slipway.step', 'a.b'])),
      ),
    ]
    const [metrics, params, tags] = [keys(), keys(), keys()]
    const offered = columnsOffered({ metrics, params, tags })
    assert.deepEqual(
      offered.toSorted(),
      [
        ...metrics.map((key) => `metrics.${key}`),
        ...params.map((key) => `params.${key}`),
        ...tags.map((key) => `tags.${key}`),
      ].sort(),
    )
    const system = (column: string): boolean => /^(?:metrics|tags)\.(?:system\/|mlflow\.|slipway\.)/.test(column)
    const firstSystem = offered.findIndex(system)
    assert.ok(firstSystem < 0 || offered.slice(firstSystem).every(system), 'what programs log by themselves comes last')
  })
})

test('at first three metrics and three params are shown, in the order in which they are offered', () => {
  const offered = [
    'tags.t',
    'params.a',
    'metrics.x',
    'metrics.y',
    'params.b',
    'params.c',
    'params.d',
    'metrics.z',
    'metrics.w',
  ]
  assert.deepEqual(defaultColumns(offered), ['metrics.x', 'metrics.y', 'metrics.z', 'params.a', 'params.b', 'params.c'])
  assert.deepEqual(defaultColumns([]), [])
})

test('a key with dots is looked up whole', () => {
  const run = { metrics: { 'val.auc': 1 }, params: { 'a.b.c': 'x' }, tags: { 'mlflow.user': 'ada' } }
  assert.deepEqual(
    ['metrics.val.auc', 'params.a.b.c', 'tags.mlflow.user', 'metrics.val', 'params.a', 'tags.mlflow'].map((column) =>
      cellOf(run, column),
    ),
    [1, 'x', 'ada', undefined, undefined, undefined],
  )
  assert.equal(titleOf('metrics.val.auc'), 'val.auc')
})

test('long numbers are shortened in a cell, other texts stay to the letter', () => {
  assert.deepEqual(
    [
      '0.123456789012',
      '1e-5',
      '123456',
      'hist_gradient_boosting',
      '0.1.2.3.4.5.6',
      '1234567890123',
      '',
      'NaN',
      undefined,
      0.5,
    ].map(cellText),
    ['0.1235', '1e-5', '123456', 'hist_gradient_boosting', '0.1.2.3.4.5.6', '1.23e+12', '', 'NaN', '–', '0.5'],
  )
  property(200, (random) => {
    const text = random.text(9)
    if (text !== 'NaN') assert.equal(cellText(text), text, 'a short text is never changed')
  })
})

test('another column begins falling, whatever the order was', () => {
  for (const order of [NEWEST, 'metrics.a DESC', 'metrics.a ASC', 'nonsense', '']) {
    assert.equal(nextOrder(order, 'metrics.b'), 'metrics.b DESC')
  }
})

const SEEDS = [
  'seed',
  'random_seed',
  'random_state',
  'fold',
  'trial',
  'model.seed',
  'data-seed',
  'SEED',
  'repeat',
  'np_random_state',
]
const OTHERS = ['lr', 'seedling', 'unfolded', 'statement', 'trials', 'repeated', 'stateful']

test('params that are called like seeds are known, others are not', () => {
  for (const name of SEEDS) assert.equal(seedParam(['lr', name]), name, name)
  for (const name of OTHERS) assert.equal(seedParam([name]), undefined, name)
  assert.equal(seedParam(['fold', 'seed']), 'seed', 'a seed by name comes before a fold')
  assert.equal(seedParam([]), undefined)
})

test('groups of seeds hold each run once, and runs are together exactly when they differ by the seed alone', () => {
  property(200, (random) => {
    const runs = random.list(10, (i) => ({
      id: String(i),
      params: Object.fromEntries(
        ['lr', 'depth', 'seed'].filter(() => random.chance(0.8)).map((key) => [key, random.pick(['1', '2'])]),
      ) as Record<string, string>,
    }))
    const groups = seedGroups(runs, ['lr', 'depth', 'seed'], 'seed')
    assert.deepEqual(
      groups.flatMap(({ runs: members }) => members.map(({ id }) => id)).toSorted(),
      runs.map(({ id }) => id).toSorted(),
    )
    const groupOf = (id: string): number =>
      groups.findIndex(({ runs: members }) => members.some((one) => one.id === id))
    for (const one of runs) {
      for (const other of runs) {
        const alike = one.params['lr'] === other.params['lr'] && one.params['depth'] === other.params['depth']
        assert.equal(groupOf(one.id) === groupOf(other.id), alike, `${one.id} and ${other.id}`)
      }
    }
  })
})

test('a run without a param is not put together with one whose value is empty or the word null', () => {
  const runs = [
    { id: '1', params: {} },
    { id: '2', params: { lr: '' } },
    { id: '3', params: { lr: 'null' } },
  ]
  assert.equal(seedGroups(runs, ['lr', 'seed'], 'seed').length, 3)
})

test('settings of charts come back from the address', () => {
  property(200, (random) => {
    const zoom = Object.fromEntries(
      random.list(3, () => {
        const from = random.int(-5, 1000)
        return [random.pick(['loss', 'a~b', 'val/auc', 'line\nend']), { from, to: from + random.int(0, 500) }] as const
      }),
    )
    const settings = {
      smooth: random.pick([0, 0.05, 0.6, 0.95]),
      log: random.chance(0.5),
      axis: random.pick(['step', 'time'] as const),
      zoom,
    }
    assert.deepEqual(settingsOf(searchOfSettings(settings)), settings)
  })
})

test('a plain chart leaves nothing in the address', () => {
  assert.deepEqual(searchOfSettings({ smooth: 0, log: false, axis: 'step', zoom: {} }), {})
  assert.deepEqual(settingsOf({}), { smooth: 0, log: false, axis: 'step', zoom: {} })
})

test('a zoom that cannot be read is left out, and a part of a step counts as the whole step', () => {
  assert.deepEqual(settingsOf({ zoom: ['x~1~auc', '1~auc', '', '1~2~', '3~4~auc'] }).zoom, { auc: { from: 3, to: 4 } })
  assert.deepEqual(
    searchOfSettings({ smooth: 0, log: false, axis: 'step', zoom: { auc: { from: 1.7, to: 2.2 } } }).zoom,
    ['1~3~auc'],
  )
})

test('a view comes back as it was, but for the runs that were chosen', () => {
  property(200, (random) => {
    const search: RunsSearch = {
      ...(random.chance(0.5) && { filter: `x${random.text(10)}` }),
      ...(random.chance(0.5) && { order: 'metrics.auc ASC' }),
      ...(random.chance(0.5) && { experiment: String(random.int(0, 9)) }),
      ...(random.chance(0.5) && { columns: ['metrics.auc', 'params.lr'] }),
      ...(random.chance(0.5) && { group: 'params.lr' }),
    }
    assert.deepEqual(searchOf(fieldsOf({ ...search, chosen: ['a'], spark: 'auc', stage: 'deleted' })), search)
  })
})

test('a saved search of several experiments or orders is opened by its first', () => {
  const saved = {
    experiment_ids: ['1', '2'],
    filter: '',
    order_by: ['metrics.a ASC', 'metrics.b DESC'],
    columns: [],
    grouping: null,
  }
  assert.deepEqual(searchOf(saved), { experiment: '1', order: 'metrics.a ASC' })
})

/** Reads CSV character by character, as RFC 4180 describes it. */
function readCsv(text: string): string[][] {
  const rows: string[][] = []
  let [row, cell, quoted] = [[] as string[], '', false]
  for (let i = 0; i < text.length; i += 1) {
    const letter = text.charAt(i)
    if (quoted && letter === '"' && text.charAt(i + 1) === '"') {
      cell += '"'
      i += 1
    } else if (letter === '"') quoted = !quoted
    else if (!quoted && letter === ',') {
      row.push(cell)
      cell = ''
    } else if (!quoted && letter === '\r' && text.charAt(i + 1) === '\n') {
      rows.push([...row, cell])
      ;[row, cell] = [[], '']
      i += 1
    } else cell += letter
  }
  assert.deepEqual([row, cell, quoted], [[], '', false], 'the text ends with a line')
  return rows
}

test('a file of runs holds each cell to the letter, but for the apostrophe before what a spreadsheet would run', () => {
  // a spreadsheet may trim what is not seen, and folds wide signs to narrow ones
  const begins = (text: string) => text.replace(/^[\s\0\u200b\u2060\ufeff]+/, '').normalize('NFKC')
  const cell = (text = '') =>
    (/^[=+\-@]/.test(begins(text)) || /^[\t\r\n]/.test(text)) && (text.trim() !== text || Number.isNaN(Number(text)))
      ? `'${text}`
      : text
  property(200, (random) => {
    const columns = ['metrics.auc', 'params.auc', 'params.note', 'tags.team', 'metrics.none']
    const rows = random.list(5, (i): RunRow => ({
      id: `r${i}`,
      name: random.text(10),
      experiment_id: '1',
      user: random.text(4),
      status: 'FINISHED',
      stage: 'active',
      started_at: '2026-05-03T12:00:00.000Z',
      ended_at: random.chance(0.5) ? null : '2026-05-03T12:01:00.000Z',
      alive_at: '2026-05-03T12:00:00.000Z',
      artifact_uri: '',
      metrics: { auc: random.chance(0.2) ? 'NaN' : random.number() },
      params: { auc: random.text(5), note: random.text(12) },
      tags: { team: random.text(5) },
    }))
    const [head = [], ...body] = readCsv(csvOf(rows, columns))
    assert.deepEqual(head.slice(7), ['metrics.auc', 'params.auc', 'note', 'team', 'none'], 'equal names are told apart')
    assert.equal(body.length, rows.length)
    for (const [i, row] of rows.entries()) {
      assert.deepEqual(body[i], [
        row.id,
        cell(row.name),
        '1',
        'FINISHED',
        cell(row.user),
        row.started_at,
        row.ended_at ?? '',
        String(row.metrics['auc']),
        cell(row.params['auc']),
        cell(row.params['note']),
        cell(row.tags['team']),
        '',
      ])
      const number = row.metrics['auc']
      if (typeof number === 'number') assert.equal(Number(body[i]?.[7]), number, 'every digit is kept')
    }
  })
})

test('a search without runs is a file of its headings', () => {
  assert.equal(csvOf([], []), 'run_id,name,experiment_id,status,user,started_at,ended_at\r\n')
})
