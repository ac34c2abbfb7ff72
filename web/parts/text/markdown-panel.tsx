/** A text of people in Markdown with the act to change it: notes of runs, descriptions of models. */
import type { Access } from '../../../src/contract/access.ts'
import { Edit } from '../form/edit-text.tsx'
import { usePermission } from '../form/permissions.ts'
import { Panel } from '../page/page.tsx'
import { Markdown } from './markdown.tsx'

export interface MarkdownPanelProps {
  readonly title: string
  /** Empty = nobody has written anything. */
  readonly text: string
  /** Shown where there is no text. */
  readonly empty: string
  /** What the text is called in the act: `Add a note`, `Edit the note`. */
  readonly noun: string
  readonly needs: Access
  readonly save: (text: string) => Promise<unknown>
}

/** Nothing where there is no text and nobody here may write one. */
export function MarkdownPanel({ title, text, empty, noun, needs, save }: MarkdownPanelProps) {
  const allowed = usePermission(needs)
  if (text === '' && !allowed) return null
  return (
    <Panel
      title={title}
      tools={
        <Edit
          label={text === '' ? `Add a ${noun}` : `Edit the ${noun}`}
          value={text}
          long
          hint="Markdown"
          needs={needs}
          save={save}
        />
      }
    >
      {text === '' ? <p className="muted">{empty}</p> : <Markdown text={text} />}
    </Panel>
  )
}
