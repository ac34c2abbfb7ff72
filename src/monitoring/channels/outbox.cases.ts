/** Who is told what of an incident: by severity, once for each change, in order, until it arrives; on both databases. */
import assert from 'node:assert/strict'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { until } from '../../../test/until.ts'
import { SYSTEM } from '../../auth/tokens.ts'
import { DAY_MS } from '../../contract/ids.ts'
import type { Severity } from '../../contract/monitors/severities.ts'
import { egress } from '../../http/egress.ts'
import { Worker } from '../../jobs/worker.ts'
import type { Db } from '../../store/db.ts'
import { addEndpoint } from '../endpoint.cases.ts'
import { incidentRows, newIncident, note } from '../incidents/rows.ts'
import type { IncidentRow } from '../incidents/rows.ts'
import { writeIncident } from '../incidents/writing.ts'
import { checkNotifications } from '../rounds/notifications.ts'
import { testDeps } from '../room.fixture.ts'
import { requireEndpoint } from '../context/context.ts'
import type { MonitoringDeps } from '../context/context.ts'
import { handleNotices, listNotices, resend, viewRoutes } from './sending.ts'

interface Heard {
  readonly path: string
  readonly key: string
  readonly status: string
  readonly severity: string
  readonly news: string
  readonly link: string
}

interface Body {
  readonly status: string
  readonly commonLabels: { readonly severity: string }
  readonly commonAnnotations: { readonly news?: string }
  readonly alerts: readonly { readonly generatorURL: string }[]
}

