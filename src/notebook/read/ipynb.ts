/** Reads a Jupyter notebook (nbformat 4); every other file is refused with what it is and what to do. */
import { z } from 'zod'
import type { Cell, Research, StoredOutput } from './cells.ts'
import { refusal } from './refusal.ts'

/** Text of outputs that is kept for each cell, characters: what is longer is data, and no figure to hold a package to. */
const OUTPUT_CHARACTERS = 20_000
const STYLE = /<(style|script)\b[^>]*>[\s\S]*?(?:<\/\1>|$)/gi
const text = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => (typeof given === 'string' ? given : given.join('')))
const output = z.looseObject({
  output_type: z.string(),
  text: text.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  traceback: z.array(z.string()).optional(),
})
const NOTEBOOK = z.looseObject({
  nbformat: z.number(),
  metadata: z.looseObject({
    kernelspec: z.looseObject({ language: z.string().optional(), name: z.string().optional() }).optional(),
    language_info: z.looseObject({ name: z.string().optional(), version: z.string().optional() }).optional(),
  }),
  cells: z.array(
    z.looseObject({
      cell_type: z.string(),
      source: text,
      execution_count: z.number().nullable().optional(),
      outputs: z.array(output).optional(),
      metadata: z.unknown().optional(),
    }),
  ),
})
type Raw = z.infer<typeof NOTEBOOK>

/** The cells of a notebook's text. Throws `unprocessable` for what is no notebook of version 4 in Python. */
export function readNotebook(content: string): Research {
  const raw = parsed(content)
  const kernel = raw.metadata.kernelspec
  const language = raw.metadata.language_info?.name ?? kernel?.language ?? 'python'
  if (!/^(i?python\d?)$/i.test(language))
    throw refused('kernel', `the notebook is written in ${language}`, 'only Python is packaged')
  return {
    kind: 'notebook',
    language: raw.metadata.language_info?.name ?? kernel?.language ?? kernel?.name ?? '',
    python: raw.metadata.language_info?.version ?? '',
    cells: codeCells(raw),
    texts: [
      ...raw.cells.flatMap((cell, index) =>
        cell.cell_type === 'code' ? [] : [{ where: `text cell ${index + 1}`, text: cell.source }],
      ),
      { where: 'metadata', text: JSON.stringify([raw.metadata, raw.cells.map(({ metadata }) => metadata)]) },
    ],
  }
}

function parsed(content: string): Raw {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (error) {
    throw refused('format', `the file is no JSON: ${(error as Error).message}`, 'save the notebook again in Jupyter')
  }
  const version = (value as { nbformat?: unknown } | null)?.nbformat
  if (typeof version === 'number' && version !== 4)
    throw refused(
      'format',
      `the notebook has nbformat ${version}, and 4 is read`,
      'convert a copy: jupyter nbconvert --to notebook --nbformat 4 FILE',
    )
  const checked = NOTEBOOK.safeParse(value)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw refused(
    'format',
    `the file is no Jupyter notebook: ${issue?.path.join('.') || 'the whole'}: ${issue?.message ?? ''}`,
    'save the notebook again in Jupyter',
  )
}

function codeCells(raw: Raw): Cell[] {
  const cells: Cell[] = []
  let heading = ''
  for (const cell of raw.cells) {
    if (cell.cell_type === 'markdown') heading = firstLine(cell.source)
    if (cell.cell_type !== 'code') continue
    const outputs = (cell.outputs ?? []).map(stored)
    cells.push({ id: cells.length + 1, source: cell.source, count: cell.execution_count ?? null, heading, outputs })
    heading = ''
  }
  return cells
}

function stored(one: z.infer<typeof output>): StoredOutput {
  const data = one.data ?? {}
  const plain = text.safeParse(data['text/plain'])
  const kinds = { stream: 'stream', execute_result: 'result', display_data: 'display', error: 'error' } as const
  const kind = kinds[one.output_type as keyof typeof kinds] ?? 'display'
  const words = one.text ?? (plain.success ? plain.data : (one.traceback ?? []).join('\n'))
  return {
    kind,
    text: words.slice(0, OUTPUT_CHARACTERS),
    besides: besides(one),
    picture: Object.keys(data).some((type) => type.startsWith('image/')),
  }
}

/** What an output shows in other forms: HTML without its tags, Markdown, what an error says. */
function besides({ data = {}, ...more }: z.infer<typeof output>): string {
  const others = Object.entries(data).flatMap(([type, value]) => {
    const read = text.safeParse(value)
    if (!read.success || !type.startsWith('text/') || type === 'text/plain') return []
    const words = read.data.slice(0, OUTPUT_CHARACTERS)
    return [type === 'text/html' ? words.replaceAll(STYLE, ' ').replaceAll(/<[^<>]*>/g, ' ') : words]
  })
  const error = text.safeParse(more['evalue'])
  return [...others, ...(error.success ? [error.data] : [])].join('\n')
}

/** The first heading of a text, else its first line. */
export function firstLine(source: string): string {
  const lines = source.split('\n').map((line) => line.trim())
  const found = lines.find((line) => /^#{1,6}\s+\S/.test(line)) ?? lines.find((line) => line !== '') ?? ''
  return found.replace(/^#+\s*/, '').slice(0, 120)
}

function refused(code: string, message: string, remedy: string): Error {
  return refusal([{ code, cell: null, message, remedy }])
}
