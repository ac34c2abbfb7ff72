/** Text that comes in pieces and goes on behind a window, so that what is found may lie across pieces. */
import type { Found, Sight } from './sight.ts'

/** Characters that are held back: what is found and is no longer goes out nowhere. */
const WINDOW = 256
/** Characters before them that are looked at again, for what stands before a match decides about it. */
const BEFORE = 32
/** Longest match that is followed beyond the window. */
const LONGEST = 16_384

/** A text that goes on with a window held back. Each method throws `guardrail_blocked`. */
export class TextWindow {
  readonly #sight: Sight
  /** End of what has gone on, and behind it what is held. */
  #text = ''
  #sent = 0
  /** Place of the beginning of `#text` in the whole. */
  #base = 0
  /** End in the whole of the last match of each finder. */
  readonly #ends = new Map<number, number>()

  constructor(sight: Sight) {
    this.#sight = sight
  }

  /** What goes on now that a piece has come. */
  push(piece: string): string {
    this.#text += piece
    let least = this.#text.length - WINDOW
    if (least <= this.#sent) return ''
    // the halves of a character stay together
    if (isHalf(this.#text.charCodeAt(least - 1))) least--
    return this.#upTo(least)
  }

  /** What is left; what comes later begins anew. */
  flush(): string {
    return this.#upTo(this.#text.length)
  }

  #upTo(least: number): string {
    if (least <= this.#sent) return ''
    const text = this.#text
    const isEnd = least === text.length
    let out = ''
    let at = this.#sent
    let kept = Infinity
    for (const found of this.#sight.find(text)) {
      // what stood before the first character is not known any more, and may decide that this is no match
      if (found.to <= this.#sent || (found.from === 0 && this.#base > 0)) continue
      if (found.from >= least) break
      const goesOn = this.#note(found)
      // what it may become is seen when more has come
      if (!isEnd && found.to === text.length && text.length - found.from < LONGEST) kept = found.from
      if (found.action !== 'redact') continue
      out += text.slice(at, Math.max(at, found.from)) + (goesOn ? '' : found.mark)
      at = found.to
    }
    const to = Math.max(at, least)
    out += text.slice(at, to)
    const cut = Math.max(0, Math.min(to - BEFORE, kept - 1))
    this.#text = text.slice(cut)
    this.#base += cut
    this.#sent = to - cut
    return out
  }

  /** Counts a match once; true for one that has gone on from a match that was counted. */
  #note(found: Found): boolean {
    const last = this.#ends.get(found.by) ?? 0
    this.#ends.set(found.by, this.#base + found.to)
    const goesOn = this.#base + found.from < last
    if (!goesOn) this.#sight.note(found)
    return goesOn
  }
}

function isHalf(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}
