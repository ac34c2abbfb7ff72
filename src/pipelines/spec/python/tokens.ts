/** Python source as tokens, without comments and white space, for every version of Python that steps may use. */

export type TokenKind = 'name' | 'number' | 'text' | 'mark' | 'newline' | 'indent' | 'dedent'

export interface Token {
  readonly kind: TokenKind
  /** As written; names in the form in which Python compares them. Newlines and indents have none. */
  readonly text: string
  /** The expressions inside a formatted text. */
  readonly inner?: readonly Token[]
}

/** Source that cannot be read. */
export class Unreadable extends Error {}

const NAME = /[\p{XID_Start}_][\p{XID_Continue}]*/uy
const NUMBER = /(?:0[xX][\da-fA-F_]+|0[bBoO][\d_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)[jJ]?/y
const TEXT = /([A-Za-z]{0,2})('''|"""|'|")/y
const PREFIX = /^(?:[rbuft]?|[bft]r|r[bft])$/i
const MARK =
  /\*\*=|\/\/=|>>=|<<=|\.\.\.|\*\*|\/\/|>>|<<|<=|>=|==|!=|->|:=|\+=|-=|\*=|\/=|%=|@=|&=|\|=|\^=|[-+*/%@&|^~<>()[\]{},:.;=!]/y
const SPACE = /(?:[ \t\f]|\\(?:\r\n|\n|\r))+/y
const COMMENT = /#[^\r\n]*/y
const NEWLINE = /\r\n|\n|\r/y
const BRACKETS: Readonly<Record<string, number>> = { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 }
/** Comments that something reads: what starts a script, and types as TorchScript reads them. */
const READ = /^#\s*type:/
/** Encodings whose text is the same as UTF-8's here. */
const CODING = /^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)/
const UTF8 = /^(?:utf-?8(?:-sig)?|ascii|us-ascii)$/i

/** The tokens of a source. Throws `Unreadable` for text that no Python accepts, or that is not UTF-8. */
export function tokensOf(source: string): Token[] {
  const text = source.replace(/^\uFEFF/, '')
  for (const line of text.split(/\r\n|\n|\r/, 2)) {
    const coding = CODING.exec(line)?.[1]
    if (coding !== undefined && !UTF8.test(coding.replace(/_/g, '-'))) throw new Unreadable(`it is in ${coding}`)
  }
  return new Lexer(text).file()
}

class Lexer {
  readonly #text: string
  readonly #tokens: Token[] = []
  readonly #indents = [0]
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  file(): Token[] {
    const shebang = /^#![^\r\n]*/.exec(this.#text)?.[0]
    if (shebang !== undefined) this.#tokens.push({ kind: 'mark', text: shebang.trimEnd() })
    while (this.#at < this.#text.length) this.#line()
    for (const _ of this.#indents.slice(1)) this.#tokens.push({ kind: 'dedent', text: '' })
    return this.#tokens
  }

  /** A logical line: its indent, its tokens, its end. Lines with nothing on them are no lines. */
  #line(): void {
    const indent = this.#width()
    this.#match(COMMENT)
    if (this.#match(NEWLINE) !== undefined || this.#at >= this.#text.length) return
    this.#indent(indent)
    this.#code(this.#tokens, () => false)
    this.#match(NEWLINE)
    this.#tokens.push({ kind: 'newline', text: '' })
  }

  /** The column at which the line begins; tabs go to the next multiple of eight. */
  #width(): number {
    let width = 0
    const space = this.#match(SPACE) ?? ''
    for (const one of space) {
      if (one === '\f' || one === '\n') width = one === '\n' ? width : 0
      else if (one !== '\\' && one !== '\r') width = one === '\t' ? (Math.floor(width / 8) + 1) * 8 : width + 1
    }
    return width
  }

  #indent(width: number): void {
    if (width > (this.#indents.at(-1) ?? 0)) {
      this.#indents.push(width)
      this.#tokens.push({ kind: 'indent', text: '' })
    }
    while (width < (this.#indents.at(-1) ?? 0)) {
      this.#indents.pop()
      this.#tokens.push({ kind: 'dedent', text: '' })
    }
    if (width !== this.#indents.at(-1)) throw this.#refuse('a line is indented as none before it')
  }

  /** Tokens up to the end of the logical line, or to where `ends` says so outside of brackets. */
  #code(into: Token[], ends: (next: string) => boolean, brackets = 0): void {
    for (let depth = brackets; this.#at < this.#text.length;) {
      if (this.#space(into)) continue
      if (depth === 0 && /[\r\n]/.test(this.#text[this.#at] ?? '')) return
      if (this.#match(NEWLINE) !== undefined) continue
      if (depth === brackets && ends(this.#text.slice(this.#at, this.#at + 2))) return
      const token = this.#token()
      into.push(token)
      if (token.kind === 'mark') depth += BRACKETS[token.text] ?? 0
      if (depth < brackets) throw this.#refuse('a bracket closes nothing')
    }
    if (brackets > 0) throw this.#refuse('a text does not end')
  }

  /** Passes white space or a comment; false where there is none. */
  #space(into: Token[]): boolean {
    if (this.#match(SPACE) !== undefined) return true
    const comment = this.#match(COMMENT)
    if (comment !== undefined && READ.test(comment)) into.push({ kind: 'mark', text: comment.trimEnd() })
    return comment !== undefined
  }

  #token(): Token {
    const text = this.#textToken()
    if (text !== undefined) return text
    const name = this.#match(NAME)
    if (name !== undefined) return { kind: 'name', text: name.normalize('NFKC') }
    const number = this.#match(NUMBER)
    if (number !== undefined) return { kind: 'number', text: number }
    const mark = this.#match(MARK)
    if (mark !== undefined) return { kind: 'mark', text: mark }
    throw this.#refuse(`a character ${JSON.stringify(this.#text[this.#at])} stands where none can`)
  }

  #textToken(): Token | undefined {
    TEXT.lastIndex = this.#at
    const [opening, prefix = '', quote = ''] = TEXT.exec(this.#text) ?? []
    if (opening === undefined || !PREFIX.test(prefix)) return undefined
    const start = this.#at
    this.#at += opening.length
    const inner: Token[] = []
    const formatted = /[ft]/i.test(prefix)
    while (!this.#text.startsWith(quote, this.#at)) this.#piece(prefix, quote, formatted ? inner : undefined)
    this.#at += quote.length
    return { kind: 'text', text: this.#text.slice(start, this.#at), ...(formatted && { inner }) }
  }

  /** One character, escape or expression of a text. */
  #piece(prefix: string, quote: string, inner: Token[] | undefined): void {
    const next = this.#text[this.#at]
    if (next === undefined || (quote.length === 1 && (next === '\n' || next === '\r')))
      throw this.#refuse('a text does not end')
    if (next === '\\') this.#escape(inner !== undefined, /r/i.test(prefix))
    else if (inner === undefined || next !== '{') this.#at++
    else if (this.#text[this.#at + 1] === '{') this.#at += 2
    else this.#expression(prefix, quote, inner)
  }

  /** A backslash and what belongs to it; in a formatted text a brace after it still opens an expression. */
  #escape(formatted: boolean, raw: boolean): void {
    const rest = this.#text.slice(this.#at + 1, this.#at + 3)
    if (formatted && !raw && rest === 'N{') this.#at = this.#text.indexOf('}', this.#at) + 1 || this.#text.length
    else this.#at += (formatted && /^[{}]/.test(rest)) || rest === '\r\n' ? 1 : 2
    if (rest === '\r\n') this.#at += 2
  }

  /** `{value!r:format}` of a formatted text; formats may hold expressions again. */
  #expression(prefix: string, quote: string, inner: Token[]): void {
    this.#at++
    this.#code(inner, (next) => /^(?:[}:]|!(?!=))/.test(next), 1)
    // expressions stand alone: what follows one is no part of it
    inner.push({ kind: 'mark', text: ',' })
    while (this.#text[this.#at] !== ':' && this.#text[this.#at] !== '}') {
      if (this.#text[this.#at] === undefined || this.#text.startsWith(quote, this.#at))
        throw this.#refuse('a text does not end')
      this.#at++
    }
    while (this.#text[this.#at] !== '}') {
      if (this.#text.startsWith(quote, this.#at)) throw this.#refuse('a text does not end')
      if (this.#text[this.#at] === '{') this.#expression(prefix, quote, inner)
      else this.#piece(prefix, quote, inner)
    }
    this.#at++
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) return undefined
    this.#at += found.length
    return found
  }

  #refuse(why: string): Unreadable {
    const line = this.#text.slice(0, this.#at).split('\n').length
    return new Unreadable(`line ${line}: ${why}`)
  }
}
