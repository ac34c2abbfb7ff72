/** A text of people in Markdown: notes of runs, descriptions of models. */
import { Fragment, useMemo } from 'react'
import { blocksOf } from '../../data/markdown.ts'
import type { Block, Inline } from '../../data/markdown.ts'
import { Scroll } from '../page/page.tsx'

export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => blocksOf(text), [text])
  return (
    <div className="markdown break">
      {blocks.map((block, i) => (
        <One key={i} block={block} />
      ))}
    </div>
  )
}

const ELEMENTS = { heading: 'h3', paragraph: 'p', quote: 'blockquote' } as const

function One({ block }: { block: Block }) {
  switch (block.kind) {
    case 'heading':
    case 'paragraph':
    case 'quote': {
      const Element = ELEMENTS[block.kind]
      return (
        <Element>
          <Words words={block.inside} />
        </Element>
      )
    }
    case 'code':
      return <pre>{block.text}</pre>
    case 'rule':
      return <hr />
    case 'list':
      return <List block={block} />
    case 'table':
      return <Table rows={block.rows} />
  }
}

function List({ block }: { block: Block & { kind: 'list' } }) {
  const items = block.items.map((item, i) => (
    <li key={i}>
      <Words words={item} />
    </li>
  ))
  return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>
}

function Table({ rows: [head = [], ...body] }: { rows: (Block & { kind: 'table' })['rows'] }) {
  return (
    <Scroll label="Table">
      <table>
        <thead>
          <tr>
            {head.map((cell, i) => (
              <th key={i}>
                <Words words={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {body.map((row, i) => (
            <tr key={i}>
              {row.map((cell, place) => (
                <td key={place}>
                  <Words words={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}

function Words({ words }: { words: readonly Inline[] }) {
  return words.map((word, i) => <Fragment key={i}>{wordOf(word)}</Fragment>)
}

function wordOf(word: Inline) {
  switch (word.kind) {
    case 'text':
      return word.text
    case 'code':
      return <code>{word.text}</code>
    case 'strong':
    case 'em': {
      const Element = word.kind
      return (
        <Element>
          <Words words={word.inside} />
        </Element>
      )
    }
    case 'link':
      return (
        <a href={word.href} rel="noreferrer">
          <Words words={word.inside} />
        </a>
      )
  }
}
