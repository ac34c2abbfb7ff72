/** The part of Markdown that notes use, as a tree; what is not understood stays text. Nothing of it is ever HTML. */

export type Inline =
  | { readonly kind: 'text' | 'code'; readonly text: string }
  | { readonly kind: 'strong' | 'em'; readonly inside: readonly Inline[] }
  | { readonly kind: 'link'; readonly href: string; readonly inside: readonly Inline[] }

export type Block =
  | { readonly kind: 'heading' | 'paragraph' | 'quote'; readonly inside: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: 'table'; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: 'rule' }

const FENCE = /^\s*(?:```|~~~)/
const HEADING = /^#{1,6}\s+(.*?)\s*#*$/
const ITEM = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/
const RULE = /^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/
const QUOTE = /^\s*>\s?(.*)$/
const ROW = /^\s*\|(.*)\|\s*$/
const DIVIDER = /^[\s|:-]+$/

/** Reads a text line by line. */
export function blocksOf(text: string): Block[] {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const blocks: Block[] = []
  while (lines.length > 0) {
    const line = lines[0] ?? ''
    if (line.trim() === '') lines.shift()
    else blocks.push(blockOf(line, lines))
  }
  return blocks
}

/** Takes the lines of one block away. */
function blockOf(line: string, lines: string[]): Block {
  if (FENCE.test(line)) {
    lines.shift()
    const code = takeWhile(lines, (one) => !FENCE.test(one))
    lines.shift()
    return { kind: 'code', text: code.join('\n') }
  }
  if (RULE.test(line)) {
    lines.shift()
    return { kind: 'rule' }
  }
  const heading = HEADING.exec(line)
  if (heading !== null) {
    lines.shift()
    return { kind: 'heading', inside: inlinesOf(heading[1] ?? '') }
  }
  if (ITEM.test(line)) return listOf(lines)
  if (ROW.test(line)) {
    const rows = takeWhile(lines, (one) => ROW.test(one)).filter((one) => !DIVIDER.test(one))
    return { kind: 'table', rows: rows.map(cellsOf) }
  }
  if (QUOTE.test(line)) {
    const quoted = takeWhile(lines, (one) => QUOTE.test(one)).map((one) => QUOTE.exec(one)?.[1] ?? '')
    return { kind: 'quote', inside: inlinesOf(quoted.join(' ')) }
  }
  return { kind: 'paragraph', inside: inlinesOf(paragraph(lines).join(' ')) }
}

function paragraph(lines: string[]): string[] {
  const first = lines.shift() ?? ''
  const starts = [FENCE, RULE, HEADING, ITEM, ROW, QUOTE]
  const rest = takeWhile(lines, (one) => one.trim() !== '' && !starts.some((pattern) => pattern.test(one)))
  return [first, ...rest].map((one) => one.trim())
}

function listOf(lines: string[]): Block {
  const taken = takeWhile(lines, (one) => ITEM.test(one)).map((one) => ITEM.exec(one))
  return {
    kind: 'list',
    ordered: taken[0]?.[1] !== undefined,
    items: taken.map((match) => inlinesOf(match?.[2] ?? '')),
  }
}

function cellsOf(row: string): Inline[][] {
  return (ROW.exec(row)?.[1] ?? '').split('|').map((cell) => inlinesOf(cell.trim()))
}

function takeWhile(lines: string[], holds: (line: string) => boolean): string[] {
  const end = lines.findIndex((line) => !holds(line))
  return lines.splice(0, end < 0 ? lines.length : end)
}

const INLINE =
  /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|(?<!\w)_([^_]+)_(?!\w)|\[([^\]]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s<>)]+)/g

/** Reads what stands inside a line. */
export function inlinesOf(text: string): Inline[] {
  const found: Inline[] = []
  let told = 0
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, star, under, label, href, bare] = match
    if (match.index > told) found.push({ kind: 'text', text: text.slice(told, match.index) })
    found.push(oneOf({ whole, code, strong, em: star ?? under, label, href: href ?? bare }))
    told = match.index + whole.length
  }
  if (told < text.length) found.push({ kind: 'text', text: text.slice(told) })
  return found
}

type Parts = Readonly<Record<'code' | 'strong' | 'em' | 'label' | 'href', string | undefined>> & { whole: string }

function oneOf({ whole, code, strong, em, label, href }: Parts): Inline {
  if (code !== undefined) return { kind: 'code', text: code }
  if (strong !== undefined) return { kind: 'strong', inside: inlinesOf(strong) }
  if (em !== undefined) return { kind: 'em', inside: inlinesOf(em) }
  // any other scheme, javascript: above all, stays the text that was typed
  if (href === undefined || !/^(?:https?:\/\/|mailto:|\/(?!\/))/i.test(href)) return { kind: 'text', text: whole }
  return { kind: 'link', href, inside: label === undefined ? [{ kind: 'text', text: href }] : inlinesOf(label) }
}

/** The words of the first block, without their marks: for a line in a table. */
export function firstWords(text: string): string {
  const [block] = blocksOf(text)
  if (block === undefined) return ''
  if (block.kind === 'code') return block.text
  if (block.kind === 'list') return wordsOf(block.items[0] ?? [])
  if (block.kind === 'table' || block.kind === 'rule') return ''
  return wordsOf(block.inside)
}

function wordsOf(inside: readonly Inline[]): string {
  return inside.map((one) => ('inside' in one ? wordsOf(one.inside) : one.text)).join('')
}
