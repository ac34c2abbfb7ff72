/** Reads a Python script as cells: by `# %%` marks and the bars of sphinx-gallery where it has them, else as one. */
import type { Cell, Research } from './cells.ts'
import { firstLine } from './ipynb.ts'

const MARK = /^(?:# ?%%.*|#{20,}\s*)$/

/** The cells of a script's text. */
export function readScript(content: string): Research {
  const blocks: { lines: string[]; heading: string }[] = [{ lines: [], heading: '' }]
  for (const line of content.replaceAll('\r\n', '\n').split('\n')) {
    const block = blocks.at(-1)
    if (MARK.test(line))
      blocks.push({
        lines: [],
        heading: line
          .replace(/^#[\s#%]*/, '')
          .replace(/\[.*?\]/, '')
          .trim(),
      })
    else block?.lines.push(line)
  }
  const cells = blocks
    .map(({ lines, heading }) => ({ source: lines.join('\n').trim(), heading }))
    .filter(({ source }) => source !== '')
    .map(({ source, heading }, index): Cell => {
      const comment = /^(?:#.*\n)+/.exec(`${source}\n`)?.[0].replaceAll(/^# ?/gm, '') ?? ''
      return { id: index + 1, source, count: null, heading: heading || firstLine(comment), outputs: [] }
    })
  return { kind: 'script', language: 'python', cells, python: '', texts: [] }
}
