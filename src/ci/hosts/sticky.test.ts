/** The one comment of a change under races: pushes at once, deletions by hand, runs again; with a host that answers in any order. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { prng } from '../../stats/prng.ts'
import { markerOf, postSticky } from './sticky.ts'
import type { Note, Notes, Posting } from './sticky.ts'

const [A, B, C] = ['a'.repeat(40), 'b'.repeat(40), 'c'.repeat(40)] as const

function posting(commit: string, at: number, project = 'flights'): Posting {
  const known = { project, commit, run: `pr-${commit[0]}-${at}`, at }
  return { ...known, body: `${markerOf(known)}\n\nreport of ${known.run}\n` }
}

/** A host in memory whose every call takes a while that chance decides, before and after its effect. */
class Memory implements Notes {
  newest = A
  readonly notes: { id: string; body: string }[] = []
  writes = 0
  #ids = 0
  readonly #pause: () => Promise<void>

  constructor(seed = 0) {
    const random = prng(seed)
    this.#pause = async () => {
      for (let i = Math.floor(random.uniform() * 6); i > 0; i--) await turn()
    }
  }

  async #slowly<T>(act: () => T): Promise<T> {
    await this.#pause()
    const result = act()
    await this.#pause()
    return result
  }

  head(): Promise<string> {
    return this.#slowly(() => this.newest)
  }

  list(): Promise<readonly Note[]> {
    return this.#slowly(() => this.notes.map((note) => ({ ...note })))
  }

  create(body: string): Promise<void> {
    this.writes++
    return this.#slowly(() => void this.notes.push({ id: String(this.#ids++), body: body.trimEnd() }))
  }

  update(id: string, body: string): Promise<boolean> {
    this.writes++
    return this.#slowly(() => {
      const found = this.notes.find((note) => note.id === id)
      if (found !== undefined) found.body = body.trimEnd()
      return found !== undefined
    })
  }

  remove(id: string): Promise<void> {
    return this.#slowly(() => {
      const at = this.notes.findIndex((note) => note.id === id)
      if (at >= 0) this.notes.splice(at, 1)
    })
  }
}

const nothing = (): Promise<undefined> => Promise.resolve(undefined)
const bodies = (host: Memory): string[] => host.notes.map(({ body }) => body)

