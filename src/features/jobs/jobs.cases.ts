/** What jobs of features are in any database: how they start, are tried again, end, and what they keep in the store. The engine is not in it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { TestDatabase } from '../../../test/databases.ts'
import { until } from '../../../test/until.ts'
import { auditLog } from '../../auth/audit.ts'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { FeaturesSection } from '../../contract/features/section.ts'
import { DAY_MS, makeIds } from '../../contract/ids.ts'
import { Worker } from '../../jobs/worker.ts'
import { SourceAway } from '../../pipelines/data/kinds/asked.ts'
import { compileSource, Source } from '../../pipelines/spec/external/source.ts'
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { planApply, writePlan } from '../definitions/apply.ts'
import { findVersion } from '../definitions/catalogue.ts'
import { openOnline } from '../online/open.ts'
import { OnlineReader } from '../online/reader.ts'
import { featuresRoom } from '../room.ts'
import { cancelJob } from './cancel.ts'
import type { JobsContext } from './context.ts'
import { Rounds } from './round.ts'
import { beginJob, endJob, findJob, jobDigests, keepOutcome, keepSources, listJobs, type JobRow } from './rows.ts'
import { RunningJobs, type Work } from './running.ts'
import { FEATURE_JOB, startJoin, startMaterialise } from './start.ts'

const ANA: Principal = { id: 'u1', name: 'ana', role: 'admin', project: null, token_id: null }

const SECTION = {
  entities: { driver: { keys: { driver_id: 'int' } } },
  views: {
    stats: {
      entities: ['driver'],
      source: 'stats',
      event_time: 'at',
      ttl: '1d',
      push: true,
      features: { trips: 'int' },
    },
    shown: { entities: ['driver'], push: true, event_time: 'at', ttl: '1d', features: { speed: 'int' } },
  },
  services: {
    eta: { features: ['stats'] },
    late: { features: ['shown'], on_expired: 'value' },
  },
}

const NOW = Date.parse('2026-05-03T10:00:00Z')
const digestOf = (digit: number): string => `sha256:${String(digit).repeat(64)}`

export function jobCases(driver: string, open: () => Promise<TestDatabase>): void {
  describe(`jobs of features, ${driver}`, () => {
    let database: TestDatabase
    let folder: string
    let context: JobsContext
    let now = NOW
    let errors: unknown[]
    let worker: Worker | undefined
    const held = new Set<string>()

    beforeEach(async () => {
      database = await open()
      folder = mkdtempSync(join(tmpdir(), 'slipway-feature-rows-'))
      now = NOW
      errors = []
      worker = undefined
      held.clear()
      const { db } = database
      const clock = (): number => now
      context = {
        db,
        blobs: openDiskBlobs(join(folder, 'blobs')),
        clock,
        ids: makeIds(clock, randomBytes),
        audit: auditLog(clock),
        dataDir: folder,
        online: openOnline(folder),
        below: () => ({
          pipelines: { sources: { read: () => Promise.reject(new Error('no source')), keep: () => Promise.resolve() } },
          data: {
            tables: {
              find: (_project, name) =>
                Promise.resolve(name === 'asked' ? { version: 3, digest: digestOf(3) } : undefined),
              holds: (project, digest) => Promise.resolve(held.has(`${project} ${digest}`)),
              use: () => Promise.reject(new Error('no tables')),
              add: () => Promise.resolve(1),
            },
          },
        }),
        changed: () => undefined,
        onError: (error) => void errors.push(error),
      }
      const stats = compileSource(Source.parse({ file: '/srv/stats.csv', table: 'csv' }))
      await db.tx(async (t) => {
        const planned = await planApply(t, 'p', { section: FeaturesSection.parse(SECTION), sources: { stats } })
        assert.deepEqual(planned.faults, [])
        await writePlan(t, 'p', { planned, at: now, by: 'ana' })
      })
    })
    afterEach(async () => {
      await worker?.stop()
      context.online.close()
      await database.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const materialise = (more: object = {}): Promise<JobRow> =>
      startMaterialise(context, ANA, { project: 'p', name: 'stats', ...more })
    const join3 = (): Promise<JobRow> => {
      const given = { project: 'p', service: 'eta', data_set: 'asked', time: 'at', include_late_data: false }
      return startJoin(context, ANA, { ...given, into: 'training' })
    }

    /** Begins to work; every attempt at a job is this. */
    function work(each: Work, pauses?: readonly number[]): RunningJobs {
      const running = new RunningJobs(context, { join: each, materialise: each }, pauses)
      worker = new Worker(database.db, { pollMs: 5, backoffMs: 1, onError: (error) => errors.push(error) })
      worker.register(FEATURE_JOB, running.handle, 1).start()
      return running
    }

    const ended = (id: string): Promise<JobRow> =>
      until(`the end of ${id}`, async () => {
        const row = await findJob(database.db, id)
        return row !== undefined && row.ended_at !== null && row
      })

    test('a version is materialised once at a time, and each job is told of, newest first', async () => {
      const first = await materialise()
      assert.deepEqual(
        [first.state, first.version, first.created_by, JSON.parse(first.request)],
        ['waiting', 1, 'ana', { until: NOW }],
      )
      await assert.rejects(materialise(), {
        code: 'conflict',
        message: new RegExp(`view stats@1 is being materialised already: job ${first.id} is waiting`),
      })
      now += 1000
      const joined = await join3()
      assert.deepEqual(JSON.parse(joined.request), {
        tree: digestOf(3),
        data_set: 'asked@3',
        time: 'at',
        include_late_data: false,
        into: 'training',
      })
      const running = new RunningJobs(context, { join: noWork, materialise: noWork })
      assert.equal((await cancelJob(context, running, { who: ANA, row: first })).state, 'canceled')
      await assert.rejects(cancelJob(context, running, { who: ANA, row: first }), { code: 'conflict' })
      now += 1000
      const second = await materialise({ until: '2026-05-01T00:00:00Z' })
      const listed = async (more: object): Promise<string[]> =>
        (await listJobs(database.db, { project: 'p', limit: 10, ...more })).map(({ id }) => id)
      assert.deepEqual(await listed({}), [second.id, joined.id, first.id])
      assert.deepEqual(await listed({ kind: 'materialise', limit: 1 }), [second.id])
      assert.deepEqual(await listed({ name: 'eta' }), [joined.id])
      assert.deepEqual(await listed({ project: 'q' }), [])
    })

    test('a source that is away is waited for, with the reason, and told when it stays away', async () => {
      // the queue goes by the clock of the machine
      now = Date.now()
      let tries = 0
      const away: Work = () => Promise.reject(new SourceAway(`source "stats": nobody answers ${++tries}`))
      work(away, [1, 1])
      const { state, reason } = await ended((await materialise()).id)
      assert.deepEqual([state, reason, tries], ['failed', 'source "stats": nobody answers 3 (tried 3 times)', 3])
      await worker?.stop()

      const running = work(away, [DAY_MS])
      const row = await materialise()
      const waiting = await until('it is to be tried again', async () => {
        const found = await findJob(database.db, row.id)
        return found?.state === 'waiting' && found.reason !== '' && found
      })
      const again = new Date(now + DAY_MS).toISOString()
      assert.equal(waiting.reason, `source "stats": nobody answers 4; it is tried again at ${again}`)
      assert.equal((await cancelJob(context, running, { who: ANA, row })).state, 'canceled')
      assert.deepEqual(errors, [])
    })

    test('what its asker may correct is told at once; a fault of ours is tried again, and is in the log', async () => {
      let tries = 0
      const { id } = await join3()
      const faults = [
        () => problem('unprocessable', { detail: 'column "trips" has many' }),
        () => new Error('the disk is odd'),
      ]
      let fault = faults[0]
      work(() => {
        tries += 1
        return Promise.reject(fault?.() ?? new Error('none'))
      })
      const refused = await ended(id)
      assert.deepEqual([refused.state, refused.reason, tries, errors], ['failed', 'column "trips" has many', 1, []])
      fault = faults[1]
      const odd = await ended((await join3()).id)
      assert.deepEqual([odd.state, tries], ['failed', 6])
      assert.match(odd.reason, /by a fault of the server, which its log tells/)
      assert.ok(errors.every((error) => /the disk is odd/.test(String(error))))
      assert.equal(errors.length, 5)
    })

    test('one that is canceled while it runs is ended there, and is not tried again', async () => {
      const begun = Promise.withResolvers<void>()
      let tries = 0
      const running = work(({ signal }) => {
        tries += 1
        begun.resolve()
        return new Promise((_done, failed) =>
          signal.addEventListener('abort', () => failed(signal.reason as Error), { once: true }),
        )
      })
      const row = await materialise()
      await begun.promise
      await cancelJob(context, running, { who: ANA, row })
      await until('its place in the queue is free', async () => {
        const queued = await database.db.get<{ state: string }>('SELECT state FROM jobs WHERE id = ?', [row.job_id])
        return queued?.state === 'done'
      })
      const { state, reason } = (await findJob(database.db, row.id)) ?? {}
      assert.deepEqual([state, reason, tries], ['canceled', '', 1])
    })

    test('a server that stops gives the job to the next, which begins anew', async () => {
      const begun = Promise.withResolvers<void>()
      work(({ signal }) => {
        begun.resolve()
        return new Promise((_done, failed) =>
          signal.addEventListener('abort', () => failed(signal.reason as Error), { once: true }),
        )
      })
      const { id } = await materialise()
      await begun.promise
      await worker?.stop()
      work(async ({ row, held: queue }) => {
        await queue.finish(async (t) => {
          await endJob(t, row.id, { state: 'done' }, now)
        })
      })
      assert.equal((await ended(id)).state, 'done')
    })

    test('a job whose servers all died is ended by the next round, and the next may follow', async () => {
      const row = await materialise()
      await database.db.tx(async (t) => {
        await beginJob(t, row.id, now)
        await t.run("UPDATE jobs SET state = 'dead', attempts = 5, last_error = ? WHERE id = ?", [
          'its worker did not return',
          row.job_id,
        ])
      })
      await new Rounds(context).round()
      const { state, reason } = (await findJob(database.db, row.id)) ?? {}
      assert.deepEqual([state, reason], ['failed', 'it was begun 5 times and never ended: its worker did not return'])
      assert.equal((await materialise()).state, 'waiting')
    })

    test('the store keeps what goes on, and what a join had read as long as its result is there', async () => {
      const [waiting, joined, made] = [await join3(), await join3(), await materialise()]
      const source = (digit: number) => {
        const read_at = new Date(NOW).toISOString()
        return { name: 'stats', place: '/srv/stats.csv', digest: digestOf(digit), rows: 1, read_at }
      }
      await database.db.tx(async (t) => {
        for (const [i, { id }] of [joined, made].entries()) {
          await beginJob(t, id, now)
          await keepSources(t, id, [source(5 + i)])
          assert.equal(await endJob(t, id, { state: 'done' }, now), true)
        }
        await keepOutcome(t, joined.id, {
          rows: 1,
          columns: [],
          data_set: { name: 'training', version: 1, digest: digestOf(9) },
          host: 'here',
        })
      })
      const needed = async (): Promise<string[]> => {
        const found: string[] = []
        const isKept = ({ project, digest }: { project: string; digest: string }) =>
          Promise.resolve(held.has(`${project} ${digest}`))
        for await (const { tree } of jobDigests(database.db, isKept)) found.push(tree)
        return found.toSorted()
      }
      assert.deepEqual(await needed(), [digestOf(3)])
      held.add(`p ${digestOf(9)}`)
      assert.deepEqual(await needed(), [digestOf(3), digestOf(3), digestOf(5)])
      now += 91 * DAY_MS
      await database.db.tx((t) => endJob(t, waiting.id, { state: 'canceled' }, now))
      await new Rounds(context).round()
      const left = await listJobs(database.db, { project: 'p', limit: 10 })
      assert.deepEqual(left.map(({ id }) => id).toSorted(), [waiting.id, joined.id].toSorted())
    })

    test('values go when they have expired, rows after another such time; what a service still gives stays', async () => {
      const { online } = context
      for (const [view, value] of [
        ['stats', 5],
        ['shown', 7],
      ] as const) {
        const found = await findVersion(database.db, { project: 'p', kind: 'view', name: view })
        assert.ok(found !== undefined)
        const row = { entity: '1', event: ns(NOW), created: ns(NOW), values: [value] }
        online.store().push({ project: 'p', view, version: 1 }, found.definition, [row], ns(NOW))
      }
      const reader = new OnlineReader(online.path)
      const seen = (view: string) => {
        const [one] = reader.read({ project: 'p', view, version: 1 }, ['1'], ns(now)) ?? []
        return one && [one.status, ...one.values].join(' ')
      }
      const rounds = new Rounds(context)
      now += DAY_MS
      await rounds.round()
      assert.deepEqual([seen('stats'), seen('shown')], ['live 5', 'live 7'])
      now += 1
      await rounds.round()
      assert.deepEqual([seen('stats'), seen('shown')], ['expired ', 'expired 7'])
      now += DAY_MS
      await rounds.round()
      assert.deepEqual([seen('stats'), seen('shown')], ['not_found', 'expired 7'])
      reader.close()
      assert.deepEqual(errors, [])
    })

    test('what the online store has of a project goes with it, to another and for good', async () => {
      context.online.close()
      worker = new Worker(database.db)
      const room = featuresRoom({ ...context, worker })
      const online = openOnline(folder)
      const found = await findVersion(database.db, { project: 'p', kind: 'view', name: 'stats' })
      assert.ok(found !== undefined)
      const row = { entity: '1', event: ns(NOW), created: ns(NOW), values: [5] }
      online.store().push({ project: 'p', view: 'stats', version: 1 }, found.definition, [row], ns(NOW))
      const sets = (): string[] =>
        online
          .store()
          .answering()
          .map(({ of }) => of.project)
      await database.db.tx(async (t) => room.projectPart.give?.(t, 'p', 'q'))
      assert.deepEqual(sets(), ['q'])
      await room.projectPart.remove?.(ANA, 'q')
      await until('the set is gone', () => sets().length === 0)
      await room.stop()
      online.close()
    })

    test('a tree of entities is one that is there and has files', async () => {
      const given = { project: 'p', service: 'eta', time: 'at', include_late_data: false, into: 'training' }
      await assert.rejects(startJoin(context, ANA, { ...given, tree: digestOf(1) }), { code: 'not_found' })
      const { digest } = await putManifest(context.blobs, [])
      await assert.rejects(startJoin(context, ANA, { ...given, tree: digest }), {
        message: 'the table of entities has no files',
      })
    })
  })
}

const noWork: Work = () => Promise.resolve()

function ns(ms: number): bigint {
  return BigInt(ms) * 1_000_000n
}