/** A receiver that keeps what it took; `answer` decides the status of a path. */
async function receiver(): Promise<{
  readonly url: string
  readonly heard: Heard[]
  answer: (path: string) => number
  calls: number
  close(): void
}> {
  const heard: Heard[] = []
  const server = http.createServer((request, reply) => {
    let text = ''
    request.on('data', (part) => (text += String(part)))
    request.on('end', () => {
      const path = request.url ?? ''
      made.calls += 1
      reply.statusCode = made.answer(path)
      if (reply.statusCode === 200) {
        const body = JSON.parse(text) as Body
        heard.push({
          path,
          key: String(request.headers['idempotency-key']),
          status: body.status,
          severity: body.commonLabels.severity,
          news: body.commonAnnotations.news ?? '',
          link: body.alerts[0]?.generatorURL ?? '',
        })
      }
      reply.end(`no such hook: ${path}`)
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const made = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heard,
    answer: (_path: string): number => 200,
    calls: 0,
    close: () => void server.close(),
  }
  return made
}

/** Runs the cases on databases that `database` makes. */
export function outboxCases(name: string, database: () => Promise<{ db: Db; close(): Promise<unknown> }>): void {
  describe(`messages about incidents on ${name}`, () => {
    let opened: Awaited<ReturnType<typeof database>>
    let to: Awaited<ReturnType<typeof receiver>>
    let deps: MonitoringDeps
    let worker: Worker
    let late = 0

    before(async () => {
      opened = await database()
      to = await receiver()
      deps = testDeps(opened.db, () => late + Date.now(), {
        send: egress({ allow: ['127.0.0.1'] }),
        pagesUrl: () => 'https://slipway.example.org/',
        random: () => 0,
        env: { SLIPWAY_WEBHOOK_CHAT: `${to.url}/from-the-environment` },
      })
      worker = new Worker(opened.db, { pollMs: 20, now: () => late + Date.now(), onError: () => undefined })
      handleNotices(deps, worker)
      worker.start()
    })
    after(async () => {
      await worker.stop(5000)
      to.close()
      await opened.close()
    })

    /** Changes an incident as a round does: a line of its timeline, and what else there is. */
    async function change(row: IncidentRow, kind: string, more: Partial<IncidentRow> = {}): Promise<IncidentRow> {
      const next = { ...row, ...more }
      note(next.detail, { at: Date.now(), event: null, kind, text: `${kind} it` })
      await opened.db.tx((t) => writeIncident(t, next))
      return next
    }
    const incident = (endpoint: string, severity: Severity, id = endpoint): IncidentRow => ({
      ...newIncident({
        id: `inc_${id.replaceAll(' ', '_')}`,
        endpoint,
        kind: 'drift',
        severity,
        opened_at: Date.now(),
      }),
      title: 'distance differs',
    })
    const quiet = (endpoint: string): Promise<boolean> =>
      until('every message to be sent', async () =>
        (await listNotices(deps, endpoint, { limit: 100 })).every(({ state }) => state !== 'waiting'),
      )
    const said = (path: string): string[] =>
      to.heard
        .filter((one) => one.path.startsWith(path))
        .map(({ status, severity, news }) => `${status} ${severity}: ${news}`)

    it('go by severity: what costs nothing wakes nobody, and who was woken hears when it is over', async () => {
      await addEndpoint(opened.db, 'routes', {
        webhook: `${to.url}/pager`,
        webhooks: [
          { name: 'chat', url: `${to.url}/chat`, from: 'low' },
          { name: 'grave', url: `${to.url}/grave`, from: 'high' },
        ],
      })
      let row = await change(incident('routes', 'low'), 'opened')
      row = await change(row, 'worse', { severity: 'medium' })
      row = await change(row, 'another cause', { severity: 'high' })
      row = await change(row, 'cause over', { severity: 'low' })
      row = await change(row, 'acknowledge', { state: 'acknowledged' })
      row = await change(row, 'resolved', { state: 'resolved', resolved_at: Date.now() })
      await quiet('routes')
      assert.deepEqual(said('/chat'), [
        'firing low: opened: opened it',
        'firing medium: worse: worse it',
        'firing high: another cause: another cause it',
        'firing low: cause over: cause over it',
        'firing low: acknowledge: acknowledge it',
        'resolved low: resolved: resolved it',
      ])
      assert.deepEqual(said('/pager'), [
        'firing medium: opened: opened it\nworse: worse it',
        'firing high: another cause: another cause it',
        'resolved low: cause over: cause over it',
      ])
      assert.deepEqual(said('/grave'), [
        'firing high: opened: opened it\nworse: worse it\nanother cause: another cause it',
        'resolved low: cause over: cause over it',
      ])
      assert.deepEqual(
        new Set(to.heard.map(({ link }) => link)),
        new Set([`https://slipway.example.org/incidents/${row.id}`]),
      )
      assert.equal(new Set(to.heard.map(({ key }) => key)).size, to.heard.length, 'each has an id of its own')
    })

    it('come once for a change: an incident that is written hour by hour tells nothing new', async () => {
      await addEndpoint(opened.db, 'hourly', { webhook: `${to.url}/hourly` })
      const row = await change(incident('hourly', 'high'), 'opened')
      for (let hour = 1; hour <= 32; hour++)
        await opened.db.tx((t) => writeIncident(t, { ...row, last_event: hour, title: `${hour} rows` }))
      await quiet('hourly')
      assert.deepEqual(said('/hourly'), ['firing high: opened: opened it'])
    })

    it('wait in order while the receiver fails, which an incident says, and arrive when it is back', async () => {
      await addEndpoint(opened.db, 'dead', {
        webhook: `${to.url}/dead/s3cret`,
        webhooks: [{ name: 'chat', url: '$SLIPWAY_WEBHOOK_CHAT', from: 'low' }],
      })
      to.answer = (path) => (path.startsWith('/dead') ? 503 : 200)
      const row = await change(incident('dead', 'high'), 'opened')
      const endpoint = await requireEndpoint(opened.db, 'dead')
      const state = async () => (await viewRoutes(deps, endpoint)).find((one) => one.name === 'webhook')
      await until('three failures', async () => (await state())?.state === 'failing')
      await change(row, 'resolved', { state: 'resolved', resolved_at: Date.now() })
      assert.deepEqual(said('/dead'), [])
      const failing = await state()
      assert.deepEqual([failing?.waiting, failing?.dead, failing?.to], [2, 0, `${to.url}/***`])
      assert.equal(failing?.last_error, 'it answered with status 503: no such hook: ***')
      await checkNotifications(deps)
      await checkNotifications(deps)
      const told = async () =>
        (await incidentRows(opened.db, { endpoint: 'dead' })).filter((one) => one.kind === 'notification')
      const [alarm, ...others] = await told()
      assert.deepEqual([alarm?.state, alarm?.severity, others.length], ['open', 'medium', 0])
      assert.equal(alarm?.title, 'the webhook takes no messages: it answered with status 503: no such hook: ***')
      await until('the other webhook to hear of it', () =>
        said('/from-the-environment').some((one) => one.includes('the webhook takes no messages')),
      )
      const heard = said('/from-the-environment').length
      // a try in between says 503 again
      await until('it to say what is so now', async () => {
        await opened.db.tx((t) =>
          t.run(
            "UPDATE notices SET error = 'the name has no address' WHERE endpoint = 'dead' AND route = 'webhook' AND state = 'waiting'",
          ),
        )
        await checkNotifications(deps)
        return (await told())[0]?.title === 'the webhook takes no messages: the name has no address'
      })
      assert.equal(said('/from-the-environment').length, heard, 'and nobody is told for that')
      to.answer = () => 200
      late += 60_000
      worker.wake()
      await quiet('dead')
      assert.deepEqual(said('/dead'), ['firing high: opened: opened it', 'resolved high: resolved: resolved it'])
      assert.equal((await state())?.state, 'ok')
      await checkNotifications(deps)
      assert.equal((await told())[0]?.state, 'resolved')
    })

    it('are given up where the webhook is taken away, and wait where its variable is not set', async () => {
      await addEndpoint(opened.db, 'changed', {
        webhooks: [{ name: 'old', url: '$SLIPWAY_WEBHOOK_NONE', from: 'low' }],
      })
      await change(incident('changed', 'low'), 'opened')
      const newest = async () => (await listNotices(deps, 'changed', { limit: 1 }))[0]
      await until('a first failure', async () => ((await newest())?.attempts ?? 0) > 0)
      assert.deepEqual(
        [(await newest())?.state, (await newest())?.last_error],
        ['waiting', "the server's environment has no variable SLIPWAY_WEBHOOK_NONE"],
      )
      await opened.db.tx((t) => t.run("UPDATE endpoints SET monitor = '{}' WHERE name = 'changed'"))
      late += 60_000
      worker.wake()
      await quiet('changed')
      assert.equal((await newest())?.last_error, 'the settings of the monitor name no such webhook any more')
      await checkNotifications(deps)
      assert.deepEqual(
        (await incidentRows(opened.db, { endpoint: 'changed' })).map(({ kind }) => kind),
        ['drift'],
      )
    })

    it('are given up when the receiver refuses them or after a day, and can be sent again under their id', async () => {
      await addEndpoint(opened.db, 'given up', { webhook: `${to.url}/gone/s3cret?token=abcd1234` })
      to.answer = () => 404
      const row = await change(incident('given up', 'high'), 'opened')
      await quiet('given up')
      const [dead] = await listNotices(deps, 'given up', { state: 'dead', limit: 10 })
      assert.deepEqual([dead?.attempts, dead?.last_status], [1, 404])
      assert.doesNotMatch(JSON.stringify(dead), /s3cret|abcd1234/)
      to.answer = () => 500
      await change(row, 'worse')
      await until('a first failure', async () => (await listNotices(deps, 'given up', { limit: 1 }))[0]?.attempts !== 0)
      late += DAY_MS
      worker.wake()
      await quiet('given up')
      assert.equal((await listNotices(deps, 'given up', { state: 'dead', limit: 10 })).length, 2)
      to.answer = () => 200
      await resend(deps, SYSTEM, { endpoint: 'given up', id: dead?.id ?? '' })
      await quiet('given up')
      assert.deepEqual(
        to.heard.filter((one) => one.path.startsWith('/gone')).map(({ key, status }) => [key, status]),
        [[dead?.id, 'firing']],
      )
      const route = async () =>
        (await viewRoutes(deps, await requireEndpoint(opened.db, 'given up'))).map((one) => [one.state, one.dead])
      assert.deepEqual(await route(), [['ok', 1]], 'what was taken last counts, though it is the older message')
      to.answer = () => 410
      await resend(deps, SYSTEM, { endpoint: 'given up', id: dead?.id ?? '' })
      await quiet('given up')
      assert.deepEqual(await route(), [['failing', 2]])
      await assert.rejects(resend(deps, SYSTEM, { endpoint: 'given up', id: 'none' }), { code: 'not_found' })
      await assert.rejects(resend(deps, SYSTEM, { endpoint: 'routes', id: dead?.id ?? '' }), { code: 'not_found' })
    })
  })
}
