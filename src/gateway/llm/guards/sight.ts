/** What the finders of an endpoint see in the texts of one call, counted by guardrail. */
import { problem } from '../../../contract/errors.ts'
import type { GuardRecord } from '../records/record.ts'
import type { Finder } from './finders.ts'
import type { Finding } from './findings.ts'
import { beside } from './findings.ts'
import { changed, eachSpot, textAt } from './spots.ts'
import type { Change, Spot } from './spots.ts'

export type Side = GuardRecord['on']

/** A finding and whose it is. */
export interface Found extends Finding {
  /** Place of the finder. */
  readonly by: number
  readonly action: Finder['action']
}

/** Limit of all texts together. */
export interface Length {
  readonly name: string
  readonly action: 'block' | 'flag'
  /** UTF-16 units. */
  readonly most: number
}

/** Numbers with fewer digits are none of those that are looked for. */
const SHORTEST_NUMBER = 9
const NONE: ReadonlySet<string> = new Set()

export class Sight {
  readonly #on: Side
  readonly #finders: readonly Finder[]
  readonly #lengths: readonly Length[]
  readonly #counts: Map<string, number>[]
  readonly #long = new Set<Length>()
  #length = 0
  /** True while texts are looked at that were looked at before: what is found in them counts only for who has found nothing yet. */
  repeats = false

  constructor(on: Side, finders: readonly Finder[], lengths: readonly Length[]) {
    this.#on = on
    this.#finders = finders
    this.#lengths = lengths
    this.#counts = finders.map(() => new Map<string, number>())
  }

  /** Counts characters. Throws `guardrail_blocked` where there are more than one that blocks allows. */
  measure(characters: number): void {
    this.#length += characters
    for (const length of this.#lengths) {
      if (this.#length <= length.most) continue
      this.#long.add(length)
      if (length.action === 'block') throw blocked(length.name, this.#on, tooLong(length))
    }
  }

  /** What is found in a text, in order; what an earlier guardrail takes out is not there for a later one. */
  find(text: string): readonly Found[] {
    let found: readonly Found[] = []
    for (const [by, { action, find }] of this.#finders.entries()) {
      const more = find(text)
      if (more.length === 0) continue
      const owned = more.map((one): Found => ({ ...one, by, action }))
      found = beside(found, owned, isTakenOut)
    }
    return found
  }

  /** Counts a finding. Throws `guardrail_blocked` where its guardrail blocks. */
  note({ by, what, action }: Found): void {
    const counts = this.#counts[by]
    if (!this.repeats || counts?.size === 0) counts?.set(what, (counts.get(what) ?? 0) + 1)
    if (action === 'block')
      throw blocked(this.#finders[by]?.name ?? '', this.#on, `it holds what is not let through (${what})`)
  }

  /** A text without what is taken out. Throws `guardrail_blocked`. */
  plain(text: string): string {
    const taken: Change[] = []
    for (const one of this.find(text)) {
      this.note(one)
      if (isTakenOut(one)) taken.push({ from: one.from, to: one.to, text: one.mark })
    }
    return changed(text, taken)
  }

  /**
   * JSON text without what is taken out, still JSON: its texts and numbers are looked at one by one. Throws `guardrail_blocked` also where
   * something is to be taken out that is no text in it. What is no JSON is looked at as any text.
   */
  json(source: string): string {
    if (!isJson(source)) return this.plain(source)
    const seen: (Spot & { readonly isChanged: boolean })[] = []
    const changes: Change[] = []
    eachSpot(source, NONE, (_path, spot) => {
      const { from, to } = spot
      const text = this.literal(source, spot)
      if (text !== undefined) changes.push({ from, to, text })
      seen.push({ ...spot, isChanged: text !== undefined })
    })
    let at = 0
    for (const one of this.find(source)) {
      for (let spot = seen[at]; spot !== undefined && spot.to <= one.from; spot = seen[++at]);
      const spot = seen[at]
      const isSeen = spot !== undefined && spot.from < one.to && (spot.isChanged || within(one, spot))
      if (!isSeen) this.#noteAcross(one)
    }
    return changed(source, changes)
  }

  /** What is found across several values of JSON, or in a name. */
  #noteAcross(found: Found): void {
    this.note(found)
    if (!isTakenOut(found)) return
    const name = this.#finders[found.by]?.name ?? ''
    throw blocked(name, this.#on, `what it looks for (${found.what}) cannot be taken out of JSON`)
  }

  /** What stands in place of a text or a number of JSON; undefined where it stays as it is. Throws `guardrail_blocked`. */
  literal(source: string, { from, to, kind }: Spot): string | undefined {
    if (kind === 'nested' || (kind === 'number' && to - from < SHORTEST_NUMBER)) return undefined
    const text = kind === 'number' ? source.slice(from, to) : textAt(source, from, to)
    const out = this.plain(text)
    return out === text ? undefined : JSON.stringify(out)
  }

  /** False where nobody looks for anything in texts. */
  get looks(): boolean {
    return this.#finders.length > 0
  }

  /** True where a finder has taken something out. */
  get hasTaken(): boolean {
    return this.#finders.some(({ action }, by) => action === 'redact' && (this.#counts[by]?.size ?? 0) > 0)
  }

  /** What was found, a record for each guardrail that found something. */
  records(): GuardRecord[] {
    const found = this.#finders.flatMap(({ name, action }, by): GuardRecord[] => {
      const counts = [...(this.#counts[by] ?? [])]
      if (counts.length === 0) return []
      const detail = counts.map(([what, count]) => `${count} ${what}`).join(', ')
      return [{ name, on: this.#on, action, found: counts.reduce((sum, [, count]) => sum + count, 0), detail }]
    })
    const long = [...this.#long].map((one): GuardRecord => {
      return { name: one.name, on: this.#on, action: one.action, found: 1, detail: tooLong(one) }
    })
    return [...found, ...long]
  }
}

/** The refusal of a guardrail. */
export function blocked(guardrail: string, on: Side, detail: string): Error {
  return problem('guardrail_blocked', { guardrail, on, detail })
}

function tooLong({ most }: Length): string {
  return `more than ${most} characters`
}

function isTakenOut({ action }: Found): boolean {
  return action === 'redact'
}

function isJson(source: string): boolean {
  if (!/^\s*[[{]/.test(source)) return false
  try {
    JSON.parse(source)
    return true
  } catch {
    return false
  }
}

function within(
  inner: { readonly from: number; readonly to: number },
  outer: { readonly from: number; readonly to: number },
): boolean {
  return outer.from <= inner.from && inner.to <= outer.to
}
