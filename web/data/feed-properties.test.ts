/** Home's two lists over any history: nothing that waits is missing, nothing old is told, the newest comes first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../test/web/seeded.ts'
import type { Seeded } from '../../test/web/seeded.ts'
import { seriesColour, versionColour } from './colours.ts'
import { needs } from '../../src/contract/needs/needs.ts'
import type { FeedIncident, FeedPipelineRun, FeedRollout } from '../../src/contract/needs/needs.ts'
import { recentChanges } from './feed.ts'
import type { FeedRun } from './feed.ts'
import { toneOf } from './tones.ts'

const NOW = Date.parse('2026-05-03T10:00:00Z')
const DAY = 86_400_000

function past(random: Seeded): string {
  return new Date(NOW - random.int(1, 3 * DAY)).toISOString()
}

function incidentOf(random: Seeded, id: number): FeedIncident {
  const state = random.pick(['open', 'acknowledged', 'resolved'])
  return {
    id: `inc${id}`,
    endpoint: 'e',
    title: `incident ${id}`,
    kind: random.pick(['drift', 'quality', 'search']),
    severity: random.pick(['high', 'medium', 'low']),
    state,
    opened_at: past(random),
    resolved_at: state === 'resolved' ? past(random) : null,
    affected: { rows: random.int(0, 5000) },
    causes: [],
  }
}

function rolloutOf(random: Seeded, id: number): FeedRollout {
  const state = random.pick(['shadow', 'canary', 'paused', 'promoted', 'rolled_back'])
  return {
    id: `ro${id}`,
    endpoint: 'e',
    version: String(id),
    state,
    reason: random.pick(['', 'the gate fails']),
    awaits: state === 'canary' && random.chance(0.3) ? { before: random.pick(['promote' as const, 2500]) } : null,
    created_at: past(random),
    finished_at: state === 'promoted' || state === 'rolled_back' ? past(random) : null,
  }
}

function pipelineOf(random: Seeded, id: number): FeedPipelineRun {
  const outcome = random.pick(['succeeded', 'failed', 'refused', null])
  return {
    id: `p${id}`,
    project: random.pick(['a', 'b', 'c']),
    state: outcome ?? 'running',
    outcome,
    message: random.pick(['', 'KeyError']),
    created_at: past(random),
    finished_at: outcome === null ? null : past(random),
  }
}

function runOf(random: Seeded, id: number): FeedRun {
  const status = random.pick(['FINISHED', 'FAILED', 'RUNNING'])
  return { id: `r${id}`, name: `run ${id}`, status, ended_at: status === 'RUNNING' ? null : past(random) }
}

function historyOf(random: Seeded) {
  // the API gives the newest first
  const pipelineRuns = random
    .list(6, (i) => pipelineOf(random, i))
    .sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))
  return {
    incidents: random.list(5, (i) => incidentOf(random, i)),
    rollouts: random.list(5, (i) => rolloutOf(random, i)),
    pipelineRuns,
    newest: pipelineRuns.filter(({ project }, i) => pipelineRuns.findIndex((other) => other.project === project) === i),
    runs: random.list(5, (i) => runOf(random, i)),
  }
}

test('what needs someone is every open incident, every rollout that is paused or has to be approved, and each project’s newest run where it went wrong today', () => {
  property(400, (random) => {
    const history = historyOf(random)
    const expected = [
      ...history.incidents.filter(({ state }) => state !== 'resolved').map(({ id }) => `incident ${id}`),
      ...history.rollouts
        .filter(({ state, awaits }) => state === 'paused' || awaits !== null)
        .map(({ id }) => `rollout ${id}`),
      ...history.pipelineRuns
        .filter((run) => {
          const newest = history.pipelineRuns.find(({ project }) => project === run.project)
          const wrong = run.outcome === 'failed' || run.outcome === 'refused'
          return newest === run && wrong && run.finished_at !== null && NOW - Date.parse(run.finished_at) < DAY
        })
        .map(({ id }) => `pipeline ${id}`),
    ]
    assert.deepEqual(
      needs(NOW, history).map(({ key }) => key),
      expected,
    )
  })
})

test('each need leads to a page, with one act, and is told in a sentence', () => {
  property(200, (random) => {
    for (const need of needs(NOW, historyOf(random))) {
      assert.match(need.path, /^\/(?:incidents|endpoints|pipelines)\/\w+$/)
      assert.ok(need.act !== '' && need.title !== '')
      assert.ok(!need.detail.includes('undefined'))
    }
  })
})

test('rows are told of incidents that have some, not of those of a watched search', () => {
  property(100, (random) => {
    const incident = { ...incidentOf(random, 1), state: 'open' }
    const [need] = needs(NOW, { incidents: [incident], rollouts: [], newest: [] })
    assert.equal(need?.detail.includes('affected'), incident.kind !== 'search')
  })
})

test('what changed is of the last day, the newest first, at most as many as asked', () => {
  property(400, (random) => {
    const most = random.int(0, 15)
    const changes = recentChanges(NOW, historyOf(random), most)
    const times = changes.map(({ at }) => Date.parse(at))
    assert.ok(changes.length <= most)
    assert.ok(times.every((time) => NOW - time < DAY))
    assert.ok(times.every((time, i) => i === 0 || time <= (times[i - 1] ?? 0)))
    assert.equal(new Set(changes.map(({ key }) => key)).size, changes.length, 'nothing is told twice')
  })
})

test('no failed run, opened incident or ended pipeline of the last day is missing', () => {
  property(200, (random) => {
    const history = historyOf(random)
    const recent = (at: string | null): boolean => at !== null && NOW - Date.parse(at) < DAY
    const expected =
      history.incidents.filter(({ opened_at }) => recent(opened_at)).length +
      history.incidents.filter(({ resolved_at }) => recent(resolved_at)).length +
      history.rollouts.filter(({ created_at, finished_at }) => recent(finished_at ?? created_at)).length +
      history.pipelineRuns.filter(({ finished_at }) => recent(finished_at)).length +
      history.runs.filter(({ status, ended_at }) => status === 'FAILED' && recent(ended_at)).length
    assert.equal(recentChanges(NOW, history, 1000).length, expected)
  })
})

test('each change has a status with a tone and leads to its page', () => {
  property(100, (random) => {
    for (const change of recentChanges(NOW, historyOf(random), 1000)) {
      assert.match(change.path, /^\/(?:incidents|endpoints|pipelines|runs)\/\w+$/)
      assert.match(toneOf(change.status), /^(?:good|bad|warn|info|idle)$/)
      if (change.status === 'failed' || change.status === 'FAILED') assert.equal(toneOf(change.status), 'bad')
    }
  })
})

test('colours of series repeat after six, and a version has one of them', () => {
  for (let place = -12; place < 12; place += 1) {
    assert.match(seriesColour(place), /^var\(--c[1-6]\)$/)
    assert.equal(seriesColour(place), seriesColour(place + 6))
  }
  property(200, (random) => {
    const version = random.chance(0.5) ? String(random.int(0, 1e6)) : random.text(8)
    assert.match(versionColour(version), /^var\(--c[1-6]\)$/)
    assert.equal(versionColour(version), versionColour(version))
  })
})
