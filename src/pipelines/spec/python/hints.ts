/** Type hints of functions, which Python keeps for whoever asks and does nothing with (PEP 3107). */
import type { Token } from './tokens.ts'

/** Hints that Python knows by itself. */
const TYPES = new Set(
  'int float complex str bytes bool list dict tuple set frozenset object type range slice None True False BaseException Exception'.split(
    ' ',
  ),
)
const KEYWORDS = new Set('lambda if else not and or is in await yield for async'.split(' '))
const BRACKETS: Readonly<Record<string, number>> = { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 }

/**
 * The line of a function without the hints of its parameters and of what it returns; as it is where one is more than a hint. `nameAt` is
 * the place of its name, `known` the names that the source defines.
 */
export function withoutHints(line: readonly Token[], nameAt: number, known: ReadonlySet<string>): readonly Token[] {
  // in `b=lambda x, y: x` a colon is no hint
  const isUnclear = line.some(
    ({ kind, text }) => (kind === 'mark' && text.startsWith('#')) || isName(text, kind, 'lambda'),
  )
  if (line[nameAt + 1]?.text !== '(' || isUnclear) return line
  return new Header(line, known).read(nameAt + 2) ?? line
}

const isName = (text: string, kind: string, name: string): boolean => kind === 'name' && text === name

class Header {
  readonly #line: readonly Token[]
  readonly #known: ReadonlySet<string>
  #at = 0

  constructor(line: readonly Token[], known: ReadonlySet<string>) {
    this.#line = line
    this.#known = known
  }

  /** `from` is the place after the bracket that opens the parameters. Undefined where a hint is more than that. */
  read(from: number): readonly Token[] | undefined {
    this.#at = from
    const kept = this.#line.slice(0, from)
    let inName = true
    for (let depth = 1; depth > 0 && this.#at < this.#line.length;) {
      const mark = this.#mark
      if (depth === 1 && inName && mark === ':') {
        if (!this.#skipHint(/^[,=)]$/)) return undefined
        continue
      }
      if (depth === 1 && (mark === '=' || mark === ',')) inName = mark === ','
      depth += BRACKETS[mark] ?? 0
      kept.push(this.#line[this.#at++] as Token)
    }
    if (this.#mark === '->' && !this.#skipHint(/^:$/)) return undefined
    return [...kept, ...this.#line.slice(this.#at)]
  }

  /** The mark at the present place; '' for what is none. */
  get #mark(): string {
    const token = this.#line[this.#at]
    return token?.kind === 'mark' ? token.text : ''
  }

  /** Goes to the first of these marks outside of brackets. False where what is passed is no hint. */
  #skipHint(ends: RegExp): boolean {
    const start = ++this.#at
    for (let depth = 0; this.#at < this.#line.length; this.#at++) {
      if (depth === 0 && ends.test(this.#mark)) break
      depth += BRACKETS[this.#mark] ?? 0
    }
    return isHint(this.#line.slice(start, this.#at), this.#known)
  }
}

/** Whether Python does nothing for a hint but look up names that are there: one that is not ends the program. */
function isHint(tokens: readonly Token[], known: ReadonlySet<string>): boolean {
  return tokens.every(({ kind, text, inner }, i) => {
    if (kind === 'mark') return ['.', ',', '[', ']', '|', '...'].includes(text)
    if (kind === 'text') return inner === undefined
    if (kind !== 'name') return kind === 'number'
    if (KEYWORDS.has(text)) return false
    return tokens[i - 1]?.text === '.' || TYPES.has(text) || known.has(text)
  })
}
