/** The list of faults that change nothing a test could see, each with its reason. */

/** Which fault, by the text of its line (so that it is found when lines move), and why it changes nothing. */
export interface Equivalent {
  readonly file: string
  readonly line: string
  readonly change: string
  readonly why: string
}

const FIELDS = ['file', 'line', 'change', 'why'] as const

/** Reads paragraphs of `file:`, `line:`, `change:` and `why:`; `#` begins a comment. Throws when a field is missing. */
export function readEquivalents(text: string): Equivalent[] {
  const paragraphs = text.replaceAll(/^#.*\n/gm, '').split(/\n{2,}/)
  return paragraphs.filter((one) => one.trim() !== '').map(readParagraph)
}

function readParagraph(paragraph: string): Equivalent {
  const fields = new Map<string, string>()
  for (const line of paragraph.trim().split('\n')) {
    const [, name = '', value = ''] = /^(\w+): *(.*)$/.exec(line) ?? []
    if (name === '' && fields.has('why')) fields.set('why', `${fields.get('why') ?? ''} ${line.trim()}`)
    else fields.set(name, value.trim())
  }
  const field = (name: (typeof FIELDS)[number]): string => {
    const value = fields.get(name) ?? ''
    if (value === '') throw new Error(`equivalent.txt: a paragraph has no "${name}:"\n${paragraph}`)
    return value
  }
  return { file: field('file'), line: field('line'), change: field('change'), why: field('why') }
}
