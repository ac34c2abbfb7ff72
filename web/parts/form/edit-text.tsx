/** Changes a text: a button that opens a dialog with the text, kept or left as it was. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useId, useRef, useState } from 'react'
import type { Access } from '../../../src/contract/access.ts'
import { DialogButtons } from './dialog-buttons.tsx'
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
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState(value)
  const queries = useQueryClient()
  const [heading, field] = [useId(), useId()]
  const saving = useMutation({
    mutationFn: save,
    onSuccess: async () => {
      dialog.current?.close()
      await queries.invalidateQueries()
    },
  })
  if (!allowed) return null
  const given = { id: field, value: text, 'aria-labelledby': heading }
  return (
    <>
      <button
        type="button"
        className="button"
        onClick={() => {
          saving.reset()
          setText(value)
          dialog.current?.showModal()
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-labelledby={heading}>
        <form
          className="body"
          onSubmit={(event) => {
            event.preventDefault()
            saving.mutate(text)
          }}
        >
          <h2 id={heading}>{label}</h2>
          {long ? (
            <textarea {...given} rows={12} onChange={(event) => setText(event.target.value)} />
          ) : (
            <input {...given} onChange={(event) => setText(event.target.value)} />
          )}
          {hint !== undefined && <p className="muted small">{hint}</p>}
          <DialogButtons
            label="Save"
            tone="primary"
            disabled={text === value}
            pending={saving.isPending}
            error={saving.error}
            onCancel={() => dialog.current?.close()}
          />
        </form>
      </dialog>
    </>
  )
}
