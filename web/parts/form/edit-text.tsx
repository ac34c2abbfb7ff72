/** Changes a text: a button that opens a dialog with the text, kept or left as it was. */
import { useState } from 'react'
import type { Access } from '../../../src/contract/access.ts'
import { ActionDialog } from './action-dialog.tsx'
import { usePermission } from './permissions.ts'

export interface EditProps {
  /** On the button and above the field: a verb and its object. */
  readonly label: string
  readonly value: string
  /** True for a text of several lines. */
  readonly long?: boolean
  readonly hint?: string
  readonly needs: Access
  readonly save: (text: string) => Promise<unknown>
}

export function Edit({ label, value, long = false, hint, needs, save }: EditProps) {
  const allowed = usePermission(needs)
  const [text, setText] = useState(value)
  if (!allowed) return null
  return (
    <ActionDialog
      label={label}
      submit="Save"
      submitTone="primary"
      incomplete={text === value}
      act={() => save(text)}
      onOpen={() => setText(value)}
    >
      {long ? (
        <textarea aria-label={label} value={text} rows={12} onChange={(event) => setText(event.target.value)} />
      ) : (
        <input aria-label={label} value={text} onChange={(event) => setText(event.target.value)} />
      )}
      {hint !== undefined && <p className="muted small">{hint}</p>}
    </ActionDialog>
  )
}
