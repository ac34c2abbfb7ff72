/** A button that opens a dialog in which something secret is made, and shown this once. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef } from 'react'
import type { ReactNode } from 'react'
import { Command } from '../page/command.tsx'
import { ErrorText } from './error-text.tsx'
import { Form } from './form.tsx'

export interface ShownOnceProps {
  /** On the button and above the form: a verb and its object. */
  readonly label: string
  /** On the button that makes it. */
  readonly submit: string
  /** Its noun, in a sentence. */
  readonly what: string
  /** Gives its text. */
  readonly make: () => Promise<string>
  /** The first word of the keys of what is read again once it is made. */
  readonly stale: string
  readonly onOpen?: () => void
  /** What stands above its text; `isMade` once that is shown. */
  readonly children: (isMade: boolean) => ReactNode
}

export function ShownOnce({ label, submit, what, make, stale, onOpen, children }: ShownOnceProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const queries = useQueryClient()
  const making = useMutation({
    mutationFn: make,
    onSuccess: () => queries.invalidateQueries({ queryKey: [stale] }),
  })
  const isMade = making.data !== undefined
  return (
    <>
      <button
        type="button"
        className="button"
        onClick={() => {
          making.reset()
          onOpen?.()
          dialog.current?.showModal()
        }}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-label={label}>
        <Form className="body" onSubmit={() => making.mutate()}>
          <h2>{label}</h2>
          {children(isMade)}
          {making.data !== undefined && (
            <>
              <p>Copy the {what} now; it is not shown again.</p>
              <Command text={making.data} />
            </>
          )}
          <ErrorText error={making.error} />
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <button type="button" className="button" onClick={() => dialog.current?.close()}>
              Close
            </button>
            <button type="submit" className="button primary" disabled={making.isPending || isMade}>
              {submit}
            </button>
          </div>
        </Form>
      </dialog>
    </>
  )
}