describe('the comment', () => {
  it('is made, and the same again writes nothing', async () => {
    const host = new Memory()
    assert.equal(await postSticky(host, posting(A, 1), nothing), 'posted')
    assert.equal(host.writes, 1)
    assert.equal(await postSticky(host, posting(A, 1), nothing), 'unchanged')
    assert.equal(host.writes, 1)
    assert.deepEqual(bodies(host), [posting(A, 1).body.trimEnd()])
  })

  it('is found again where the host changed its line ends', async () => {
    const host = new Memory()
    await postSticky(host, posting(A, 1), nothing)
    for (const note of host.notes) note.body = `${note.body.replaceAll('\n', '\r\n')}\r\n`
    assert.equal(await postSticky(host, posting(A, 1), nothing), 'unchanged')
  })

  it('is made anew where it was deleted by hand', async () => {
    const host = new Memory()
    await postSticky(host, posting(A, 1), nothing)
    host.notes.length = 0
    assert.equal(await postSticky(host, posting(A, 1), nothing), 'posted')
    assert.equal(host.notes.length, 1)
  })

  it('is made anew where it goes between the look and the write', async () => {
    const host = new Memory()
    await postSticky(host, posting(A, 1), nothing)
    host.update = () => {
      host.update = Memory.prototype.update.bind(host)
      host.notes.length = 0
      return Promise.resolve(false)
    }
    assert.equal(await postSticky(host, posting(A, 2), nothing), 'posted')
    assert.deepEqual(bodies(host), [posting(A, 2).body.trimEnd()])
  })

  it('is one for each project, and what people wrote stays', async () => {
    const host = new Memory()
    host.notes.push({ id: 'x', body: `> ${posting(A, 9).body}` })
    await postSticky(host, posting(A, 1), nothing)
    await postSticky(host, posting(A, 1, 'other--> project'), nothing)
    assert.equal(host.notes.length, 3)
    assert.equal(await postSticky(host, posting(A, 1, 'other--> project'), nothing), 'unchanged')
  })

  it('is not taken back to an older push, nor to an older run of the same', async () => {
    const host = new Memory()
    host.newest = B
    await postSticky(host, posting(B, 5), nothing)
    assert.equal(await postSticky(host, posting(A, 9), nothing), 'superseded')
    assert.equal(await postSticky(host, posting(B, 4), nothing), 'superseded')
    assert.deepEqual(bodies(host), [posting(B, 5).body.trimEnd()])
  })

  it('that the newer push told itself is left as it is, though the older job would draw it against another base', async () => {
    const host = new Memory()
    host.newest = B
    await postSticky(host, posting(B, 5), nothing)
    const otherwise = { ...posting(B, 5), body: `${markerOf(posting(B, 5))}\n\nagainst another base\n` }
    assert.equal(await postSticky(host, posting(A, 9), () => Promise.resolve(otherwise)), 'superseded')
    assert.deepEqual(bodies(host), [posting(B, 5).body.trimEnd()])
  })

  it('whose mark somebody changed to a later time is written anew, for the server knows no such run', async () => {
    const host = new Memory()
    await postSticky(host, posting(A, 1), nothing)
    for (const note of host.notes)
      note.body = note.body.replace('at=1 ', `at=${'9'.repeat(30)} `).replace('report of', 'all is well with')
    const known = (): Promise<Posting> => Promise.resolve(posting(A, 2))
    assert.equal(await postSticky(host, posting(A, 2), known), 'posted')
    assert.deepEqual(bodies(host), [posting(A, 2).body.trimEnd()])
  })

  it('that is listed and never there to be changed is told as gone', async () => {
    const host = new Memory()
    await postSticky(host, posting(A, 1), nothing)
    host.update = () => Promise.resolve(false)
    await assert.rejects(postSticky(host, posting(A, 2), nothing), { kind: 'gone' })
  })

  it('of an older push stands until the newer one has a report', async () => {
    const host = new Memory()
    host.newest = B
    assert.equal(await postSticky(host, posting(A, 1), nothing), 'posted')
    assert.equal(await postSticky(host, posting(B, 2), nothing), 'posted')
    assert.deepEqual(bodies(host), [posting(B, 2).body.trimEnd()])
  })

  it('of many from a time when they were doubled is one again', async () => {
    const host = new Memory()
    for (const at of [1, 2, 3]) host.notes.push({ id: `d${at}`, body: posting(A, at).body })
    await postSticky(host, posting(A, 4), nothing)
    assert.deepEqual(bodies(host), [posting(A, 4).body.trimEnd()])
  })
})

describe('pushes at once', () => {
  it('end with one comment of the newest, in any order of the calls', async () => {
    for (let seed = 1; seed <= 400; seed++) {
      const host = new Memory(seed)
      const ready = new Map<string, Posting>()
      const newest = (commit: string): Promise<Posting | undefined> => Promise.resolve(ready.get(commit))
      const push = async (commit: string, at: number, delay: number): Promise<void> => {
        for (let i = 0; i < delay; i++) await turn()
        host.newest = commit
        for (let i = 0; i < (seed * at) % 11; i++) await turn()
        // its run has ended, so the server knows its report before the job posts it
        ready.set(commit, posting(commit, at))
        await postSticky(host, posting(commit, at), newest)
      }
      await Promise.all([push(A, 1, 0), push(B, 2, 1 + (seed % 17)), push(C, 3, 20 + (seed % 13))])
      assert.deepEqual(bodies(host), [posting(C, 3).body.trimEnd()], `seed ${seed}`)
    }
  })

  it('of one commit end with its newest run', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      const host = new Memory(seed)
      let ended = 0
      const newest = (): Promise<Posting> => Promise.resolve(posting(A, ended))
      const report = async (at: number): Promise<void> => {
        for (let i = 0; i < (seed * at) % 7; i++) await turn()
        ended = Math.max(ended, at)
        await postSticky(host, posting(A, at), newest)
      }
      await Promise.all([report(1), report(2), report(3)])
      assert.deepEqual(bodies(host), [posting(A, 3).body.trimEnd()], `seed ${seed}`)
    }
  })
})
