/** What HTTP/2 callers may not do on a TLS port: too many streams, too long headers, floods, slowness, bodies without end. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import { begin, callersOf, ended, frame } from '../../../test/clients/http2.ts'
import type { Callers, Ended } from '../../../test/clients/http2.ts'

const STREAMS = 1024

/** A port as its callers see it. */
export interface Port {
  /** host:port and certificate, once it listens; a hasty one waits for requests, and for callers to take their answers, for a few seconds. */
  readonly open: (haste: 'hasty' | 'patient') => Promise<{ address: string; cert: string }>
  readonly close: () => Promise<void>
  readonly headers: OutgoingHttpHeaders
  /** A request of so many rows. */
  readonly rows: (count: number) => Buffer
  readonly isAnswer: (found: Ended) => boolean
  readonly isTooLarge: (found: Ended) => boolean
  /** The first bytes of a body that is too long, as far as the port can know. */
  readonly endless: Buffer
}

export function http2Limits(name: string, port: Port): void {
  describe(name, () => {
    let callers: Callers
    let ofHasty: Callers
    before(async () => {
      const [patient, hasty] = [await port.open('patient'), await port.open('hasty')]
      callers = callersOf(patient.address, patient.cert)
      ofHasty = callersOf(hasty.address, hasty.cert)
    })
    after(async () => {
      callers.close()
      ofHasty.close()
      await port.close()
    })

    const start = (from: ClientHttp2Session, headers: OutgoingHttpHeaders = {}) =>
      begin(from, { ...port.headers, ...headers })

    /** A request on a connection of its own is answered. */
    async function stillAnswers(asked = callers): Promise<void> {
      const other = asked.session()
      const stream = start(other)
      stream.end(port.rows(1))
      const found = await ended(stream)
      assert.ok(port.isAnswer(found), JSON.stringify(found))
      other.close()
    }

    it('tells how many streams may be open, and answers all that callers have in flight within that', async () => {
      const two = callers.session()
      await new Promise<void>((resolve) => two.once('remoteSettings', () => resolve()))
      assert.equal(two.remoteSettings.maxConcurrentStreams, STREAMS)
      const streams = Array.from({ length: STREAMS + 200 }, () => start(two))
      const all = streams.map(ended)
      await stillAnswers()
      for (const stream of streams) stream.end(port.rows(1))
      assert.ok((await Promise.all(all)).every(port.isAnswer))
    })

    it('refuses headers that are too long or too many, and goes on', async () => {
      const pairs = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`x-${i}`, 'a']))
      for (const headers of [{ 'x-long': 'a'.repeat(200_000) }, pairs]) {
        const stream = start(callers.session(), headers)
        stream.end(port.rows(1))
        assert.ok(!port.isAnswer(await ended(stream)))
        await stillAnswers()
      }
    })

    it('ends the connection of a caller that resets without end, and answers the others', async () => {
      const two = callers.session()
      const closed = new Promise<void>((resolve) => two.once('close', () => resolve()))
      let said = 0
      two.on('goaway', (code) => (said = code))
      for (let round = 0; round < 40 && !two.destroyed; round++) {
        const streams = Array.from({ length: 100 }, () => start(two))
        // what is reset before it is sent is never sent
        await new Promise<void>((resolve) => (two.ping(() => resolve()) ? undefined : resolve()))
        for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
        if (round % 20 === 0) await stillAnswers()
      }
      await closed
      assert.notEqual(said, constants.NGHTTP2_NO_ERROR)
      await stillAnswers()
    })

    const [PING, SETTINGS, HEADERS, CONTINUATION] = [6, 4, 1, 9]
    const floods = {
      'pings whose answers nobody takes': frame(PING, 0, 0, Buffer.alloc(8)),
      'settings whose answers nobody takes': frame(SETTINGS, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0])),
      'headers that never end': Buffer.concat([
        frame(HEADERS, 0, 1, Buffer.from([0x83])),
        ...Array.from({ length: 2000 }, () => frame(CONTINUATION, 0, 1)),
      ]),
    }
    for (const [what, frames] of Object.entries(floods)) {
      it(`closes the connection of ${what}, and answers the others`, async () => {
        const most = 512 * 1024 * 1024
        const before = process.memoryUsage.rss()
        const many = Buffer.concat(Array.from({ length: Math.ceil(16_384 / frames.length) }, () => frames))
        const over = callers.flood(many, most)
        await stillAnswers()
        assert.ok((await over) < most)
        assert.ok(process.memoryUsage.rss() - before < 256 * 1024 * 1024)
        await stillAnswers()
      })
    }

    it('breaks off a request that does not come, and an answer that is not taken', async () => {
      const late = start(ofHasty.session())
      late.write(port.rows(1).subarray(0, 9))
      const unfinished = await ended(late)
      assert.ok(!port.isAnswer(unfinished))
      const deaf = ofHasty.session({ initialWindowSize: 0 })
      const stream = start(deaf)
      stream.end(port.rows(2000))
      const broken = await ended(stream)
      assert.deepEqual([broken.status, broken.body.length, broken.code], [200, 0, constants.NGHTTP2_CANCEL])
      await stillAnswers(ofHasty)
    })

    it('refuses a body without end once it is too long, and the connection goes on', async () => {
      const two = callers.session()
      const stream = start(two)
      const answer = ended(stream)
      const whole = { yet: false }
      const told = once(stream, 'end').then(() => (whole.yet = true))
      stream.write(port.endless)
      const piece = Buffer.alloc(1024 * 1024, ' ')
      for (let i = 0; i < 40 && !whole.yet; i++)
        await Promise.race([told, new Promise((resolve) => stream.write(piece, resolve))])
      // what still waits to be sent would keep the stream open until the port is out of patience
      stream.close()
      assert.ok(port.isTooLarge(await answer))
      const next = start(two)
      next.end(port.rows(1))
      assert.ok(port.isAnswer(await ended(next)))
    })
  })
}
