/** Cuts a text into terms as scikit-learn's default analyzers do: words or characters, alone or several in a row. */

/** How a text is cut. `words`, `spaces` and `marks` are code points as pairs of first and last, as the model's Python knows them. */
export interface Cut {
  readonly analyzer: 'word' | 'char' | 'char_wb'
  readonly ngrams: readonly [number, number]
  readonly lowercase: boolean
  readonly accents: 'ascii' | 'unicode' | null
  /** Characters of the shortest word. */
  readonly shortest: number
  readonly stop_words: readonly string[]
  readonly words: Int32Array
  readonly spaces: Int32Array
  readonly marks: Int32Array
}

/** Gives the terms of a text to `take`, repeated ones again. */
export type Analyzer = (text: string, take: (term: string) => void) => void

/** Compiles an analyzer. */
export function compileAnalyzer(cut: Cut): Analyzer {
  const terms = { word: wordTerms, char: charTerms, char_wb: paddedTerms }[cut.analyzer](cut)
  return (text, take) => terms(preprocess(text, cut), take)
}

/** Whether a code point lies in one of the sorted ranges. */
export function inRanges(ranges: Int32Array, point: number): boolean {
  let low = 0
  let high = ranges.length >> 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[2 * middle + 1]! < point) low = middle + 1
    else high = middle
  }
  return 2 * low < ranges.length && ranges[2 * low]! <= point
}

function preprocess(text: string, { lowercase, accents, marks }: Cut): string {
  const lower = lowercase ? text.toLowerCase() : text
  if (accents === null) return lower
  if (accents === 'ascii')
    return Array.from(lower.normalize('NFKD'))
      .filter((c) => c.codePointAt(0)! < 128)
      .join('')
  // what is plain already is left alone, as there
  if (!/[^\0-\x7f]/.test(lower)) return lower
  return Array.from(lower.normalize('NFKD'))
    .filter((c) => !inRanges(marks, c.codePointAt(0)!))
    .join('')
}

function wordTerms({ words, shortest, stop_words, ngrams }: Cut): Analyzer {
  const stop = new Set(stop_words)
  return (text, take) => {
    const found = runs(text, words, shortest).filter((word) => !stop.has(word))
    if (ngrams[0] === 1) for (const word of found) take(word)
    grams(found, [Math.max(2, ngrams[0]), ngrams[1]], ' ', take)
  }
}

/** The longest runs of word characters of at least `shortest`. */
function runs(text: string, words: Int32Array, shortest: number): string[] {
  const found: string[] = []
  let run = ''
  let length = 0
  const end = (): void => {
    if (length >= shortest) found.push(run)
    run = ''
    length = 0
  }
  for (const c of text) {
    if (inRanges(words, c.codePointAt(0)!)) {
      run += c
      length++
    } else end()
  }
  end()
  return found
}

/** Joins of n neighbours, for each n of the range that is not longer than the whole. */
function grams(
  items: readonly string[],
  [low, high]: readonly [number, number],
  glue: string,
  take: (term: string) => void,
): void {
  for (let n = low; n <= Math.min(high, items.length); n++) {
    for (let i = 0; i + n <= items.length; i++) take(items.slice(i, i + n).join(glue))
  }
}

function charTerms({ spaces, ngrams }: Cut): Analyzer {
  return (text, take) => grams(squeeze(text, spaces), ngrams, '', take)
}

/** The characters, two or more spaces as one. */
function squeeze(text: string, spaces: Int32Array): string[] {
  const out: string[] = []
  let space = ''
  let count = 0
  const end = (): void => {
    if (count > 0) out.push(count === 1 ? space : ' ')
    count = 0
  }
  for (const c of text) {
    if (inRanges(spaces, c.codePointAt(0)!)) {
      space = c
      count++
      continue
    }
    end()
    out.push(c)
  }
  end()
  return out
}

/** Characters of each word with a space before and behind; a word shorter than n is taken once. */
function paddedTerms({ spaces, ngrams }: Cut): Analyzer {
  return (text, take) => {
    for (const word of split(text, spaces)) {
      const padded = [' ', ...word, ' ']
      for (let n = ngrams[0]; n <= ngrams[1]; n++) {
        for (let i = 0; i === 0 || i + n <= padded.length; i++) take(padded.slice(i, i + n).join(''))
        if (padded.length <= n) break
      }
    }
  }
}

function split(text: string, spaces: Int32Array): string[][] {
  const words: string[][] = []
  let word: string[] = []
  for (const c of text) {
    if (!inRanges(spaces, c.codePointAt(0)!)) word.push(c)
    else if (word.length > 0) {
      words.push(word)
      word = []
    }
  }
  if (word.length > 0) words.push(word)
  return words
}
